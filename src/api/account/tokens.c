/* Tokens of machines, and the key that signs those of people. */
#include "api/account/private.h"

#define LIFETIME_MAX_S (10u * 365 * 86400)

struct token_body {
	char *name;
	char *user;
	uint32_t lifetime_s;
};

static const struct field token_fields[] = {
	FIELD(struct token_body, name, "name", F_STR, .flags = F_REQUIRED),
	FIELD(struct token_body, user, "user", F_STR),
	FIELD(struct token_body, lifetime_s, "lifetime_s", F_U32, .max = LIFETIME_MAX_S),
};
FIELD_TABLE(account_new_token_table, struct token_body, "new token", token_fields);

void account_get_tokens(struct api_request *request)
{
	api_reply_json(request, server_list_tokens(request->api->config.server));
}

static void on_created(void *arg, const char *text, const struct err *err)
{
	struct api_request *request = arg;

	if (err->code) {
		api_reply_err(request, err);
		return;
	}
	http_add_header(request->http, "Cache-Control", "no-store");
	/* It is of letters that JSON takes as they are. */
	api_reply_json(request, xasprintf("{\"token\":\"%s\"}", text));
}

void account_post_token(struct api_request *request)
{
	struct token_body body = { 0 };

	if (!account_parse(request, &account_new_token_table, &body))
		return;
	const struct server_token_request token = {
		.name = body.name,
		.user = body.user ? body.user : request->who.user,
		.lifetime_s = body.lifetime_s,
	};
	server_token_create_begin(request->api->config.server, &token, on_created, request);
	fields_fini(&account_new_token_table, &body);
}

void account_delete_token(struct api_request *request)
{
	server_token_remove_begin(request->api->config.server, request->match.params[0],
				  api_on_planned, request);
}

struct rotate_body {
	bool is_sudden;
};

static const struct field rotate_fields[] = {
	FIELD(struct rotate_body, is_sudden, "sudden", F_BOOL),
};
FIELD_TABLE(account_rotate_table, struct rotate_body, "rotation", rotate_fields);

void account_rotate(struct api_request *request)
{
	struct rotate_body body = { 0 };
	size_t len;

	http_request_body(request->http, &len);
	if (len && !account_parse(request, &account_rotate_table, &body))
		return;
	server_rotate_begin(request->api->config.server, body.is_sudden, api_on_planned, request);
}
