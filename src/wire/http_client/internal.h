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

/* Sets `err` to what was asked and why it failed; returns the code. */
int request_fail(const struct http_client_request *request, int code, const struct err *why,
		 struct err *err);

/* local.c: connects to the request's unix socket. */
int local_open(const struct http_client_request *request, struct http_client_session **ret,
	       struct err *err);

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
/* By a connected socket, which it closes. */
struct http_client_session *session_new(int fd);
DEFINE_AUTO(http_client_session_free, struct http_client_session *)
/* Asks to go on with another protocol. */
int session_begin(struct http_client_session *take_session,
		  const struct http_client_request *request, const char *protocol,
		  struct http_client_upgrade *ret, struct err *err);

/* message.c: one request and its answer over a session. */
#define EXCHANGE_IN_MAX (HEADERS_MAX + ((size_t)64 << 10))
struct exchange {
	const struct http_client_request *request;
	struct http_client_session *session;
	const char *upgrade; /* the protocol to go on with, NULL: none */
	uint64_t end_ms;     /* of the whole, UINT64_MAX: none */
	uint32_t stall_ms;   /* without a byte; HTTP_CLIENT_NO_TIMEOUT */
	struct buf in;       /* received, not taken yet */
	unsigned status;
	struct strv headers; /* of the answer */
};
/* Without limits of time, which the caller sets. All is borrowed. */
void exchange_init(struct exchange *x, const struct http_client_request *request,
		   struct http_client_session *session);
void exchange_fini(struct exchange *x);
#define auto_exchange __attribute__((cleanup(exchange_fini)))
/* Sends the request and takes status and headers of its answer off what comes. */
int exchange_ask(struct exchange *x, struct err *err);
/* Waits for more: 1, or 0 at the end of the stream. */
int exchange_receive(struct exchange *x, struct err *err);
int exchange_broken_off(struct err *err);
/* body.c: hands the body to the request's sink or adds it to `body`; of an error's, what fits. */
int exchange_read_body(struct exchange *x, struct buf *body, struct err *err);
/* All of it becomes the caller's; leaves `body` empty. */
void exchange_answer(struct exchange *x, struct buf *body, struct http_client_response *ret);

#endif
