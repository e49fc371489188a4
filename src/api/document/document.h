/* The API described: OpenAPI 3.0 from the table of routes, and a page that shows it. */
#ifndef HOLM_API_DOCUMENT_DOCUMENT_H
#define HOLM_API_DOCUMENT_DOCUMENT_H

#include "api/route.h"

/* GET /docs/openapi.json, GET /api/docs */
extern const struct route_group document_routes;

/* All of the table, `groups` ending with NULL, as an OpenAPI document; the caller's. */
char *document_openapi(const struct route_group *const *groups, const char *version);

#endif
