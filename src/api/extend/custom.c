/* Custom resources. */
#include "api/extend/private.h"

struct type_body {
	char *name;
	char *schema;
	char *id;
};

static const struct field type_fields[] = {
	FIELD(struct type_body, name, "resource_type", F_STR, .flags = F_REQUIRED),
	FIELD(struct type_body, schema, "schema", F_RAW),
	FIELD(struct type_body, id, "_id", F_STR), /* not looked at */
};
FIELD_TABLE(extend_type_table, struct type_body, "custom resource type", type_fields);

static const struct field object_fields[] = { SHAPE_MAY("_id", F_STR,
							.help = "given by the server") };
const struct field_table extend_object_table = {
	.name = "custom resource",
	.fields = object_fields,
	.n = ARRAY_LEN(object_fields),
	.is_open = true,
};

static void on_made(void *arg, const char *json, const struct err *err)
{
	extend_reply(arg, 201, json, err);
}

static void on_changed(void *arg, const char *json, const struct err *err)
{
	extend_reply(arg, 200, json, err);
}

static void on_removed(void *arg, const char *json, const struct err *err)
{
	extend_reply(arg, 204, json, err);
}

static struct server_custom custom_of(struct api_request *request, server_extend_fn done)
{
	struct server_custom custom = {
		.type = request->match.params[0],
		.id = request->match.params[1],
		.done = done,
		.arg = request,
	};

	if (request->match.route->body)
		custom.text = http_request_body(request->http, &custom.len);
	return custom;
}

void extend_get_types(struct api_request *request)
{
	api_reply_json(request, server_custom_types(request->api->config.server));
}

void extend_post_type(struct api_request *request)
{
	struct type_body body = { 0 };
	struct err err;

	if (fields_parse_text(&extend_type_table, http_request_body(request->http, NULL), &body,
			      FIELD_UNKNOWN_ERROR, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	const struct server_custom custom = {
		.type = body.name,
		.text = body.schema,
		.len = body.schema ? strlen(body.schema) : 0,
		.done = on_made,
		.arg = request,
	};
	server_custom_define_begin(request->api->config.server, &custom);
	fields_fini(&extend_type_table, &body);
}

static void on_undefined(void *arg, const char *json, const struct err *err)
{
	const struct api_request *request = arg;

	if (err->code) {
		api_reply_err(arg, err);
		return;
	}
	auto_free char *message = xasprintf("%s and all its objects are removed",
					    request->match.params[0]);
	api_reply_message(arg, message);
}

void extend_delete_type(struct api_request *request)
{
	const struct server_custom custom = custom_of(request, on_undefined);

	server_custom_undefine_begin(request->api->config.server, &custom);
}

void extend_get_customs(struct api_request *request)
{
	struct err err = { 0 };
	char *json = server_custom_list(request->api->config.server, request->match.params[0],
					http_request_params(request->http), &err);

	extend_reply_read(request, json, &err);
}

void extend_post_custom(struct api_request *request)
{
	const struct server_custom custom = custom_of(request, on_made);

	server_custom_create_begin(request->api->config.server, &custom);
}

void extend_get_custom(struct api_request *request)
{
	struct err err = { 0 };
	char *json = server_custom_show(request->api->config.server, request->match.params[0],
					request->match.params[1], &err);

	extend_reply_read(request, json, &err);
}

void extend_patch_custom(struct api_request *request)
{
	const struct server_custom custom = custom_of(request, on_changed);

	server_custom_update_begin(request->api->config.server, &custom);
}

void extend_delete_custom(struct api_request *request)
{
	const struct server_custom custom = custom_of(request, on_removed);

	server_custom_delete_begin(request->api->config.server, &custom);
}
