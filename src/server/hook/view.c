/* Hooks as they are seen. */
#include "server/hook/private.h"

#define LIST_MAX (16u << 20)

char *hook_show(const struct server *server, const struct hook *hook, const struct secret *secret)
{
	struct hook_view view = { .on_failure = hook->on_failure };

	STR_COPY(view.id, hook->id);
	view.name = xstrdup(hook->name);
	view.url = xstrdup(hook->url);
	view.entity = xstrdup(hook->entity);
	strv_copy(&view.events, &hook->events);
	format_rfc3339(hook->created_ms, view.created_at);
	view.n_waiting = (uint32_t)hook_count_waiting(server, hook->id);
	const struct hook_log *log = state_get(server, KIND_HOOK_LOG, hook->id);
	if (log)
		fields_copy(&hook_log_table, log, &view.log);
	if (secret && secret->len)
		view.secret = xstrndup((const char *)secret->bytes, secret->len);
	char *text = fields_format(&hook_view_table, &view);
	hook_view_fini(&view);
	return text;
}

char *server_hook_list(struct server *server)
{
	auto_json_out struct json_out out;
	struct err err;
	char *list = NULL;

	json_out_init(&out, LIST_MAX);
	json_out_array(&out, NULL);
	state_for_each(server, KIND_HOOK, struct hook, hook)
	{
		auto_free char *text = hook_show(server, hook, NULL);

		json_out_raw(&out, NULL, text);
	}
	json_out_array_end(&out);
	int r = json_out_finish(&out, &list, &err);
	assert(r == 0); /* its parts are bounded */
	return list;
}

char *server_hook_show(struct server *server, const char *id, struct err *err)
{
	const struct hook *hook = state_get(server, KIND_HOOK, id);

	if (hook)
		return hook_show(server, hook, NULL);
	err_set(err, -ENOENT, "no hook %.40s", id);
	return NULL;
}
