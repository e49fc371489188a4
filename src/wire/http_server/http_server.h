/* An HTTP/1.1 server in the loop: whole bounded requests in, answers at any later time.
 *
 * The handler is called on the loop once a request is complete. It, or whoever it hands the request
 * to, answers exactly once: with http_reply(), or with http_stream_begin() ... http_stream_end().
 * The request stays valid until then, even if the client or the server is gone by that time; what
 * is answered then goes nowhere. Everything here is called on the loop's thread. */
#ifndef HOLM_WIRE_HTTP_SERVER_H
#define HOLM_WIRE_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct loop;
struct http_server;
struct http_request;
struct secret; /* base/secret.h */

#define HTTP_IGNORED_MAX ((size_t)64 << 20)

struct http_server_config {
	void (*handler)(void *arg, struct http_request *request);
	void *arg;
	size_t max_body; /* 0: 1 MiB; more is answered with 413 */
	/* Whether nobody looks at the body of such a request: it is read, up to HTTP_IGNORED_MAX, and
	 * thrown away. NULL: somebody always does. */
	bool (*ignores_body)(void *arg, const char *method, const char *path);
	/* JSON for answers of the server itself (400, 413, 501), the server's then; NULL: no body. */
	char *(*explain)(unsigned status);
	size_t max_stream; /* unsent bytes of a stream, 0: 256 KiB */
	/* Of all listeners; 0: a quarter of the descriptors that this process may have, 64 to 1024. */
	unsigned max_connections;
	unsigned n_reserved; /* of these, for unix sockets alone; 0: 16 */
	/* Of those that http_request_trust() was not called for; one more ends the oldest of them that
	 * nobody works for. 0: three quarters of max_connections. */
	unsigned max_strangers;
	unsigned max_of_address; /* of these, from one address; 0: half of them */
	unsigned max_handshakes; /* of TLS at once, 0: 64; one more ends the oldest */
	bool allows_local_plain; /* on a TLS port HTTP without TLS, from 127.0.0.0/8 and ::1 */
	uint32_t handshake_timeout_ms; /* of TLS, from the connection; 0: 10 s */
	/* Request line and headers, from the connection or handshake; 0: 10 s. */
	uint32_t head_timeout_ms;
	uint32_t body_timeout_ms;  /* from the headers; 0: 30 s */
	uint32_t idle_timeout_ms;  /* to the next request's headers; 0: 60 s */
	uint32_t stall_timeout_ms; /* for the client to take more of an answer; 0: 30 s */
};

struct http_server *http_server_new(struct loop *loop, const struct http_server_config *config);
/* Closes all connections. Not from inside the handler or another callback of the server. */
struct http_server *http_server_free(struct http_server *server);

/* Whether every answer given so far has left, or never will. Streams do not count: whoever reads one may
 * take his time. */
bool http_server_is_flushed(const struct http_server *server);

/* Listens on a numeric IPv4 or IPv6 address; port 0: any. Returns the port. */
int http_server_listen_tcp(struct http_server *server, const char *address, uint16_t port,
			   struct err *err);
/* The same with TLS 1.2 or later, after http_server_set_identity(). HTTP without TLS is answered there
 * with 400, or like any other (see allows_local_plain). */
int http_server_listen_tls(struct http_server *server, const char *address, uint16_t port,
			   struct err *err);
/* What a TLS port shows from the next handshake on: a certificate with those that lead to its issuer,
 * and its private key, both PEM. -EBADMSG: one of them is not, or they do not belong together. */
int http_server_set_identity(struct http_server *server, const struct secret *certificates,
			     const struct secret *key, struct err *err);
/* A socket for this user alone (0600), removed with the server. One that nobody answers on is
 * replaced; -EADDRINUSE if somebody does, -ENAMETOOLONG from 108 bytes on. */
int http_server_listen_unix(struct http_server *server, const char *path, struct err *err);

const char *http_request_method(const struct http_request *request);
/* Without query, percent-decoded; "%2F" and control characters were refused. */
const char *http_request_path(const struct http_request *request);
/* Decoded value of a query parameter ("" for "?a"), NULL if there is none of that name. */
const char *http_request_param(const struct http_request *request, const char *name);
/* All of them as they stand there: name, value, name, value. */
const struct strv *http_request_params(const struct http_request *request);
/* Value of the first header of that name (in any case), or NULL. */
const char *http_request_header(const struct http_request *request, const char *name);
/* NUL-terminated, "" if there is none; ret_len may be NULL. */
const char *http_request_body(const struct http_request *request, size_t *ret_len);
/* Overwrites the body, which is empty then: it was a secret, and has been taken. */
void http_request_wipe_body(struct http_request *request);
bool http_request_is_unix(const struct http_request *request);
/* Numeric address of the client, "" for a unix socket. */
const char *http_request_peer(const struct http_request *request);

/* The client has shown who he is: his connection is kept when places are scarce. */
void http_request_trust(struct http_request *request);

/* Called once if the client closes its end before http_reply() or http_stream_end(), either of which
 * is still due. NULL: no longer. */
void http_request_on_gone(struct http_request *request, void (*fn)(void *arg), void *arg);

/* Another header of the answer, before http_reply() or http_stream_begin(). */
void http_add_header(struct http_request *request, const char *name, const char *value);
/* Answers with a text (NULL: none) and is done with the request. content_type may be NULL. */
void http_reply(struct http_request *request, unsigned status, const char *content_type,
		char *take_body);

/* Answers piece by piece. */
void http_stream_begin(struct http_request *request, unsigned status, const char *content_type);
/* All or nothing: -EAGAIN if the client is behind by max_stream bytes (it is cut off when it takes
 * nothing for the stall timeout), -E2BIG if that is less than len, -EPIPE if the client is gone. */
int http_stream_write(struct http_request *request, const void *data, size_t len);
/* Of this one, instead of max_stream. */
void http_stream_limit(struct http_request *request, size_t max);
/* Called each time there is room again after -EAGAIN. */
void http_stream_on_room(struct http_request *request, void (*fn)(void *arg), void *arg);
/* Sends what is left and is done with the request. */
void http_stream_end(struct http_request *request);

/* Answers with 101 and `protocol` (RFC 9110 section 7.8), which the client has to have asked for, see
 * http_request_asks_upgrade(). From then on bytes go both ways: to the client as with a stream, by
 * http_stream_write(), _on_room() and _end(); from it to `take`, in pieces of at most 64 KiB. A
 * client that closes its end has gone. It is not cut off for taking nothing. */
void http_upgrade_begin(struct http_request *request, const char *protocol,
			void (*take)(void *arg, const char *data, size_t len), void *arg);
/* Whether more of the client's bytes are wanted; at first they are. */
void http_upgrade_want(struct http_request *request, bool is_wanted);
bool http_request_asks_upgrade(const struct http_request *request, const char *protocol);

#endif
