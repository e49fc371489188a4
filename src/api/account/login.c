/* Logging in, and going on being logged in. */
#include "api/account/private.h"
#include "api/auth.h"

struct login_body {
	char *user;
	char *password;
	char *organization;
};

static const struct field login_fields[] = {
	FIELD(struct login_body, user, "username", F_STR, .flags = F_REQUIRED),
	FIELD(struct login_body, password, "password", F_STR, .flags = F_REQUIRED),
	FIELD(struct login_body, organization, "organization_name", F_STR),
};
FIELD_TABLE(account_login_table, struct login_body, "login", login_fields);

static const struct field tokens_fields[] = {
	SHAPE("token", F_STR, .help = "access token, to send as Authorization: Bearer TOKEN"),
	SHAPE("refresh_token", F_STR, .help = "buys another access token, and nothing else"),
};
SHAPE_TABLE(account_tokens_table, "tokens", tokens_fields);

static const struct field token_fields[] = { SHAPE("token", F_STR) };
SHAPE_TABLE(account_token_table, "token text", token_fields);

static bool is_loopback(const char *address)
{
	return !*address || str_starts(address, "127.") || str_eq(address, "::1");
}

/* A page of another site that somebody on this machine looks at asks from here, too; but what shows it is
 * of another host. */
static bool is_page_elsewhere(const struct api_request *request)
{
	const char *origin = http_request_header(request->http, "Origin");
	const char *host = origin ? strstr(origin, "://") : NULL;

	if (!origin)
		return false;
	return !host || !auth_is_own_name(host + 3, NULL);
}

/* A proxy on this machine asks for somebody elsewhere. */
static bool is_forwarded(const struct api_request *request)
{
	static const char *const headers[] = { "Forwarded", "X-Forwarded-For", "X-Real-IP", "Via" };

	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (http_request_header(request->http, headers[i]))
			return true;
	return false;
}

static unsigned status_of_refusal(int code)
{
	return code == -EACCES ? 401 : code == -EBUSY ? 429 : code == -ENOTSUP ? 501 : 0;
}

static void refuse(struct api_request *request, const struct server_tokens *tokens,
		   const struct err *err)
{
	unsigned status = status_of_refusal(err->code);
	char seconds[24];

	if (tokens && tokens->wait_ms) {
		snprintf(seconds, sizeof(seconds), "%lu", (tokens->wait_ms + 999) / 1000);
		http_add_header(request->http, "Retry-After", seconds);
	}
	if (status)
		api_reply_error(request, status, err->msg);
	else
		api_reply_err(request, err);
}

static void on_login(void *arg, const struct server_tokens *tokens, const struct err *err)
{
	struct api_request *request = arg;

	if (err->code) {
		refuse(request, tokens, err);
		return;
	}
	http_add_header(request->http, "Cache-Control", "no-store");
	/* Both are of letters that JSON takes as they are. */
	api_reply_json(request, xasprintf("{\"token\":\"%s\",\"refresh_token\":\"%s\"}",
					  tokens->access, tokens->refresh));
}

void account_post_login(struct api_request *request)
{
	const struct api_config *config = &request->api->config;
	const char *peer = http_request_peer(request->http);
	struct login_body body = { 0 };

	if (!account_parse(request, &account_login_table, &body))
		return;
	request->claimed = xstrndup(body.user, USER_NAME_MAX);
	const struct server_login login = {
		.user = body.user,
		.password = body.password,
		.organization = body.organization,
		.address = peer,
		.may_use_default = config->allow_default_password ||
				   (is_loopback(peer) && api_is_own_host(request) &&
				    !is_page_elsewhere(request) && !is_forwarded(request)),
	};
	server_login_begin(config->server, &login, on_login, request);
	account_fini(&account_login_table, &body, &body.password, 1);
}

void account_post_refresh(struct api_request *request)
{
	auto_free char *token = server_refresh(request->api->config.server, &request->who);

	http_add_header(request->http, "Cache-Control", "no-store");
	/* It is of letters that JSON takes as they are. */
	api_reply_json(request, xasprintf("{\"token\":\"%s\"}", token));
}
