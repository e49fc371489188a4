/* GET /events: the server's changes as server-sent events (WHATWG HTML, 9.2).
 *
 * A reader that does not keep up is cut off; it comes back with Last-Event-ID and goes on where it
 * was, or is told to list anew ("reset"). */
#include "api/private.h"

#define HEARTBEAT_MS 15000
#define EVENT_MAX    ((size_t)1 << 20)

struct event_stream {
	struct api_request *request; /* NULL: it has ended */
	struct api *api;
	struct server_watch *watch;
	struct timer *heartbeat;
	bool is_behind;
	bool is_ending; /* a posted call refers to us */
};

static void stream_unref(struct event_stream *s)
{
	if (!s->request && !s->is_ending)
		free(s);
}

/* The request is being ended. */
static void release(void *arg)
{
	struct event_stream *s = arg;

	s->request = NULL;
	s->watch = server_watch_end(s->api->config.server, s->watch);
	s->heartbeat = timer_cancel(s->heartbeat);
	s->api->n_events--;
	stream_unref(s);
}

static void on_gone(void *arg)
{
	struct event_stream *s = arg;

	api_stream_end(s->request);
}

static void end_later(void *arg)
{
	struct event_stream *s = arg;

	s->is_ending = false;
	if (s->request)
		api_stream_end(s->request);
	else
		stream_unref(s);
}

/* A watch may not be ended by its callback, so a reader that is behind is cut off afterwards. */
static void write_text(struct event_stream *s, const char *text, size_t len)
{
	if (s->is_behind)
		return;
	int r = http_stream_write(s->request->http, text, len);
	if (r == 0 || r == -EPIPE)
		return;
	s->is_behind = s->is_ending = true;
	loop_post(s->api->config.loop, end_later, s);
}

static void on_event(void *arg, const struct server_event *event)
{
	auto_buf struct buf text;

	buf_init(&text, EVENT_MAX);
	buf_addf(&text, "id: %lu\nevent: %s\ndata: ", event->revision, event->kind);
	if (event->is_gone)
		buf_addf(&text, "{\"id\":\"%s\",\"is_gone\":true}", event->id);
	else
		buf_add_str(&text, event->json);
	buf_add_str(&text, "\n\n");
	write_text(arg, text.data, text.len);
}

static void on_heartbeat(void *arg)
{
	static const char comment[] = ": alive\n\n";
	struct event_stream *s = arg;

	s->heartbeat = timer_start(s->api->config.loop, HEARTBEAT_MS, on_heartbeat, s);
	write_text(s, comment, sizeof(comment) - 1);
}

/* Where to begin; 0: from now on. */
static int parse_since(const struct api_request *request, uint64_t *ret, struct err *err)
{
	const char *text = http_request_header(request->http, "Last-Event-ID");

	if (!text)
		text = http_request_param(request->http, "since");
	if (!text)
		return 0;
	if (parse_u64(text, 0, UINT64_MAX, ret) < 0)
		return err_set(err, -EINVAL, "since: expected a revision, got \"%.40s\"", text);
	return 0;
}

void api_get_events(struct api_request *request)
{
	static const char hello[] = "retry: 1000\n\n";
	struct api *api = request->api;
	uint64_t since = 0;
	struct err err;

	if (parse_since(request, &since, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	if (api->n_events >= API_EVENTS_MAX) {
		api_reply_error(request, 503, "too many event streams are open");
		return;
	}
	struct event_stream *s = NEW(struct event_stream);
	s->request = request;
	s->api = api;
	api->n_events++;
	request->release = release;
	request->arg = s;
	request->is_begun = true;
	http_request_on_gone(request->http, on_gone, s);
	http_add_header(request->http, "Cache-Control", "no-store");
	http_stream_begin(request->http, 200, "text/event-stream");
	http_stream_write(request->http, hello, sizeof(hello) - 1);
	s->heartbeat = timer_start(api->config.loop, HEARTBEAT_MS, on_heartbeat, s);
	s->watch = server_watch_begin(api->config.server, since, on_event, s);
}
