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

/* A blocking connection to a unix socket, or -ECONNREFUSED and so on. */
int local_connect(const char *path, struct err *err);

/* Who carries a session's bytes, NULL: the socket itself. */
struct session_carrier {
	ssize_t (*read)(void *arg, void *out, size_t size);
	ssize_t (*write)(void *arg, const void *data, size_t len);
	void (*close)(void *arg);
};
struct http_client_session {
	int fd;
	const struct session_carrier *carrier;
	void *arg;        /* the carrier's */
	struct buf early; /* came with the answer's head */
};
struct http_client_session *session_new(int fd);
/* Asks and reads the answer's head. */
int session_begin(struct http_client_session *take_session,
		  const struct http_client_request *request, const char *protocol,
		  struct http_client_upgrade *ret, struct err *err);

#endif
