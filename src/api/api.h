/* HTTP over the server role: /api/v1, for people's tools and `holm` itself.
 *
 * One table of routes dispatches, authorises and documents. Whoever can open the unix socket (0600)
 * is the machine's administrator; TCP wants a bearer token, and application/json for bodies (forms of other
 * sites). Where a TCP request comes from grants nothing but the default password, see account/login.c. */
#ifndef HOLM_API_API_H
#define HOLM_API_API_H

#include "base/base.h"
#include "base/secret.h"
#include "server/server.h"
#include "wire/stream.h"

struct loop;
struct api;

typedef void (*api_done_fn)(void *arg, const struct err *err);

/* Strings are copied; the rest is borrowed and outlives the api. */
struct api_config {
	struct loop *loop;
	struct server *server;
	struct stream_hub *streams;
	const char *address; /* "127.0.0.1", NULL: no TCP */
	uint16_t port;       /* 0: any free one, see api_port() */
	const char *socket;  /* path of the unix socket, replaced if it is there; NULL: none */
	/* PEM, NULL: TCP is without TLS. With them only this machine itself may do without, by a
	 * loopback address. Not looked at any more when api_new() returns. */
	const struct secret *certificates;
	const struct secret *key;
	const char *token; /* NULL: TCP answers health alone */
	const char *version;
	bool allow_default_password; /* from everywhere, not from this machine alone */
	/* Stops all that runs here; done answers the request, once. Then api_is_flushed() tells
	 * when the answer has left and the process may end. */
	void (*down)(void *arg, bool is_purge, api_done_fn done, void *done_arg);
	void *arg;
};

#define API_UPGRADE "holm-stream" /* what connections both ways go on with: wire/frame */
#define API_ADDRESS "127.0.0.1"
#define API_PORT    10000

/* Listens at once. -EADDRINUSE and so on name the address. */
struct api *api_new(const struct api_config *config, struct err *err);
/* Ends all requests; before the server and the loop are freed. NULL-safe, returns NULL. */
struct api *api_free(struct api *api);

/* Shows another certificate from now on; the names of that are ours, too. -EBADMSG: the two are none, or do
 * not belong together; then the earlier one stays. */
int api_set_identity(struct api *api, const struct secret *certificates, const struct secret *key,
		     struct err *err);

uint16_t api_port(const struct api *api); /* of TCP, 0: none */
bool api_is_idle(const struct api *api);  /* no request is under way */
/* What was answered has left; streams that go on do not count. */
bool api_is_flushed(const struct api *api);

#endif
