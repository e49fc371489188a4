/* A client's connection and a node's stream as one stream of frames both ways (wire/frame).
 *
 *   node ──stream──▶ on_data ──▶ pending ──http──▶ client
 *   node ◀──stream── on_take ◀──────────── http ── client
 *
 * The connection leaves HTTP when the node has begun; until then a refusal is an answer as any other. */
#include "api/private.h"
#include "wire/frame/frame.h"

#define PENDING_MAX (API_STREAM_MAX + ((size_t)1 << 20))
#define PIECE       ((size_t)64 << 10)
#define CODE_LOST   1

struct splice {
	struct api_request *request;
	struct api *api;
	struct stream *stream; /* NULL: it has ended */
	struct buf pending;
	bool is_ended;
	bool is_writing; /* to the stream, whose end may be told meanwhile */
};

static void release(void *arg)
{
	struct splice *s = arg;

	if (s->stream)
		stream_close(TAKE(s->stream));
	s->api->n_splices--;
	buf_fini(&s->pending);
	free(s);
}

static void on_room(void *arg);

/* Ends the request when all has been written that there will be. */
static void flush(struct splice *s)
{
	while (s->pending.len) {
		size_t n = s->pending.len < PIECE ? s->pending.len : PIECE;

		if (http_stream_write(s->request->http, s->pending.data, n) == -EAGAIN) {
			http_stream_on_room(s->request->http, on_room, s);
			return;
		}
		buf_drop(&s->pending, n);
	}
	if (s->is_ended)
		api_stream_end(s->request);
}

static void on_room(void *arg)
{
	struct splice *s = arg;
	struct stream *stream = s->stream;

	flush(s);
	if (stream && !s->pending.len)
		stream_drained(stream);
}

static void on_take(void *arg, const char *data, size_t len)
{
	struct splice *s = arg;

	if (!s->stream)
		return;
	s->is_writing = true;
	stream_write(s->stream, data, len);
	s->is_writing = false;
	if (s->is_ended)
		flush(s);
	else if (stream_is_clogged(s->stream))
		http_upgrade_want(s->request->http, false);
}

static void begin(struct splice *s)
{
	if (s->request->is_begun)
		return;
	s->request->is_begun = true;
	audit_note(s->request, 101, NULL); /* it may go on for days */
	http_upgrade_begin(s->request->http, API_UPGRADE, on_take, s);
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct splice *s = arg;
	bool is_waiting = s->pending.len > 0;

	begin(s);
	buf_add(&s->pending, data, len);
	if (!is_waiting)
		flush(s);
}

static void on_end(void *arg, const struct err *err)
{
	struct splice *s = arg;

	s->stream = NULL;
	s->is_ended = true;
	if (err->code && !s->request->is_begun) {
		api_reply_err(s->request, err);
		return;
	}
	begin(s);
	if (err->code)
		frame_put_end(&s->pending, CODE_LOST, err->msg);
	if (!s->is_writing)
		flush(s);
}

static bool is_full(void *arg)
{
	return ((struct splice *)arg)->pending.len > 0;
}

static void on_node_room(void *arg)
{
	struct splice *s = arg;

	if (s->request->is_begun)
		http_upgrade_want(s->request->http, true);
}

static void on_gone(void *arg)
{
	struct splice *s = arg;

	if (s->request->is_begun)
		api_stream_end(s->request);
	else
		api_reply_error(s->request, 502, "gone");
}

void api_splice(struct api_request *request, const char *node_id, const char *question)
{
	struct api *api = request->api;
	struct splice *s = NEW(struct splice);
	const struct stream_reader reader = { .data = on_data,
					      .end = on_end,
					      .is_full = is_full,
					      .room = on_node_room,
					      .arg = s };
	struct err err;

	s->request = request;
	s->api = api;
	buf_init(&s->pending, PENDING_MAX);
	api->n_splices++;
	request->release = release;
	request->arg = s;
	http_request_on_gone(request->http, on_gone, s);
	s->stream = stream_open(api->config.streams, node_id, question, &reader, &err);
	if (!s->stream)
		api_reply_err(request, &err);
}

bool api_may_splice(struct api_request *request)
{
	if (!http_request_asks_upgrade(request->http, API_UPGRADE)) {
		http_add_header(request->http, "Upgrade", API_UPGRADE);
		api_reply_error(request, 426, "this goes both ways: ask for Upgrade: " API_UPGRADE);
		return false;
	}
	if (request->api->n_splices >= API_SPLICES_MAX) {
		api_reply_error(request, 503, "too many commands and copies go on");
		return false;
	}
	return true;
}
