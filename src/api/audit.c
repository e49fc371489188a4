/* What the audit log has of a request: every one that could change something, and what was refused to
 * somebody. Bodies are not in it: they may hold secrets. */
#include "api/private.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX     10000

static bool could_change(const struct api_request *request)
{
	static const char *const harmless[] = { "GET", "HEAD", "OPTIONS" };
	const char *method = http_request_method(request->http);

	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		if (str_eq(method, harmless[i]))
			return false;
	return true;
}

/* Whom nobody knows leaves no line, unless he tried to be somebody; nor does waiting. */
static bool is_noted(const struct api_request *request, unsigned status)
{
	const struct route *route = request->match.route;

	if (!could_change(request) || (!request->who.user && !request->claimed) || status == 429)
		return false;
	return status >= 400 || !route || !route->changes_nothing;
}

void audit_note(struct api_request *request, unsigned status, const char *message)
{
	struct http_request *http = request->http;

	if (request->is_noted || !is_noted(request, status))
		return;
	request->is_noted = true;
	const struct audit_entry entry = {
		.user = request->claimed ? request->claimed : request->who.user,
		.from = (char *)(uintptr_t)(http_request_is_unix(http) ? "local"
								       : http_request_peer(http)),
		.method = (char *)(uintptr_t)http_request_method(http),
		.path = (char *)(uintptr_t)http_request_path(http),
		.status = status,
		.message = (char *)(uintptr_t)(message ? message : ""),
	};
	server_audit(request->api->config.server, &entry);
}

void api_get_audit(struct api_request *request)
{
	const char *text = http_request_param(request->http, "limit");
	uint32_t limit = LIMIT_DEFAULT;

	if (text && parse_u32(text, 1, LIMIT_MAX, &limit) < 0) {
		api_reply_error(request, 400, "limit: expected a number from 1 to 10000");
		return;
	}
	api_reply_json(request, server_list_audit(request->api->config.server, limit));
}
