/* GET /api/service/{id}: the service, with the end of each instance's output from its node. A node that
 * does not answer soon delays nobody: its instances' `logs` are empty then. */
#include "api/log_text.h"
#include "api/oakestra/private.h"

#define LOGS_WAIT_MS 500
#define SOURCES_MAX  32 /* instances whose output is asked for */
#define LINES        "30"
#define TAIL_MAX     1024
#define TEXT_MAX     ((size_t)1 << 20)

struct inquiry;

struct source {
	struct inquiry *inquiry;
	char id[ID_SIZE];
	struct stream *stream; /* NULL: it has ended */
	struct log_text reader;
	struct buf text; /* its end */
};

struct inquiry {
	struct api_request *request;
	struct api *api;
	struct timer *timer;
	char id[ID_SIZE]; /* of the service */
	struct source sources[SOURCES_MAX];
	size_t n;
	size_t n_open;
};

static void release(void *arg)
{
	struct inquiry *q = arg;

	timer_cancel(q->timer);
	for (size_t i = 0; i < q->n; i++) {
		if (q->sources[i].stream)
			stream_close(q->sources[i].stream);
		buf_fini(&q->sources[i].text);
	}
	q->api->n_logs -= (unsigned)q->n;
	free(q);
}

static void reply(struct api_request *request, const char *id, const struct map *logs)
{
	const struct oakestra_user user = oakestra_who(request);
	struct err err = { 0 };
	char *json = oakestra_show_service(request->api->config.server, &user, id, logs, &err);

	oakestra_reply(request, json, &err);
}

/* The last part of it, from the beginning of a line if there is one. */
static const char *tail_of(const struct buf *text)
{
	if (text->len <= TAIL_MAX)
		return text->data ? text->data : "";
	const char *start = text->data + text->len - TAIL_MAX;
	const char *newline = strchr(start, '\n');
	return newline && newline[1] ? newline + 1 : start;
}

static void finish(struct inquiry *q)
{
	struct map logs = { 0 };

	for (size_t i = 0; i < q->n; i++)
		map_set(&logs, q->sources[i].id, (void *)(uintptr_t)tail_of(&q->sources[i].text));
	/* Its texts are released with the request. */
	reply(q->request, q->id, &logs);
	map_fini(&logs);
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct source *s = arg;

	/* In pieces that have room. */
	while (len) {
		size_t n = len < TEXT_MAX / 8 ? len : TEXT_MAX / 8;

		log_text_feed(&s->reader, data, n, &s->text);
		if (s->text.len > 2 * TAIL_MAX)
			buf_drop(&s->text, s->text.len - 2 * TAIL_MAX);
		data += n;
		len -= n;
	}
}

static void on_end(void *arg, const struct err *err)
{
	struct source *s = arg;

	s->stream = NULL;
	if (--s->inquiry->n_open == 0)
		finish(s->inquiry);
}

static void on_late(void *arg)
{
	struct inquiry *q = arg;

	q->timer = NULL;
	finish(q);
}

static void on_gone(void *arg)
{
	struct inquiry *q = arg;

	api_reply_error(q->request, 502, "gone");
}

static void open_source(struct inquiry *q, const struct server_instance_ref *ref)
{
	struct source *s = &q->sources[q->n++];
	const struct stream_reader reader = { .data = on_data, .end = on_end, .arg = s };
	auto_free char *question = xasprintf(
		"{\"kind\":\"logs\",\"instance\":\"%s\",\"follow\":false,\"tail\":" LINES "}",
		ref->id);
	struct err ignored;

	s->inquiry = q;
	STR_COPY(s->id, ref->id);
	buf_init(&s->text, TEXT_MAX);
	s->stream = stream_open(q->api->config.streams, ref->node_id, question, &reader, &ignored);
	q->n_open += s->stream != NULL;
}

static size_t n_asked(const struct server_instance_refs *refs)
{
	return refs->n < SOURCES_MAX ? refs->n : SOURCES_MAX;
}

static void ask_nodes(struct api_request *request, const char *id,
		      const struct server_instance_refs *refs)
{
	struct inquiry *q = NEW(struct inquiry);

	STR_COPY(q->id, id);
	q->request = request;
	q->api = request->api;
	request->release = release;
	request->arg = q;
	http_request_on_gone(request->http, on_gone, q);
	for (size_t i = 0; i < n_asked(refs); i++)
		open_source(q, &refs->items[i]);
	q->api->n_logs += (unsigned)q->n;
	q->timer = timer_start(q->api->config.loop, LOGS_WAIT_MS, on_late, q);
	if (!q->n_open)
		finish(q);
}

/* By its name, too: the `oak` client asks so first, and otherwise looks for it in the list of all, where
 * there is no output. */
void oakestra_get_service(struct api_request *request)
{
	struct server *server = request->api->config.server;
	const struct oakestra_user user = oakestra_who(request);
	struct server_instance_refs refs = { 0 };
	struct err err;
	const char *id = oakestra_find_service(server, &user, request->match.params[0], &err);

	if (!id)
		api_reply_err(request, &err);
	else if (!request->api->config.streams ||
		 server_find_instances(server, id, &refs, &err) < 0 || !refs.n ||
		 request->api->n_logs + n_asked(&refs) > API_LOGS_MAX)
		reply(request, id, NULL);
	else
		ask_nodes(request, id, &refs);
	free(refs.items);
}
