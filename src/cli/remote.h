/* The API as a client sees it: over the unix socket of the data directory, or over TCP. Blocking.
 * Failures are told to the user here, as a sentence with the next step; callers pass the exit code
 * on. */
#ifndef HOLM_CLI_REMOTE_H
#define HOLM_CLI_REMOTE_H

#include "base/base.h"
#include "base/secret.h"
#include "cli/cli.h"

struct remote {
	const struct cli_call *call;
	char *url;    /* "http://127.0.0.1:10000" */
	char *socket; /* NULL: TCP */
	char *token;  /* NULL: none */
	char *ca;     /* NULL: the system's */
};

/* Without --ca and --pin the authority in the data directory is trusted beside the system's. */
int remote_open(const struct cli_call *call, struct remote *ret);
void remote_close(struct remote *remote);

struct reply {
	char *body;
	uint64_t revision; /* of the server's state, 0: not told */
};
void reply_fini(struct reply *reply);
#define auto_reply __attribute__((cleanup(reply_fini)))

/* `path` begins behind the host; `body` is JSON or NULL. CLI_FAILED if it was refused. */
struct question {
	const char *method;
	const char *path;
	const char *body;
	const struct secret *bytes; /* instead of `body`: it is no JSON */
	bool is_quiet;              /* CLI_UNREACHABLE is not told */
	unsigned no_session;  /* of an upgrade: with this status there is none, and nothing told */
	uint32_t patience_ms; /* for the answer, 0: 30 s */
};
int remote_ask(const struct remote *remote, const struct question *question, struct reply *ret);

/* Goes on with frames both ways (wire/frame); the session is the caller's. */
struct http_client_session;
int remote_upgrade(const struct remote *remote, const struct question *question,
		   struct http_client_session **ret);

/* An answer that comes in pieces. `take` ends it with a non-zero result. CLI_OK at its end or when it
 * was ended, CLI_TIMEOUT (told by the caller) when deadline_ms (monotonic, 0: none) has passed. */
struct listening {
	const char *path;
	const char *body; /* JSON, sent by POST; NULL: GET */
	int (*take)(void *arg, const char *data, size_t len);
	void *arg;
	uint64_t deadline_ms;
	uint64_t idle_ms; /* longest silence, 0: any; beyond, CLI_UNREACHABLE */
	bool is_quiet;    /* CLI_UNREACHABLE is not told */
};
int remote_listen(const struct remote *remote, const struct listening *listening);

/* Adds a text as one part of a path or query. */
void url_add(struct buf *url, const char *text);
/* Adds the path of an instance, and what follows it ("/exec"). */
void url_add_instance(struct buf *url, const char *name, const char *rest);
/* Adds "?node=NAME", if the command was given a node. */
void url_add_node(const struct cli_call *call, struct buf *url);
uint64_t now_ms(void); /* monotonic */

#endif
