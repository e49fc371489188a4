/* GET /instances/{name}/logs: streams from the nodes of an instance, or of all of a service's, to the
 * client.
 *
 *   nodes ──streams──▶ on_data ──▶ pending ──http──▶ client
 *
 * What the client does not take stays in `pending`, and the nodes stop while there is some. */
#include "api/log_text.h"
#include "api/private.h"
#include "model/when.h"

#define PENDING_MAX (API_STREAM_MAX + ((size_t)1 << 20))
#define PIECE       ((size_t)64 << 10)
#define RECORD_MAX  PIECE
#define SOURCES_MAX 32 /* instances whose logs are read at once */

struct log_call;

/* The log of one instance. */
struct log_source {
	struct log_call *call;
	struct stream *stream; /* NULL: it has ended */
	char *name;            /* in front of each record, NULL: nothing */
	struct log_text text;
	struct buf line; /* a record that is not whole yet, where names are wanted */
};

struct log_call {
	struct api_request *request;
	struct api *api;
	struct log_source *sources;
	size_t n;
	size_t n_open;
	struct buf pending;
	bool is_raw; /* lines keep time and stream */
};

static void release(void *arg)
{
	struct log_call *l = arg;

	for (size_t i = 0; i < l->n; i++) {
		struct log_source *s = &l->sources[i];

		if (s->stream)
			stream_close(s->stream);
		free(s->name);
		buf_fini(&s->line);
	}
	l->api->n_logs -= (unsigned)l->n;
	free(l->sources);
	buf_fini(&l->pending);
	free(l);
}

static void begin(struct log_call *l)
{
	if (l->request->is_begun)
		return;
	l->request->is_begun = true;
	http_stream_begin(l->request->http, 200, "text/plain; charset=utf-8");
}

static void on_room(void *arg);

/* Ends the call when all has been written that there will be. */
static void flush(struct log_call *l)
{
	begin(l);
	while (l->pending.len) {
		size_t n = l->pending.len < PIECE ? l->pending.len : PIECE;

		if (http_stream_write(l->request->http, l->pending.data, n) == -EAGAIN) {
			http_stream_on_room(l->request->http, on_room, l);
			return;
		}
		buf_drop(&l->pending, n);
	}
	if (!l->n_open)
		api_stream_end(l->request);
}

/* The nodes go on, later: none of them ends its log from here. */
static void on_room(void *arg)
{
	struct log_call *l = arg;
	bool is_last = !l->n_open; /* the flush may end it */

	flush(l);
	for (size_t i = 0; !is_last && !l->pending.len && i < l->n; i++)
		if (l->sources[i].stream)
			stream_drained(l->sources[i].stream);
}

/* Whole records, each behind the instance's name. One that is too long for a record of ours is none. */
static void add_named(struct log_source *s, const char *data, size_t len)
{
	const char *end = data + len;

	while (data < end) {
		const char *newline = memchr(data, '\n', (size_t)(end - data));
		size_t n = (size_t)((newline ? newline : end) - data);

		buf_add(&s->line, data, n);
		data += n + (newline != NULL);
		if (!newline)
			continue;
		buf_addf(&s->call->pending, "%s ", s->name);
		buf_add(&s->call->pending, s->line.data, s->line.len);
		buf_add(&s->call->pending, "\n", 1);
		buf_reset(&s->line);
	}
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct log_source *s = arg;
	struct log_call *l = s->call;
	bool is_waiting = l->pending.len > 0;

	if (s->name)
		add_named(s, data, len);
	else if (l->is_raw)
		buf_add(&l->pending, data, len);
	else
		log_text_feed(&s->text, data, len, &l->pending);
	if (!is_waiting)
		flush(l);
}

static void on_end(void *arg, const struct err *err)
{
	struct log_source *s = arg;
	struct log_call *l = s->call;

	s->stream = NULL;
	l->n_open--;
	if (err->code && !l->request->is_begun && l->n == 1) {
		api_reply_err(l->request, err);
		return;
	}
	if (err->code)
		buf_addf(&l->pending, "\nholm: the log ends here: %s\n", err->msg);
	flush(l);
}

static bool is_full(void *arg)
{
	return ((struct log_source *)arg)->call->pending.len > 0;
}

static void on_gone(void *arg)
{
	struct log_call *l = arg;

	begin(l);
	api_stream_end(l->request);
}

static int put_time(struct json_out *out, const struct api_request *request, const char *name,
		    struct err *err)
{
	const char *text = http_request_param(request->http, name);
	auto_free char *key = xasprintf("%s_ms", name);
	uint64_t ms;

	if (!text)
		return 0;
	if (when_parse(text, loop_wall_ms(request->api->config.loop), &ms) < 0)
		return err_set(
			err, -EINVAL,
			"%s: expected a time (2026-11-23T13:18:02Z) or how long ago (90s, 10m, "
			"2h, 1d), got \"%.40s\"",
			name, text);
	json_out_int(out, key, (int64_t)ms);
	return 0;
}

static int put_stream(struct json_out *out, const struct api_request *request, struct err *err)
{
	const char *stream = http_request_param(request->http, "stream");

	if (!stream)
		return 0;
	if (!str_eq(stream, "stdout") && !str_eq(stream, "stderr"))
		return err_set(err, -EINVAL, "stream: expected stdout or stderr, got \"%.40s\"",
			       stream);
	json_out_str(out, "stream", stream);
	return 0;
}

/* What the node is asked: {"kind":"logs","instance":ID,"follow":bool,"tail":N, …}. */
static int build_question(const struct api_request *request, const char *id, char **ret,
			  struct err *err)
{
	const char *tail = http_request_param(request->http, "tail");
	bool is_follow = api_param_is_set(request, "follow");
	uint32_t n = 0;
	auto_json_out struct json_out out;

	json_out_init(&out, 1024);
	if (tail && parse_u32(tail, 0, INT32_MAX, &n) < 0)
		return err_set(err, -EINVAL, "tail: expected a number of lines, got \"%.40s\"",
			       tail);
	if (is_follow && http_request_param(request->http, "until"))
		return err_set(err, -EINVAL, "until: what has an end cannot be followed");
	if (is_follow && api_param_is_set(request, "previous"))
		return err_set(err, -EINVAL, "previous: what has ended cannot be followed");
	json_out_object(&out, NULL);
	json_out_str(&out, "kind", "logs");
	json_out_str(&out, "instance", id);
	json_out_bool(&out, "follow", is_follow);
	if (api_param_is_set(request, "previous"))
		json_out_bool(&out, "previous", true);
	if (tail)
		json_out_int(&out, "tail", n);
	int r = put_time(&out, request, "since", err);
	if (r == 0)
		r = put_time(&out, request, "until", err);
	if (r == 0)
		r = put_stream(&out, request, err);
	if (r < 0)
		return r;
	json_out_object_end(&out);
	return json_out_finish(&out, ret, err);
}

/* An instance, or else all of a service. */
static int find(const struct api_request *request, struct server_instance_refs *ret,
		struct err *err)
{
	struct server *server = request->api->config.server;
	const char *name = request->match.params[0];
	struct server_instance_ref one = { 0 };
	struct err second;
	int r = server_find_instance(server, name, &one, err);

	if (r == 0 && !one.node_id[0])
		return err_set(err, -EBUSY, "instance %s has no node yet, and so no log", name);
	if (r == 0) {
		*ARRAY_ADD(ret->items, ret->n) = one;
		return 0;
	}
	/* Its own error is the better one: a service's instances are listed there, too. */
	if (server_find_instances(server, name, ret, &second) < 0)
		return r;
	if (ret->n > SOURCES_MAX)
		return err_set(err, -E2BIG, "service %s has %zu instances, %d can be read at once",
			       name, ret->n, SOURCES_MAX);
	return ret->n ? 0
		      : err_set(err, -EBUSY, "service %s has no instance on a node, and so no log",
				name);
}

static int open_source(struct log_source *s, const struct server_instance_ref *ref, struct err *err)
{
	struct log_call *l = s->call;
	const struct stream_reader reader = { .data = on_data,
					      .end = on_end,
					      .is_full = is_full,
					      .arg = s };
	auto_free char *question = NULL;
	int r = build_question(l->request, ref->id, &question, err);

	if (r < 0)
		return r;
	s->stream = stream_open(l->api->config.streams, ref->node_id, question, &reader, err);
	if (!s->stream)
		return err->code;
	l->n_open++;
	return 0;
}

static void open_all(struct api_request *request, const struct server_instance_refs *refs)
{
	struct log_call *l = NEW(struct log_call);
	bool has_names = api_param_is_set(request, "names");
	struct err err;
	int r = 0;

	l->request = request;
	l->api = request->api;
	l->is_raw = api_param_is_set(request, "timestamps");
	buf_init(&l->pending, PENDING_MAX);
	l->n = refs->n;
	l->sources = xcalloc(l->n, sizeof(*l->sources));
	l->api->n_logs += (unsigned)l->n;
	request->release = release;
	request->arg = l;
	http_request_on_gone(request->http, on_gone, l);
	for (size_t i = 0; i < l->n; i++) {
		l->sources[i].call = l;
		buf_init(&l->sources[i].line, RECORD_MAX);
		if (has_names)
			l->sources[i].name = xstrdup(l->n > 1 ? refs->items[i].label : "-");
	}
	for (size_t i = 0; r == 0 && i < l->n; i++)
		r = open_source(&l->sources[i], &refs->items[i], &err);
	if (r < 0)
		api_reply_err(request, &err);
}

void api_get_logs(struct api_request *request)
{
	struct server_instance_refs refs = { 0 };
	struct err err;
	int r = find(request, &refs, &err);

	if (r < 0)
		api_reply_err(request, &err);
	else if (request->api->n_logs + refs.n > API_LOGS_MAX)
		api_reply_error(request, 503, "too many logs are being read");
	else
		open_all(request, &refs);
	free(refs.items);
}
