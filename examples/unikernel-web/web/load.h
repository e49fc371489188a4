/* Pages by which a test makes the guest a bad neighbour. There is one thread: while
 * one of them works, other clients wait. */
#pragma once

#include "web/http_server.h"

/* http_handlers; `arg` is a struct pages. */
void load_burn(void *arg, struct http_conn *conn, const struct http_request *request);
void load_alloc(void *arg, struct http_conn *conn, const struct http_request *request);
void load_flood(void *arg, struct http_conn *conn, const struct http_request *request);
void load_flood_net(void *arg, struct http_conn *conn, const struct http_request *request);
