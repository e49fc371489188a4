/* GET /instances/{name}/logs: a stream from the instance's node to the client.
 *
 *   node ──stream──▶ on_data ──▶ pending ──http──▶ client
 *
 * What the client does not take stays in `pending`, and the node stops while there is some. */
#include "api/log_text.h"
#include "api/private.h"

#define PENDING_MAX (API_STREAM_MAX + ((size_t)1 << 20))
#define PIECE       ((size_t)64 << 10)

struct log_call {
	struct api_request *request;
	struct api *api;
	struct stream *stream; /* NULL: it has ended */
	struct log_text text;
	struct buf pending;
	bool is_raw; /* lines keep time and stream */
	bool is_ended;
};

static void release(void *arg)
{
	struct log_call *l = arg;

	if (l->stream)
		stream_close(l->stream);
	l->api->n_logs--;
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
	if (l->is_ended)
		api_stream_end(l->request);
}

static void on_room(void *arg)
{
	flush(arg);
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct log_call *l = arg;
	bool is_waiting = l->pending.len > 0;

	if (l->is_raw)
		buf_add(&l->pending, data, len);
	else
		log_text_feed(&l->text, data, len, &l->pending);
	if (!is_waiting)
		flush(l);
}

static void on_end(void *arg, const struct err *err)
{
	struct log_call *l = arg;

	l->stream = NULL;
	l->is_ended = true;
	if (err->code && !l->request->is_begun) {
		api_reply_err(l->request, err);
		return;
	}
	if (err->code)
		buf_addf(&l->pending, "\nholm: the log ends here: %s\n", err->msg);
	flush(l);
}

static bool is_full(void *arg)
{
	return ((struct log_call *)arg)->pending.len > 0;
}

static void on_gone(void *arg)
{
	struct log_call *l = arg;

	begin(l);
	api_stream_end(l->request);
}

/* What the node is asked: {"kind":"logs","instance":ID,"follow":bool,"tail":N}. */
static int build_question(const struct api_request *request, const char *id, char **ret,
			  struct err *err)
{
	const char *tail = http_request_param(request->http, "tail");
	uint32_t n = 0;
	auto_json_out struct json_out out;

	json_out_init(&out, 1024);
	if (tail && parse_u32(tail, 0, INT32_MAX, &n) < 0)
		return err_set(err, -EINVAL, "tail: expected a number of lines, got \"%.40s\"",
			       tail);
	json_out_object(&out, NULL);
	json_out_str(&out, "kind", "logs");
	json_out_str(&out, "instance", id);
	json_out_bool(&out, "follow", api_param_is_set(request, "follow"));
	if (tail)
		json_out_int(&out, "tail", n);
	json_out_object_end(&out);
	return json_out_finish(&out, ret, err);
}

static int find(const struct api_request *request, struct server_instance_ref *ret, struct err *err)
{
	const char *name = request->match.params[0];
	int r = server_find_instance(request->api->config.server, name, ret, err);

	if (r == 0 && !ret->node_id[0])
		return err_set(err, -EBUSY, "instance %s has no node yet, and so no log", name);
	return r;
}

static void open_log(struct api_request *request, const struct server_instance_ref *ref,
		     const char *question)
{
	struct api *api = request->api;
	struct log_call *l = NEW(struct log_call);
	const struct stream_reader reader = { .data = on_data,
					      .end = on_end,
					      .is_full = is_full,
					      .arg = l };
	struct err err;

	l->request = request;
	l->api = api;
	l->is_raw = api_param_is_set(request, "timestamps");
	buf_init(&l->pending, PENDING_MAX);
	api->n_logs++;
	request->release = release;
	request->arg = l;
	http_request_on_gone(request->http, on_gone, l);
	l->stream = stream_open(api->config.streams, ref->node_id, question, &reader, &err);
	if (!l->stream)
		api_reply_err(request, &err);
}

void api_get_logs(struct api_request *request)
{
	struct server_instance_ref ref;
	auto_free char *question = NULL;
	struct err err;

	if (request->api->n_logs >= API_LOGS_MAX) {
		api_reply_error(request, 503, "too many logs are being read");
		return;
	}
	if (find(request, &ref, &err) < 0 || build_question(request, ref.id, &question, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	open_log(request, &ref, question);
}
