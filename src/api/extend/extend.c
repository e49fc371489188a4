/* The routes, and what their handlers share. */
#include "api/extend/private.h"
#include "model/custom.h"
#include "model/hook.h"

#define CUSTOM "/api/v1/custom-resources"
#define HOOKS  "/api/v1/hooks"

static const struct route routes[] = {
	{ "GET", CUSTOM, extend_get_types, .id = "listCustomTypes",
	  .answer = &custom_type_view_table, .form = ROUTE_LIST,
	  .summary = "all types of custom resources" },
	{ "POST", CUSTOM, extend_post_type, .id = "defineCustomType", .body = &extend_type_table,
	  .answer = &custom_type_view_table, .status = 201,
	  .summary = "defines a type: {\"resource_type\", \"schema\"}, a JSON Schema" },
	{ "GET", CUSTOM "/{type}", extend_get_customs, .id = "listCustomObjects",
	  .answer = &extend_object_table, .form = ROUTE_LIST,
	  .summary = "objects of a type; ?a.b=VALUE: in which that is so" },
	{ "POST", CUSTOM "/{type}", extend_post_custom, .id = "createCustomObject",
	  .body = &extend_object_table, .answer = &extend_object_table, .status = 201,
	  .summary = "makes an object, which has to fit the type's schema" },
	{ "DELETE", CUSTOM "/{type}", extend_delete_type, .id = "removeCustomType",
	  .answer = &api_message_table, .summary = "removes a type with all its objects" },
	{ "GET", CUSTOM "/{type}/{id}", extend_get_custom, .id = "getCustomObject",
	  .answer = &extend_object_table, .summary = "an object" },
	{ "PATCH", CUSTOM "/{type}/{id}", extend_patch_custom, .id = "changeCustomObject",
	  .body = &extend_object_table, .answer = &extend_object_table,
	  .summary = "replaces members of an object, which has to fit as a whole afterwards" },
	{ "DELETE", CUSTOM "/{type}/{id}", extend_delete_custom, .id = "deleteCustomObject",
	  .answer = &extend_object_table, .status = 204, .summary = "removes an object" },
	{ "GET", HOOKS, extend_get_hooks, .id = "listHooks", .answer = &hook_view_table,
	  .form = ROUTE_LIST, .summary = "all hooks" },
	{ "POST", HOOKS, extend_post_hook, .id = "createHook", .body = &hook_body_table,
	  .answer = &hook_view_table, .status = 201,
	  .summary = "makes a hook; the answer alone has its secret" },
	{ "GET", HOOKS "/{id}", extend_get_hook, .id = "getHook", .answer = &hook_view_table,
	  .summary = "a hook, and what became of its deliveries" },
	{ "PATCH", HOOKS "/{id}", extend_patch_hook, .id = "changeHook", .body = &hook_patch_table,
	  .answer = &hook_view_table, .summary = "replaces what is sent of a hook" },
	{ "DELETE", HOOKS "/{id}", extend_delete_hook, .id = "deleteHook",
	  .answer = &hook_view_table, .status = 204, .summary = "removes a hook" },
};
const struct route_group extend_routes = { routes, ARRAY_LEN(routes) };

void extend_reply(struct api_request *request, unsigned status, const char *json,
		  const struct err *err)
{
	if (err->code)
		api_reply_err(request, err);
	else
		api_reply(request, status, status == 204 ? NULL : xstrdup(json));
}

void extend_reply_read(struct api_request *request, char *take_json, const struct err *err)
{
	if (take_json)
		api_reply_json(request, take_json);
	else
		api_reply_err(request, err);
}
