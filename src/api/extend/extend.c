/* The routes, and what their handlers share. */
#include "api/extend/private.h"

#define CUSTOM "/api/v1/custom-resources"

static const struct route routes[] = {
	{ "GET", CUSTOM, extend_get_types, .summary = "all types of custom resources" },
	{ "POST", CUSTOM, extend_post_type, .has_body = true,
	  .summary = "defines a type: {\"resource_type\", \"schema\"}, a JSON Schema" },
	{ "GET", CUSTOM "/{type}", extend_get_customs,
	  .summary = "objects of a type; ?a.b=VALUE: in which that is so" },
	{ "POST", CUSTOM "/{type}", extend_post_custom, .has_body = true,
	  .summary = "makes an object, which has to fit the type's schema" },
	{ "DELETE", CUSTOM "/{type}", extend_delete_type,
	  .summary = "removes a type with all its objects" },
	{ "GET", CUSTOM "/{type}/{id}", extend_get_custom, .summary = "an object" },
	{ "PATCH", CUSTOM "/{type}/{id}", extend_patch_custom, .has_body = true,
	  .summary = "replaces members of an object, which has to fit as a whole afterwards" },
	{ "DELETE", CUSTOM "/{type}/{id}", extend_delete_custom, .summary = "removes an object" },
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
