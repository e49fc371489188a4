/* Asking a node: a call over a stream, its one answer as the body. With ?progress=1 the steps on the
 * way come as lines of JSON: {"progress":…} …, then {"result":…} or {"error":{"code","message"}}. */
#include "api/private.h"
#include "api/status.h"

#define ANSWER_MAX ((size_t)16 << 20)

static const struct field ping_fields[] = { SHAPE("node", F_STR, .help = "its id") };
SHAPE_TABLE(api_ping_table, "pong", ping_fields);

static const struct field line_error_fields[] = {
	SHAPE("code", F_U32),
	SHAPE("message", F_STR),
};
static SHAPE_TABLE(line_error_table, "progress error", line_error_fields);

static const struct field line_fields[] = {
	SHAPE_MAY("progress", F_RAW, .help = "a step on the way"),
	SHAPE_MAY("result", F_RAW, .help = "the answer, on the last line"),
	SHAPE_MAY("error", F_OBJECT, .table = &line_error_table),
};
SHAPE_TABLE(api_line_table, "progress line", line_fields);

struct node_call {
	struct api_request *request;
	struct api *api;
	struct stream *stream; /* NULL: it has ended */
	struct buf pending;    /* lines that are not handed on yet */
	bool has_progress;     /* each line is handed on as it comes */
};

static void release(void *arg)
{
	struct node_call *n = arg;

	if (n->stream)
		stream_close(n->stream);
	n->api->n_calls--;
	buf_fini(&n->pending);
	free(n);
}

static void hand_on(struct node_call *n)
{
	if (!n->request->is_begun) {
		n->request->is_begun = true;
		http_stream_begin(n->request->http, 200, "application/x-ndjson");
	}
	/* A client that is behind by more than a stream holds misses steps, and is cut off in time. */
	http_stream_write(n->request->http, n->pending.data, n->pending.len);
	buf_reset(&n->pending);
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct node_call *n = arg;

	buf_add(&n->pending, data, len);
	if (n->has_progress)
		hand_on(n);
}

/* The text inside {"result":…} of the last line; the caller's, NULL if there is none. */
static char *take_result(struct buf *lines)
{
	static const char head[] = "{\"result\":";
	size_t len = lines->len;

	if (!len || lines->data[len - 1] != '\n')
		return NULL;
	lines->data[--len] = '\0';
	const char *start = strrchr(lines->data, '\n');
	start = start ? start + 1 : lines->data;
	if (!str_starts(start, head) || lines->data[len - 1] != '}')
		return NULL;
	lines->data[len - 1] = '\0';
	return xstrdup(start + sizeof(head) - 1);
}

static char *error_line(const struct err *err)
{
	auto_json_out struct json_out out;
	struct err ignored;
	char *text = NULL;

	json_out_init(&out, ANSWER_MAX);
	json_out_object(&out, NULL);
	json_out_object(&out, "error");
	json_out_int(&out, "code", status_of(err->code));
	json_out_str(&out, "message", err->msg);
	json_out_object_end(&out);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &text, &ignored);
	assert(r == 0);
	return text;
}

static void end_lines(struct node_call *n, const struct err *err)
{
	if (err->code) {
		auto_free char *line = error_line(err);

		buf_addf(&n->pending, "%s\n", line);
		hand_on(n);
	}
	api_stream_end(n->request);
}

static void on_end(void *arg, const struct err *err)
{
	struct node_call *n = arg;

	n->stream = NULL;
	if (n->request->is_begun) {
		end_lines(n, err);
		return;
	}
	char *result = err->code ? NULL : take_result(&n->pending);
	if (err->code)
		api_reply_err(n->request, err);
	else if (result)
		api_reply_json(n->request, result);
	else
		api_reply_error(n->request, 502, "the node gave no answer");
}

static void on_gone(void *arg)
{
	struct node_call *n = arg;

	if (n->request->is_begun)
		api_stream_end(n->request);
	else
		api_reply_error(n->request, 502, "gone");
}

static void open_call(struct api_request *request, const char *node_id, const char *question)
{
	struct api *api = request->api;
	struct node_call *n = NEW(struct node_call);
	const struct stream_reader reader = { .data = on_data, .end = on_end, .arg = n };
	struct err err;

	n->request = request;
	n->api = api;
	n->has_progress = api_param_is_set(request, "progress");
	buf_init(&n->pending, ANSWER_MAX);
	api->n_calls++;
	request->release = release;
	request->arg = n;
	http_request_on_gone(request->http, on_gone, n);
	n->stream = stream_open(api->config.streams, node_id, question, &reader, &err);
	if (!n->stream)
		api_reply_err(request, &err);
}

void api_call_node(struct api_request *request, const char *call, char *take_args)
{
	auto_free char *args = take_args;
	auto_free char *question = xasprintf("{\"kind\":\"call\",\"call\":\"%s\",\"args\":%s}",
					     call, args ? args : "{}");
	char node_id[ID_SIZE];
	struct err err;

	if (request->api->n_calls >= API_CALLS_MAX) {
		api_reply_error(request, 503, "too many questions to nodes are open");
		return;
	}
	if (server_find_node(request->api->config.server, http_request_param(request->http, "node"),
			     node_id, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	open_call(request, node_id, question);
}

void api_call_node_with_body(struct api_request *request, const struct field_table *table,
			     const char *call)
{
	auto_free void *body = xcalloc(1, table->size);
	struct err err;
	size_t len;
	const char *text = http_request_body(request->http, &len);

	if (fields_parse_text(table, len ? text : "{}", body, FIELD_UNKNOWN_ERROR, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	char *args = fields_format(table, body);
	fields_fini(table, body);
	api_call_node(request, call, args);
}

void api_get_node_ping(struct api_request *request)
{
	api_call_node(request, "ping", NULL);
}
