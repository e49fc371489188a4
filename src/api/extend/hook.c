/* Hooks. */
#include "api/extend/private.h"
#include "model/hook.h"

static bool is_json(const char *text)
{
	auto_(json_free) struct json *json = NULL;
	struct err ignored;

	return json_parse(text, strlen(text), &json, &ignored) == 0;
}

/* 400 for what is no JSON, 422 for what is no hook. */
static void refuse(struct api_request *request, unsigned status, const struct err *err)
{
	if (err->code == -EINVAL)
		api_reply_error(request, status, err->msg);
	else
		api_reply_err(request, err);
}

static void answer(struct api_request *request, unsigned status, const char *json,
		   const struct err *err)
{
	if (err->code)
		refuse(request, 422, err);
	else
		extend_reply(request, status, json, err);
}

static void on_made(void *arg, const char *json, const struct err *err)
{
	answer(arg, 201, json, err);
}

static void on_changed(void *arg, const char *json, const struct err *err)
{
	answer(arg, 200, json, err);
}

static void on_removed(void *arg, const char *json, const struct err *err)
{
	answer(arg, 204, json, err);
}

/* False: it has been answered. */
static bool read_body(struct api_request *request, const struct field_table *table,
		      struct hook_body *ret)
{
	const char *text = http_request_body(request->http, NULL);
	struct err err;

	if (fields_parse_text(table, text, ret, FIELD_UNKNOWN_ERROR, &err) == 0)
		return true;
	if (str_starts(err.msg, "secret: ")) /* and what was sent instead of one */
		err_set(&err, -EINVAL, "secret: expected a text");
	refuse(request, is_json(text) ? 422 : 400, &err);
	return false;
}

static void change(struct api_request *request, const struct hook_body *body, server_extend_fn done,
		   void (*begin)(struct server *server, const struct server_hook *hook))
{
	const struct server_hook hook = {
		.id = request->match.params[0],
		.body = body,
		.done = done,
		.arg = request,
	};

	begin(request->api->config.server, &hook);
}

void extend_get_hooks(struct api_request *request)
{
	api_reply_json(request, server_hook_list(request->api->config.server));
}

void extend_get_hook(struct api_request *request)
{
	struct err err = { 0 };
	char *json = server_hook_show(request->api->config.server, request->match.params[0], &err);

	extend_reply_read(request, json, &err);
}

void extend_post_hook(struct api_request *request)
{
	struct hook_body body = { 0 };

	if (!read_body(request, &hook_body_table, &body))
		return;
	change(request, &body, on_made, server_hook_create_begin);
	hook_body_fini(&body);
}

void extend_patch_hook(struct api_request *request)
{
	struct hook_body body = { 0 };

	if (!read_body(request, &hook_patch_table, &body))
		return;
	change(request, &body, on_changed, server_hook_update_begin);
	hook_body_fini(&body);
}

void extend_delete_hook(struct api_request *request)
{
	change(request, NULL, on_removed, server_hook_delete_begin);
}
