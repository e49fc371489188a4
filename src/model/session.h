/* What a client asks of an instance over a stream both ways. */
#ifndef HOLM_MODEL_SESSION_H
#define HOLM_MODEL_SESSION_H

#include "base/base.h"
#include "base/id.h"
#include "json/json.h"

#define SESSION_WORDS_MAX 1024 /* of a command, and variables */
#define SESSION_SIZE_MAX  65535

/* A command to run: body of POST /instances/{name}/exec, and request of a stream of kind "exec". */
struct exec_request {
	char kind[8];           /* of the stream; not the client's to say */
	char instance[ID_SIZE]; /* the same */
	struct strv cmd;
	struct strv env;
	char *user;
	char *dir;
	bool has_input;
	bool is_terminal;
	uint32_t rows;
	uint32_t columns;
};
extern const struct field_table exec_request_table;

/* To be connected to an instance's first process: body of POST /instances/{name}/attach, and request of
 * a stream of kind "attach". */
struct attach_request {
	char kind[8];           /* not the client's to say */
	char instance[ID_SIZE]; /* the same */
	bool has_input;
	uint32_t rows; /* of its terminal, as last told */
	uint32_t columns;
};
extern const struct field_table attach_request_table;

/* Files to or from an instance: body of POST /instances/{name}/copy, and request of a stream of kind
 * "copy". What is copied is a tar archive. */
struct copy_request {
	char kind[8];           /* not the client's to say */
	char instance[ID_SIZE]; /* the same */
	char *path;             /* absolute, in the instance */
	bool is_put;            /* into the instance; else out of it */
	bool is_archive;        /* `path` has to be a folder, into which it is unpacked */
};
extern const struct field_table copy_request_table;

#endif
