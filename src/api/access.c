/* Who asks, and whether the route is for him. */
#include "api/auth.h"
#include "api/private.h"
#include "api/status.h"

#define METHODS "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

static bool has_body(const struct http_request *http)
{
	size_t len;

	http_request_body(http, &len);
	return len > 0;
}

/* Pages of any origin may ask, since they bring a token of their own: there are no cookies. */
static void allow_origins(const struct api_request *request)
{
	http_add_header(request->http, "Access-Control-Allow-Origin", "*");
	if (!str_eq(http_request_method(request->http), "OPTIONS"))
		return;
	http_add_header(request->http, "Access-Control-Allow-Headers",
			"authorization, content-type");
	http_add_header(request->http, "Access-Control-Allow-Methods", METHODS);
	http_add_header(request->http, "Access-Control-Max-Age", "600");
}

static bool refuse_token(struct api_request *request, unsigned status, const char *message)
{
	if (status == 401)
		http_add_header(request->http, "WWW-Authenticate", "Bearer");
	api_reply_refusal(request, status, message,
			  request->is_compat ? status_token_body(status, message)
					     : status_body(status, message));
	return false;
}

/* Who the request's token says it is. Where everybody is welcome a bad one is none. */
static bool identify(struct api_request *request, enum route_access access)
{
	const struct api_config *config = &request->api->config;
	const char *header = http_request_header(request->http, "Authorization");
	const char *token = auth_bearer(header);
	struct err err;

	if (http_request_is_unix(request->http) || auth_is_token(header, config->token)) {
		server_identify_local(config->server, &request->who);
		http_request_trust(request->http);
		return true;
	}
	int r = token ? server_identify(config->server, token, &request->who, &err) : -ENOENT;
	if (r == 0)
		http_request_trust(request->http);
	if (r == 0 || access == ROUTE_PUBLIC)
		return true;
	if (!token)
		return refuse_token(request, 401,
				    "a valid token is needed: Authorization: Bearer TOKEN");
	/* Oakestra tells a text that is no token from a token that is not good any more. */
	return refuse_token(request, r == -EBADMSG && request->is_compat ? 422 : 401, err.msg);
}

static bool check_user(struct api_request *request, enum route_access access)
{
	const struct identity *who = &request->who;

	if (access == ROUTE_PUBLIC)
		return true;
	if (access == ROUTE_REFRESH && !who->is_refresh)
		return refuse_token(request, 422, "only refresh tokens are allowed");
	if (access != ROUTE_REFRESH && who->is_refresh)
		return refuse_token(request, 422, "only access tokens are allowed");
	if (access == ROUTE_MANAGER && !who->is_admin && !who->is_manager) {
		api_reply_error(request, 403,
				"only an administrator of the organization may do this");
		return false;
	}
	if (access == ROUTE_ADMIN && !who->is_admin) {
		api_reply_error(request, 403, "only an administrator may do this");
		return false;
	}
	return true;
}

bool api_is_own_host(const struct api_request *request)
{
	const char *host = http_request_header(request->http, "Host");
	const struct api *api = request->api;

	return http_request_is_unix(request->http) ||
	       auth_is_our_host(host, api->config.address, api->port) ||
	       auth_is_listed(host, &api->names, api->port);
}

static bool check_type(struct api_request *request, const struct route *route)
{
	struct http_request *http = request->http;
	const char *type = route && route->takes_bytes ? AUTH_BYTES : AUTH_JSON;

	/* Clients of Oakestra send bodies where none is expected; those are ignored. */
	if (http_request_is_unix(http) || !has_body(http) ||
	    (request->is_compat && route && !route->body) ||
	    auth_is_type(http_request_header(http, "Content-Type"), type))
		return true;
	auto_free char *message = xasprintf("a body has to be of Content-Type %s", type);
	api_reply_error(request, 415, message);
	return false;
}

bool access_check(struct api_request *request, const struct route *route)
{
	if (request->is_compat)
		allow_origins(request);
	if (request->is_compat && str_eq(http_request_method(request->http), "OPTIONS")) {
		api_reply(request, 204, NULL);
		return false;
	}
	/* Which paths there are is told to everybody. */
	enum route_access access = route ? route->access : ROUTE_PUBLIC;
	return identify(request, access) && check_user(request, access) &&
	       check_type(request, route);
}
