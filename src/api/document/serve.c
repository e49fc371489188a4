/* The routes of this folder. */
#include "api/document/private.h"
#include "api/private.h"

static const struct field openapi_fields[] = {
	SHAPE("openapi", F_STR), SHAPE("info", F_RAW),  SHAPE("servers", F_RAW),
	SHAPE("tags", F_RAW),    SHAPE("paths", F_RAW), SHAPE("components", F_RAW),
};
static SHAPE_TABLE(openapi_table, "openapi document", openapi_fields);

/* It is the same for everybody as long as the server runs. */
static void get_openapi(struct api_request *request)
{
	struct api *api = request->api;

	if (!api->openapi)
		api->openapi = document_openapi(api_groups, api->config.version);
	api_reply_json(request, xstrdup(api->openapi));
}

static void get_page(struct api_request *request)
{
	auto_free char *page = document_page();
	auto_free char *policy = page_policy(page);

	http_add_header(request->http, "Content-Security-Policy", policy);
	http_add_header(request->http, "X-Content-Type-Options", "nosniff");
	http_add_header(request->http, "Referrer-Policy", "no-referrer");
	http_add_header(request->http, "Cache-Control", "no-cache");
	api_reply_text(request, "text/html; charset=utf-8", TAKE(page));
}

static const struct route routes[] = {
	{ "GET", "/docs/openapi.json", get_openapi, ROUTE_PUBLIC, .id = "getOpenapi",
	  .answer = &openapi_table, .summary = "this document" },
	{ "GET", "/api/docs", get_page, ROUTE_PUBLIC, .id = "getDocs", .form = ROUTE_PAGE,
	  .summary = "a page to read this document, and to try what is in it" },
};
const struct route_group document_routes = { routes, ARRAY_LEN(routes) };
