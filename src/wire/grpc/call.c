/* Calls and streams: messages in their frames, deadlines, the server's status. */
#include "base/base.h"
#include "base/clock.h"
#include "loop/loop.h"
#include "wire/grpc/session.h"

#define CANCEL_POLL_MS 50 /* how soon a set cancel token is seen */
#define N_HEADERS      7
#define N_METADATA_MAX 4

int64_t grpc_frame_size(const struct buf *in)
{
	const uint8_t *p = (const uint8_t *)in->data;

	if (in->len < GRPC_PREFIX)
		return 0;
	if (p[0])
		return -EPROTO;
	uint32_t size = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
	return size > GRPC_MESSAGE_MAX ? -EMSGSIZE : (int64_t)size + GRPC_PREFIX;
}

bool grpc_frame_is_whole(const struct buf *in)
{
	int64_t size = grpc_frame_size(in);

	return size > 0 && in->len >= (size_t)size;
}

struct grpc_conn *grpc_conn_new(const char *socket_path)
{
	struct grpc_conn *conn = NEW(struct grpc_conn);

	conn->path = xstrdup(socket_path);
	conn->fd = -1;
	list_init(&conn->streams);
	return conn;
}

struct grpc_conn *grpc_conn_free(struct grpc_conn *conn)
{
	if (!conn)
		return NULL;
	assert(list_is_empty(&conn->streams));
	session_close(conn, -ECONNRESET);
	free(conn->path);
	free(conn);
	return NULL;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t room,
		       uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	size_t n = s->out.len - s->out_done;
	if (!n && !s->is_last_sent)
		return NGHTTP2_ERR_DEFERRED;
	n = n < room ? n : room;
	memcpy(out, s->out.data + s->out_done, n);
	s->out_done += n;
	if (s->out_done == s->out.len && s->is_last_sent)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
			     .namelen = strlen(name),
			     .value = (uint8_t *)(uintptr_t)value,
			     .valuelen = strlen(value) };
}

static int32_t submit(struct grpc_conn *conn, struct grpc_stream *s)
{
	nghttp2_nv nv[N_HEADERS + N_METADATA_MAX] = {
		header(":method", "POST"),
		header(":scheme", "http"),
		header(":authority", "localhost"),
		header(":path", s->call.method),
		header("content-type", "application/grpc"),
		header("te", "trailers"),
		header("user-agent", "holm/" HOLM_VERSION),
	};
	nghttp2_data_provider body = { .read_callback = on_read };

	assert(s->call.n_metadata <= N_METADATA_MAX);
	for (size_t i = 0; i < s->call.n_metadata; i++)
		nv[N_HEADERS + i] = header(s->call.metadata[i].name, s->call.metadata[i].value);
	return nghttp2_submit_request(conn->session, NULL, nv, N_HEADERS + s->call.n_metadata,
				      &body, s);
}

static struct grpc_stream *stream_free(struct grpc_stream *s)
{
	list_remove(&s->link);
	buf_fini(&s->out);
	buf_fini(&s->in);
	free(s);
	return NULL;
}

int grpc_stream_open(struct grpc_conn *conn, const struct grpc_call *call, struct grpc_stream **ret,
		     struct err *err)
{
	int r = session_ensure(conn, call->timeout_ms, err);

	if (r < 0)
		return r;
	struct grpc_stream *s = NEW(struct grpc_stream);
	s->conn = conn;
	s->call = *call;
	s->status = -1;
	s->since_ms = clock_monotonic_ms();
	buf_init(&s->out, GRPC_MESSAGE_MAX + GRPC_PREFIX);
	buf_init(&s->in, 2 * (size_t)GRPC_MESSAGE_MAX);
	list_push(&conn->streams, &s->link);
	s->id = submit(conn, s);
	if (s->id < 0) {
		stream_free(s);
		session_close(conn, -ECONNRESET);
		return err_set(err, -ECONNRESET, "call %s: no free stream", call->method);
	}
	*ret = s;
	return 0;
}

/* How the stream ended, as a result with a sentence. */
static int stream_result(const struct grpc_stream *s, struct err *err)
{
	const char *method = s->call.method;

	if (s->error)
		return err_set(err, s->error, "call %s: %s", method, strerror(-s->error));
	if (s->http_code != 200)
		return err_set(err, -EPROTO, "call %s: HTTP status %u", method, s->http_code);
	if (s->status < 0)
		return err_set(err, -EPROTO, "call %s: ended without a status", method);
	if (s->status == 0)
		return 0;
	return err_set(err, grpc_status_errno((unsigned)s->status), "%s",
		       *s->message ? s->message
				   : strerror(-grpc_status_errno((unsigned)s->status)));
}

static void wait_begin(struct grpc_stream *s)
{
	if (!s->is_unary)
		s->since_ms = clock_monotonic_ms();
}

/* One step of the connection on behalf of the wait. */
static int wait_step(struct grpc_stream *s, struct err *err)
{
	uint64_t passed = clock_monotonic_ms() - s->since_ms;

	if (cancel_is_set(s->call.cancel))
		return err_set(err, -ECANCELED, "call %s: cancelled", s->call.method);
	if (passed >= s->call.timeout_ms)
		return err_set(err, -ETIMEDOUT, "call %s: no answer within %u ms", s->call.method,
			       s->call.timeout_ms);
	uint64_t left = s->call.timeout_ms - passed;
	if (s->call.cancel && left > CANCEL_POLL_MS)
		left = CANCEL_POLL_MS;
	session_step(s->conn, (int)left);
	return 0;
}

int grpc_stream_send(struct grpc_stream *s, const void *data, size_t len, bool is_last,
		     struct err *err)
{
	uint8_t prefix[GRPC_PREFIX] = { 0, (uint8_t)(len >> 24), (uint8_t)(len >> 16),
					(uint8_t)(len >> 8), (uint8_t)len };

	if (len > GRPC_MESSAGE_MAX)
		return err_set(err, -EMSGSIZE, "call %s: message of %zu bytes, at most %u",
			       s->call.method, len, GRPC_MESSAGE_MAX);
	wait_begin(s);
	buf_reset(&s->out);
	s->out_done = 0;
	s->is_last_sent = is_last;
	buf_add(&s->out, prefix, sizeof(prefix));
	buf_add(&s->out, data, len);
	if (s->conn->session)
		nghttp2_session_resume_data(s->conn->session, s->id);
	while (s->out_done < s->out.len) {
		if (s->is_ended) {
			int r = stream_result(s, err);

			return r < 0 ? r
				     : err_set(err, -EPIPE, "call %s: ended early", s->call.method);
		}
		session_flush(s->conn);
		if (s->out_done == s->out.len)
			break;
		int r = wait_step(s, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void take_message(struct grpc_stream *s, struct buf *reply)
{
	size_t size = (size_t)grpc_frame_size(&s->in);

	buf_reset(reply);
	buf_add(reply, s->in.data + GRPC_PREFIX, size - GRPC_PREFIX);
	buf_drop(&s->in, size);
	if (s->conn->session && !s->is_gone && !grpc_frame_is_whole(&s->in)) {
		nghttp2_session_consume_stream(s->conn->session, s->id, s->n_held);
		s->n_held = 0;
	}
}

int grpc_stream_receive(struct grpc_stream *s, struct buf *reply, struct err *err)
{
	wait_begin(s);
	for (;;) {
		if (!s->error && grpc_frame_is_whole(&s->in)) {
			take_message(s, reply);
			return 1;
		}
		if (s->is_ended)
			return stream_result(s, err);
		int r = wait_step(s, err);
		if (r < 0)
			return r;
	}
}

/* The session must forget the stream before its memory goes. Where the request itself is still
 * queued, it has no stream to tell that to, so the whole connection goes. */
struct grpc_stream *grpc_stream_close(struct grpc_stream *s)
{
	if (!s)
		return NULL;
	struct grpc_conn *conn = s->conn;
	if (conn->session && !s->is_gone) {
		if (nghttp2_session_get_stream_user_data(conn->session, s->id) != s) {
			session_close(conn, -ECONNRESET);
		} else {
			nghttp2_session_set_stream_user_data(conn->session, s->id, NULL);
			nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, s->id,
						  NGHTTP2_CANCEL);
			session_flush(conn);
		}
	}
	return stream_free(s);
}

int grpc_unary(struct grpc_conn *conn, const struct grpc_call *call, const struct buf *request,
	       struct buf *reply, struct err *err)
{
	auto_(grpc_stream_close) struct grpc_stream *s = NULL;
	auto_buf struct buf rest;
	int r = grpc_stream_open(conn, call, &s, err);

	buf_init(&rest, GRPC_MESSAGE_MAX);
	if (r == 0)
		s->is_unary = true;
	if (r == 0)
		r = grpc_stream_send(s, request->data, request->len, true, err);
	if (r == 0)
		r = grpc_stream_receive(s, reply, err);
	if (r == 0)
		return err_set(err, -EPROTO, "call %s: no answer in it", call->method);
	if (r > 0)
		r = grpc_stream_receive(s, &rest, err);
	if (r > 0)
		return err_set(err, -EPROTO, "call %s: two answers", call->method);
	return r;
}
