/* What the two clients share. */
#ifndef HOLM_WIRE_HTTP_CLIENT_INTERNAL_H
#define HOLM_WIRE_HTTP_CLIENT_INTERNAL_H

#include "base/base.h"
#include "wire/http_client/http_client.h"

#define HEADERS_MAX        (64u << 10)
#define BODY_MAX           ((size_t)1 << 20)
#define CONNECT_TIMEOUT_MS 10000
#define STALL_TIMEOUT_MS   30000
#define TOTAL_TIMEOUT_MS   60000

/* Value of the first header of that name, or NULL. */
const char *header_find(const struct strv *headers, const char *name);
/* "method url", without what may be secret in a URL: user, password, query; the caller's. */
char *request_describe(const struct http_client_request *request);

#endif
