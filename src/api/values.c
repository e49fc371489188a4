/* Secrets and configuration objects. Their values come as the bytes of the body, so that they pass
 * through no parser, and those of secrets never go back. */
#include "api/private.h"
#include "base/base64.h"

static const struct field config_fields[] = {
	SHAPE("name", F_STR),
	SHAPE("base64", F_STR, .help = "its bytes"),
};
SHAPE_TABLE(api_config_table, "config", config_fields);

static void put(struct api_request *request, enum value_kind kind)
{
	struct server_value value = { .kind = kind, .name = request->match.params[0] };

	value.bytes = http_request_body(request->http, &value.len);
	server_set_value_begin(request->api->config.server, &value, api_on_planned, request);
	http_request_wipe_body(request->http);
}

static void remove_value(struct api_request *request, enum value_kind kind)
{
	const struct server_value value = { .kind = kind,
					    .name = request->match.params[0],
					    .is_forced = api_param_is_set(request, "force") };

	server_remove_value_begin(request->api->config.server, &value, api_on_planned, request);
}

void api_get_secrets(struct api_request *request)
{
	api_reply_list(request,
		       server_list_begin(request->api->config.server, SERVER_SECRETS, NULL));
}

void api_put_secret(struct api_request *request)
{
	put(request, VALUE_SECRET);
}

void api_delete_secret(struct api_request *request)
{
	remove_value(request, VALUE_SECRET);
}

void api_get_configs(struct api_request *request)
{
	api_reply_list(request,
		       server_list_begin(request->api->config.server, SERVER_CONFIGS, NULL));
}

void api_put_config(struct api_request *request)
{
	put(request, VALUE_CONFIG);
}

void api_delete_config(struct api_request *request)
{
	remove_value(request, VALUE_CONFIG);
}

void api_get_config(struct api_request *request)
{
	const char *name = request->match.params[0];
	auto_secret struct secret bytes = { 0 };
	struct err err;

	if (server_read_config(request->api->config.server, name, &bytes, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	auto_free char *base64 = base64_format(bytes.bytes, bytes.len);
	/* Both are of letters that JSON takes as they are. */
	api_reply_json(request, xasprintf("{\"name\":\"%s\",\"base64\":\"%s\"}", name, base64));
}
