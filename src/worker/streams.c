/* What is asked of this node over streams: each request's `kind` names who serves it. */
#include "worker/private.h"

static const struct {
	const char *name;
	void (*open)(struct worker *worker, struct stream *stream, struct json *take_request);
} kinds[] = {
	{ "logs", logs_open },     { "call", call_open }, { "exec", exec_open },
	{ "attach", attach_open }, { "copy", copy_open },
};

static void on_open(void *arg, struct stream *stream, const char *request)
{
	struct worker *worker = arg;
	struct json *json = NULL;
	struct err err;
	const char *kind = NULL;

	if (json_parse(request, strlen(request), &json, &err) == 0)
		kind = json_get_str(json, "kind");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!str_eq(kinds[i].name, kind))
			continue;
		kinds[i].open(worker, stream, json);
		return;
	}
	err_set(&err, -EINVAL, "open stream: unknown kind %.40s", kind ? kind : "(none)");
	json_free(json);
	call_refuse(worker, stream, &err);
}

void streams_begin(struct worker *worker)
{
	if (worker->config.streams)
		stream_hub_register(worker->config.streams, worker->config.node_id, on_open,
				    worker);
}

void streams_free_all(struct worker *worker)
{
	if (worker->config.streams)
		stream_hub_unregister(worker->config.streams, worker->config.node_id);
	logs_free_all(worker);
	call_free_all(worker);
	sessions_free_all(&worker->execs);
	sessions_free_all(&worker->attaches);
	sessions_free_all(&worker->copies);
}
