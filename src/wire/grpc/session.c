/* Drives nghttp2 over a non-blocking unix socket with poll() on the calling thread. */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/base.h"
#include "wire/grpc/session.h"

#define STREAM_WINDOW (1 << 20)
#define CONN_WINDOW   (16 << 20)

static struct grpc_stream *stream_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
		       void *arg)
{
	struct grpc_conn *conn = arg;
	ssize_t n = send(conn->fd, data, len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? NGHTTP2_ERR_WOULDBLOCK
							 : NGHTTP2_ERR_CALLBACK_FAILURE;
	return n;
}

static bool name_is(const uint8_t *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

static unsigned small_number(const uint8_t *value, size_t len)
{
	auto_free char *text = xstrndup((const char *)value, len < 8 ? len : 8);
	uint32_t v;

	return parse_u32(text, 0, 1000, &v) == 0 ? v : 1000;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct grpc_stream *s = stream_of(session, frame->hd.stream_id);

	if (!s)
		return 0;
	if (name_is(name, name_len, ":status"))
		s->http_code = small_number(value, value_len);
	else if (name_is(name, name_len, "grpc-status"))
		s->status = (int)small_number(value, value_len);
	else if (name_is(name, name_len, "grpc-message"))
		grpc_message_decode((const char *)value, value_len, s->message, sizeof(s->message));
	return 0;
}

/* The window of a stream opens only while its first message is incomplete, so that `in` holds at
 * most one message and one window. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *arg)
{
	struct grpc_stream *s = stream_of(session, id);

	nghttp2_session_consume_connection(session, len);
	if (!s || s->error) {
		nghttp2_session_consume_stream(session, id, len);
		return 0;
	}
	buf_add(&s->in, data, len);
	s->n_held += len;
	int64_t size = grpc_frame_size(&s->in);
	if (size < 0) {
		s->error = (int)size;
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
	} else if (!grpc_frame_is_whole(&s->in)) {
		nghttp2_session_consume_stream(session, id, s->n_held);
		s->n_held = 0;
	}
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct grpc_stream *s = stream_of(session, id);

	if (!s)
		return 0;
	s->is_ended = true;
	s->is_gone = true;
	if (code != NGHTTP2_NO_ERROR && s->status < 0 && !s->error)
		s->error = code == NGHTTP2_REFUSED_STREAM ? -EAGAIN : -EPROTO;
	return 0;
}

/* A server may end its side while ours is open. */
static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct grpc_stream *s = stream_of(session, frame->hd.stream_id);

	if (s && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
	    (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
		s->is_ended = true;
	return 0;
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int code,
			     void *arg)
{
	struct grpc_conn *conn = arg;
	struct list *pos;
	struct list *tmp;

	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	list_for_each(pos, tmp, &conn->streams) {
		struct grpc_stream *s = container_of(pos, struct grpc_stream, link);

		if (s->id == frame->hd.stream_id) {
			s->is_ended = true;
			s->is_gone = true;
			s->error = -ECONNRESET;
		}
	}
	return 0;
}

static nghttp2_session *session_new(struct grpc_conn *conn)
{
	nghttp2_session_callbacks *cb;
	nghttp2_option *option;
	nghttp2_session *session;

	if (nghttp2_session_callbacks_new(&cb) || nghttp2_option_new(&option))
		abort();
	nghttp2_session_callbacks_set_send_callback(cb, on_send);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_send);
	nghttp2_option_set_no_auto_window_update(option, 1);
	if (nghttp2_session_client_new2(&session, cb, conn, option))
		abort();
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
	};
	nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
	nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW);
	return session;
}

static int connect_socket(const char *path, unsigned timeout_ms, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = timeout_ms / 1000,
				    .tv_usec = timeout_ms % 1000 * 1000 };
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(err, "create socket");
	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, -ENAMETOOLONG, "connect to %s: path longer than %zu bytes",
			       path, sizeof(addr.sun_path) - 1);
	STR_COPY(addr.sun_path, path);
	/* A full backlog blocks a unix connect() for as long as sends may take. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_set(err, errno == EAGAIN ? -ETIMEDOUT : -ECONNREFUSED,
			       "connect to %s: %s", path, strerror(errno));
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return err_errno(err, "set up socket");
	return TAKE_FD(fd);
}

int session_ensure(struct grpc_conn *conn, unsigned timeout_ms, struct err *err)
{
	if (conn->fd >= 0)
		session_step(conn, 0); /* shows whether the server has left */
	if (conn->fd >= 0 && !nghttp2_session_check_request_allowed(conn->session))
		session_close(conn, -ECONNRESET);
	if (conn->fd >= 0)
		return 0;
	int fd = connect_socket(conn->path, timeout_ms, err);
	if (fd < 0)
		return fd;
	conn->fd = fd;
	conn->session = session_new(conn);
	return 0;
}

void session_close(struct grpc_conn *conn, int error)
{
	struct list *pos;
	struct list *tmp;

	list_for_each(pos, tmp, &conn->streams) {
		struct grpc_stream *s = container_of(pos, struct grpc_stream, link);

		if (!s->is_ended && !s->error)
			s->error = error;
		s->is_ended = true;
		s->is_gone = true;
	}
	if (conn->session)
		nghttp2_session_del(conn->session);
	conn->session = NULL;
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
}

void session_flush(struct grpc_conn *conn)
{
	if (conn->session && nghttp2_session_send(conn->session) != 0)
		session_close(conn, -ECONNRESET);
}

static void read_socket(struct grpc_conn *conn)
{
	uint8_t chunk[32 << 10];
	ssize_t n = recv(conn->fd, chunk, sizeof(chunk), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		session_close(conn, -ECONNRESET);
	else if (nghttp2_session_mem_recv(conn->session, chunk, (size_t)n) < 0)
		session_close(conn, -EPROTO);
	else
		session_flush(conn);
}

void session_step(struct grpc_conn *conn, int wait_ms)
{
	session_flush(conn);
	if (!conn->session)
		return;
	struct pollfd p = { .fd = conn->fd, .events = POLLIN };
	if (nghttp2_session_want_write(conn->session))
		p.events |= POLLOUT;
	if (poll(&p, 1, wait_ms) > 0 && p.revents & (POLLIN | POLLHUP | POLLERR))
		read_socket(conn);
}
