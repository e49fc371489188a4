/* A session both ways from the client's end: frames (wire/frame) to and from this process's input,
 * output, errors and signals. */
#ifndef HOLM_CLI_PUMP_H
#define HOLM_CLI_PUMP_H

#include "base/base.h"
#include "cli/cli.h"

struct http_client_session;

struct pump {
	const struct cli_call *call;
	struct http_client_session *session;
	int in;  /* read and sent; -1: nothing */
	int out; /* where OUTPUT goes, and ERRORS */
	int err;
	bool is_terminal; /* of the program: `in` is made raw if it is one, and its size told */
	bool is_attached; /* to a program that goes on: the node tells whether it has a terminal */
	/* Called with `OUTPUT` instead of writing it, if set; negative errno ends the session. */
	int (*take)(void *arg, const char *data, size_t len);
	void *arg;
};

/* Runs until the node has told the end: its exit code (why it failed is printed). 128 + N after
 * signal N, CLI_UNREACHABLE if the connection broke. */
#define PUMP_DETACHED (-1) /* by the keys that do so, where it is attached to a terminal */
int pump_run(const struct pump *pump);

#endif
