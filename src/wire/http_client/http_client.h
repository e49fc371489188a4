/* Blocking HTTP requests, for executor threads and the command line. */
#ifndef HOLM_WIRE_HTTP_CLIENT_H
#define HOLM_WIRE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

struct cancel; /* loop/loop.h */

#define HTTP_CLIENT_NO_TIMEOUT UINT32_MAX

/* Gets the body of a 2xx answer piece by piece, with each piece's place in the whole resource: a
 * server that ignores `resume_from` starts again at 0. A negative result ends the request with it. */
typedef int (*http_client_sink)(void *arg, uint64_t offset, const void *data, size_t len);

/* Zero means what the comment says. Everything is borrowed for the call. */
struct http_client_request {
	const char *method;    /* NULL: GET */
	const char *url;       /* http or https */
	const char *unix_path; /* socket to connect to instead of the URL's host */

	const char *bearer; /* token, or ... */
	const char *user; /* ... basic authorization; neither follows a redirect to another host */
	const char *password;
	const struct strv *headers; /* "Name: value" */
	const void *body;
	size_t body_len;

	http_client_sink sink; /* NULL: the body goes to memory */
	void *sink_arg;
	uint64_t resume_from; /* with a sink: bytes that are there already */
	size_t max_body;      /* most bytes in memory, 0: 1 MiB; the body of an error always is */

	unsigned max_redirects; /* 0: a redirect is an answer; never from https to http */
	const char *ca_file;    /* PEM, trusted beside the system's; may be NULL */
	/* Of the server's public key ("sha256//" and base64), which has to be this one; without
	 * ca_file it may be certified by whomever. NULL: any that is certified. */
	const char *pin;
	const char *cert_file; /* PEM, of this client */
	const char *key_file;

	uint32_t connect_timeout_ms; /* 0: 10 s */
	uint32_t stall_timeout_ms;   /* without a byte, rounded up to seconds; 0: 30 s */
	uint32_t total_timeout_ms;   /* 0: 60 s, without limit with a sink */
	const struct cancel *cancel; /* looked at every second; -ECANCELED */
};

struct http_client_response {
	unsigned status;
	struct strv headers; /* of the last answer, as received: "Name: value" */
	char *body;          /* NUL-terminated */
	size_t body_len;
	uint64_t retry_after_s; /* what Retry-After asks for, as seconds from now; 0: nothing */
};

/* Any answer of the server is a success, whatever its status. Messages are sentences such as
 * "GET http://127.0.0.1:5000/v2/: connection refused". Codes: -ECONNREFUSED (also: no such socket),
 * -EHOSTUNREACH (also: unknown host), -ETIMEDOUT, -ECONNRESET (broken off) may get better with time;
 * -EPROTO (TLS, not HTTP), -ELOOP (redirects), -E2BIG (body), -EINVAL (URL), -ECANCELED do not. */
int http_client_perform(const struct http_client_request *request, struct http_client_response *ret,
			struct err *err);
/* The same over `unix_path`, without a library to load, for our own server: no user and
 * password, TLS, redirects, resuming or cancelling. */
int http_client_perform_local(const struct http_client_request *request,
			      struct http_client_response *ret, struct err *err);
void http_client_response_fini(struct http_client_response *response);

/* Value of the first header of that name, or NULL. */
const char *http_client_header(const struct http_client_response *response, const char *name);

/* A connection that is no longer HTTP (RFC 9110 section 7.8), non-blocking. */
struct http_client_session;
struct http_client_upgrade {
	struct http_client_session *session; /* NULL: refused; the caller's */
	struct http_client_response response;
};
/* Asks to go on with another protocol. Of the request sink, redirects, user and progress are not
 * looked at. Errors as above. */
int http_client_upgrade(const struct http_client_request *request, const char *protocol,
			struct http_client_upgrade *ret, struct err *err);
/* The same over a unix socket, without libcurl. */
int http_client_upgrade_local(const struct http_client_request *request, const char *protocol,
			      struct http_client_upgrade *ret, struct err *err);
/* To poll() for readiness; what is readable may be less than is there: read until -EAGAIN. */
int http_client_session_fd(const struct http_client_session *session);
/* Bytes, 0 at the end, -EAGAIN or -ECONNRESET. */
ssize_t http_client_session_read(struct http_client_session *session, void *out, size_t size);
ssize_t http_client_session_write(struct http_client_session *session, const void *data,
				  size_t len);
struct http_client_session *http_client_session_free(struct http_client_session *session);

#define auto_http_client_response __attribute__((cleanup(http_client_response_fini)))

#endif
