/* Whom a request believes to be the server, and what it shows itself. */
#ifndef HOLM_WIRE_HTTP_CLIENT_TRUST_H
#define HOLM_WIRE_HTTP_CLIENT_TRUST_H

#include <curl/curl.h>

struct http_client_request;

void trust_set(CURL *curl, const struct http_client_request *request);

#endif
