/* Answers and descriptions, the same whichever client asked. */
#include <strings.h>

#include "wire/http_client/internal.h"

const char *header_find(const struct strv *headers, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < headers->n; i++) {
		const char *line = headers->items[i];

		if (strncasecmp(line, name, n) == 0 && line[n] == ':')
			return line + n + 1 + strspn(line + n + 1, " \t");
	}
	return NULL;
}

char *request_describe(const struct http_client_request *r)
{
	const char *host = strstr(r->url, "://");
	const char *rest = host ? host + 3 : r->url;
	size_t to_at = strcspn(rest, "@/?#");
	const char *shown = rest[to_at] == '@' ? rest + to_at + 1 : rest;

	return xasprintf("%s %.*s%.*s%s%s", r->method ? r->method : "GET", (int)(rest - r->url),
			 r->url, (int)strcspn(shown, "?#"), shown, r->unix_path ? " over " : "",
			 r->unix_path ? r->unix_path : "");
}

int request_fail(const struct http_client_request *request, int code, const struct err *why,
		 struct err *err)
{
	auto_free char *what = request_describe(request);

	return err_set(err, code, "%s: %s", what, why->msg);
}

void http_client_response_fini(struct http_client_response *response)
{
	strv_fini(&response->headers);
	free(response->body);
	*response = (struct http_client_response){ 0 };
}

const char *http_client_header(const struct http_client_response *response, const char *name)
{
	return header_find(&response->headers, name);
}
