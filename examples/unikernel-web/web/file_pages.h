/* Pages on the file systems. */
#pragma once

#include "web/http_server.h"

/* http_handlers; `arg` is a struct pages. */
void file_show(void *arg, struct http_conn *conn, const struct http_request *request);
void file_write(void *arg, struct http_conn *conn, const struct http_request *request);
void file_list(void *arg, struct http_conn *conn, const struct http_request *request);
