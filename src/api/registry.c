/* Registries of a node. A body may hold a password: no message repeats a part of it. */
#include "api/private.h"

static void ask(struct api_request *request, const char *call)
{
	auto_(json_free) struct json *body = NULL;
	struct err ignored;
	size_t len;
	const char *text = http_request_body(request->http, &len);

	if (json_parse(text, len, &body, &ignored) < 0 || !json_is_object(body))
		api_reply_error(request, 400, "expected a JSON object as body");
	else
		api_call_node(request, call, json_format(body));
}

void api_get_registries(struct api_request *request)
{
	api_call_node(request, "registry.ls", NULL);
}

void api_post_registry_login(struct api_request *request)
{
	ask(request, "registry.login");
}

void api_post_registry_logout(struct api_request *request)
{
	ask(request, "registry.logout");
}
