/* The HTTP server's interface without sockets: a request is a call, and what it is answered with is
 * looked at by the caller. For what stands above the server, on a loop of virtual time. A function that
 * is new in http_server.h is new here, too: without it the linker finds the others twice. */
#ifndef HOLM_TESTS_FUZZ_HTTP_DOUBLE_H
#define HOLM_TESTS_FUZZ_HTTP_DOUBLE_H

#include "wire/http_server/http_server.h"

struct double_request {
	const char *method;
	const char *target;         /* with the query */
	const struct strv *headers; /* name, value, name, value */
	const char *body;
	size_t body_len;
	bool is_unix;
};

/* Hands the request to the newest server; NULL if its target or body is none that it would pass on. */
struct http_request *double_ask(const struct double_request *request);
bool double_is_done(const struct http_request *request);
/* The client closes its end. */
void double_leave(struct http_request *request);
/* Bytes of the client after an upgrade; dropped without one. */
void double_send(struct http_request *request, const char *data, size_t len);
unsigned double_status(const struct http_request *request);    /* 0: not answered yet */
const char *double_type(const struct http_request *request);   /* "" if there is none */
const char *double_answer(const struct http_request *request); /* up to a maximum */
/* Of one that is done. */
void double_free(struct http_request *request);

#endif
