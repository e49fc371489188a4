/* The command line. One table of commands parses the words, runs and documents them; main() adds
 * those of the daemon (up, server, worker) to the client's. */
#ifndef HOLM_CLI_CLI_H
#define HOLM_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_DATA_DIR "/var/lib/holm" /* HOLM_DATA_DIR and --data-dir replace it */
#define CLI_SOCKET   "holm.sock"     /* below it: the local API */
#define CLI_CA       "tls/ca.pem"    /* below it: the server's own authority, if it is one */
#define CLI_TOKEN    "token"         /* below it: what TCP wants as bearer token */

/* Exit codes, the same for every command. */
enum cli_exit { CLI_OK, CLI_FAILED, CLI_USAGE, CLI_UNREACHABLE, CLI_TIMEOUT, CLI_EXIT_N };

struct cli_option {
	const char *name;  /* "tail", given as --tail */
	char letter;       /* 'f', given as -f; 0: none */
	const char *value; /* "N"; NULL: a switch */
	const char *help;
};

struct cli_call;

struct cli_command {
	const char *name;
	const char *args;    /* "FILE|-", "" for none */
	const char *summary; /* one line, without full stop */
	const char *details; /* whole lines for `holm help NAME`, or NULL */
	const struct cli_option *options;
	size_t n_options;
	size_t min_args, max_args;
	size_t verbatim; /* words from this one on are taken as they are, options too; 0: none */
	int (*run)(const struct cli_call *call); /* returns the exit code */
	bool needs_whole;                        /* the small program cannot run it */
	/* Instead of `run`: commands of two words ("image ls"), whose names begin with ours. */
	const struct cli_command *subs;
	size_t n_subs;
};

/* An option each time it was given. */
struct cli_given {
	const struct cli_option *option;
	const char *value;
};

/* A command as it was called. Strings are borrowed from argv and the environment. */
struct cli_call {
	const struct cli_command *command;
	const char *const *values;     /* parallel to command->options, NULL: not given */
	const struct cli_given *given; /* all of them, in order */
	size_t n_given;
	const char *const *args;
	size_t n_args;
	const char *data_dir;
	const char *api; /* URL or ADDR:PORT, NULL: the socket in data_dir */
	const char *ca;  /* file, NULL: see remote_open() */
	const char *pin; /* of the API's key, NULL: none */
	bool is_colored; /* what goes to `out` */
	bool is_tty;     /* `out` is a terminal: lines may be redrawn */
	FILE *out;
	FILE *err;
	const struct cli_extension *extension;
};

struct http_client_request;
struct http_client_response;
struct http_client_upgrade;
struct err;

/* What main() adds. The small program, `holm`, has none of it but `become`: it does what a client of
 * this machine does most, without loading libraries, and is replaced by the whole one, `holmd`, for
 * all else. */
struct cli_extension {
	const struct cli_command *commands;
	size_t n_commands;
	/* `holm down` when no daemon answers; returns the exit code. NULL: an error is printed. */
	int (*down_offline)(const struct cli_call *call, bool is_purge);
	/* Asks an API elsewhere: http_client_perform(). */
	int (*perform)(const struct http_client_request *request, struct http_client_response *ret,
		       struct err *err);
	/* The same for connections both ways: http_client_upgrade(). */
	int (*upgrade)(const struct http_client_request *request, const char *protocol,
		       struct http_client_upgrade *ret, struct err *err);
	/* What `holm cp` does with files here: a file or folder as a tar archive to a descriptor, and
	 * the other way. */
	int (*pack)(const char *path, int out, struct err *err);
	int (*unpack)(const char *path, int in, struct err *err);
	/* `holm image build-unikernel`; returns the exit code. */
	int (*build)(const struct cli_call *call);
	/* The same words to the whole program. Returns only if there is none, with the exit code. */
	int (*become)(int argc, char **argv);
};

/* Value of an option of the command ("" for a switch), NULL if it was not given. */
const char *cli_value(const struct cli_call *call, const char *name);
/* Values of an option that may be given several times: the next from *at (0 at first), or NULL. */
const char *cli_next(const struct cli_call *call, const char *name, size_t *at);
/* The option as a number; `otherwise` if absent. -EINVAL after a message to call->err. */
int cli_number(const struct cli_call *call, const char *name, uint32_t otherwise, uint32_t *ret);
/* "holm: …" to call->err; returns `code`. */
int cli_error(const struct cli_call *call, enum cli_exit code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Exit code of the process. */
int cli_main(int argc, char **argv, const struct cli_extension *extension);

#endif
