/* The table of calls, and their way from a stream to a handler and back. */
#include "worker/call.h"
#include "worker/private.h"

#define ANSWER_MAX ((size_t)16 << 20)

struct call {
	struct list node;
	struct worker *worker;
	struct stream *stream; /* NULL: whoever asked has gone */
	struct json *request;
	void (*begin)(struct call *call, const struct json *args);
	struct err err; /* refused already */
};

static const struct {
	const char *name;
	/* `args` is an object, or NULL, and lives as long as the call. */
	void (*begin)(struct call *call, const struct json *args);
} handlers[] = {
	{ "ping", call_ping },
	{ "volume.ls", volume_ls_begin },
	{ "volume.create", volume_create_begin },
	{ "volume.rm", volume_rm_begin },
	{ "image.ls", call_image_ls },
	{ "image.pull", call_image_pull },
	{ "image.rm", call_image_rm },
	{ "image.prune", call_image_prune },
	{ "registry.login", registry_login_begin },
	{ "registry.logout", registry_logout_begin },
	{ "registry.ls", registry_list_begin },
};

struct worker *call_worker(const struct call *call)
{
	return call->worker;
}

bool call_is_wanted(const struct call *call)
{
	return call->stream;
}

static void call_free(struct call *call)
{
	list_remove(&call->node);
	json_free(call->request);
	free(call);
}

static void send(struct call *call, const char *kind, char *take_json)
{
	auto_buf struct buf line;

	buf_init(&line, ANSWER_MAX);
	buf_addf(&line, "{\"%s\":", kind);
	buf_add_str(&line, take_json);
	buf_add_str(&line, "}\n");
	if (call->stream)
		stream_send(call->stream, line.data, line.len);
	free(take_json);
}

void call_tell(struct call *call, char *take_json)
{
	send(call, "progress", take_json);
}

void call_reply(struct call *call, char *take_json)
{
	struct err none = { 0 };

	send(call, "result", take_json);
	call_fail(call, &none);
}

void call_fail(struct call *call, const struct err *err)
{
	struct stream *stream = call->stream;

	call_free(call);
	if (stream)
		stream_end(stream, err);
}

static void on_gone(void *arg)
{
	struct call *call = arg;

	call->stream = NULL;
}

/* Streams are answered later than they are opened. */
static void on_begin(void *arg)
{
	struct call *call = arg;
	struct err err = call->err;

	if (err.code)
		call_fail(call, &err);
	else
		call->begin(call, json_get(call->request, "args"));
}

static struct call *call_new(struct worker *worker, struct stream *stream)
{
	struct call *call = NEW(struct call);

	call->worker = worker;
	call->stream = stream;
	list_push(&worker->calls, &call->node);
	stream_serve(stream, on_gone, call);
	loop_post(worker->config.loop, on_begin, call);
	return call;
}

void call_refuse(struct worker *worker, struct stream *stream, const struct err *err)
{
	call_new(worker, stream)->err = *err;
}

void call_open(struct worker *worker, struct stream *stream, struct json *take_request)
{
	const char *name = json_get_str(take_request, "call");
	struct call *call = call_new(worker, stream);

	call->request = take_request;
	for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
		if (str_eq(handlers[i].name, name))
			call->begin = handlers[i].begin;
	if (!call->begin)
		err_set(&call->err, -ENOTSUP, "this node knows no %.40s", name ? name : "call");
}

void call_ping(struct call *call, const struct json *args)
{
	call_reply(call, xasprintf("{\"node\":\"%s\"}", call->worker->config.node_id));
}

void call_free_all(struct worker *worker)
{
	while (!list_is_empty(&worker->calls)) {
		struct call *call = container_of(worker->calls.next, struct call, node);

		if (call->stream)
			stream_serve(call->stream, NULL, NULL);
		call_free(call);
	}
}
