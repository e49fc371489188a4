/* Routes that tell what there is. */
#include "api/private.h"

static const struct field status_fields[] = { SHAPE("status", F_STR) };
SHAPE_TABLE(api_status_table, "status", status_fields);

static const struct field message_fields[] = { SHAPE("message", F_STR) };
SHAPE_TABLE(api_message_table, "message", message_fields);

static const struct field version_fields[] = { SHAPE("version", F_STR) };
SHAPE_TABLE(api_version_table, "version", version_fields);

void api_get_document(struct api_request *request)
{
	api_reply_json(request, route_document(api_groups, request->api->config.version));
}

void api_get_health(struct api_request *request)
{
	api_reply_json(request, xstrdup("{\"status\":\"ok\"}"));
}

void api_get_version(struct api_request *request)
{
	api_reply_json(request, xasprintf("{\"version\":\"%s\"}", request->api->config.version));
}

void api_get_apps(struct api_request *request)
{
	api_reply_json(request, server_list_apps(request->api->config.server));
}

void api_get_services(struct api_request *request)
{
	api_reply_json(request, server_list_services(request->api->config.server,
						     http_request_param(request->http, "app")));
}

void api_get_instances(struct api_request *request)
{
	api_reply_json(request, server_list_instances(request->api->config.server,
						      http_request_param(request->http, "app")));
}

void api_get_node(struct api_request *request)
{
	struct err err;
	char *json = server_view_node(request->api->config.server, request->match.params[0], &err);

	if (json)
		api_reply_json(request, json);
	else
		api_reply_err(request, &err);
}

void api_get_stats(struct api_request *request)
{
	api_reply_json(request, server_list_stats(request->api->config.server,
						  http_request_param(request->http, "name")));
}

void api_get_nodes(struct api_request *request)
{
	api_reply_json(request, server_list_nodes(request->api->config.server));
}
