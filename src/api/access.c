/* Who asks, and whether the route is for him. */
#include "api/auth.h"
#include "api/private.h"
#include "api/status.h"

#define LOCAL_USER "Admin"
#define METHODS    "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

void identity_fini(struct identity *who)
{
	free(who->user);
	strv_fini(&who->roles);
	*who = (struct identity){ 0 };
}

static void become_local(struct identity *who)
{
	who->user = xstrdup(LOCAL_USER);
	who->is_admin = true;
	who->is_local = true;
}

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

/* Who the request's token says it is; nobody without one. */
static void identify(struct api_request *request)
{
	const char *given = http_request_header(request->http, "Authorization");

	if (http_request_is_unix(request->http) || auth_is_token(given, request->api->config.token))
		become_local(&request->who);
}

static bool refuse_token(struct api_request *request, unsigned status, const char *message)
{
	if (status == 401)
		http_add_header(request->http, "WWW-Authenticate", "Bearer");
	api_reply(request, status,
		  request->is_compat ? status_token_body(status, message)
				     : status_body(status, message));
	return false;
}

static bool check_user(struct api_request *request, enum route_access access)
{
	const struct identity *who = &request->who;

	switch (access) {
	case ROUTE_PUBLIC:
		return true;
	case ROUTE_USER:
	case ROUTE_REFRESH:
	case ROUTE_ADMIN:
	case ROUTE_ACCESS_N:
		break;
	}
	if (!who->user)
		return refuse_token(request, 401,
				    "a valid token is needed: Authorization: Bearer TOKEN");
	if (access == ROUTE_REFRESH)
		return refuse_token(request, 422, "only refresh tokens are allowed");
	if (access == ROUTE_ADMIN && !who->is_admin) {
		api_reply_error(request, 403, "only an administrator may do this");
		return false;
	}
	return true;
}

/* What a page of another site could send without being one of ours. */
static bool check_origin(struct api_request *request)
{
	if (http_request_is_unix(request->http) ||
	    auth_is_our_host(http_request_header(request->http, "Host"),
			     request->api->config.address, request->api->port))
		return true;
	api_reply_error(request, 421,
			"the Host header does not name this server: use its "
			"address, 127.0.0.1 or localhost, with the port");
	return false;
}

static bool check_type(struct api_request *request, const struct route *route)
{
	struct http_request *http = request->http;
	const char *type = route && route->takes_bytes ? AUTH_BYTES : AUTH_JSON;

	/* Clients of Oakestra send bodies where none is expected; those are ignored. */
	if (http_request_is_unix(http) || !has_body(http) ||
	    (request->is_compat && route && !route->has_body) ||
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
	if (!check_origin(request))
		return false;
	if (request->is_compat && str_eq(http_request_method(request->http), "OPTIONS")) {
		api_reply(request, 204, NULL);
		return false;
	}
	identify(request);
	return check_user(request, route ? route->access : ROUTE_USER) &&
	       check_type(request, route);
}
