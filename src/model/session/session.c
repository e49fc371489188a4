/* Tables of requests over streams. */
#include "model/session.h"

static const struct field exec_fields[] = {
	FIELD(struct exec_request, kind, "kind", F_CHARS, .flags = F_OMIT_EMPTY),
	FIELD(struct exec_request, instance, "instance", F_CHARS, .flags = F_OMIT_EMPTY),
	FIELD(struct exec_request, cmd, "cmd", F_STRV, .flags = F_REQUIRED,
	      .max = SESSION_WORDS_MAX),
	FIELD(struct exec_request, env, "env", F_STRV, .flags = F_OMIT_EMPTY,
	      .max = SESSION_WORDS_MAX),
	FIELD(struct exec_request, user, "user", F_STR, .flags = F_OMIT_EMPTY, .max = 256),
	FIELD(struct exec_request, dir, "dir", F_STR, .flags = F_OMIT_EMPTY, .max = 4096),
	FIELD(struct exec_request, has_input, "stdin", F_BOOL, .flags = F_OMIT_EMPTY),
	FIELD(struct exec_request, is_terminal, "tty", F_BOOL, .flags = F_OMIT_EMPTY),
	FIELD(struct exec_request, rows, "rows", F_U32, .flags = F_OMIT_EMPTY,
	      .max = SESSION_SIZE_MAX),
	FIELD(struct exec_request, columns, "columns", F_U32, .flags = F_OMIT_EMPTY,
	      .max = SESSION_SIZE_MAX),
};
FIELD_TABLE(exec_request_table, struct exec_request, "exec request", exec_fields);

static const struct field attach_fields[] = {
	FIELD(struct attach_request, kind, "kind", F_CHARS, .flags = F_OMIT_EMPTY),
	FIELD(struct attach_request, instance, "instance", F_CHARS, .flags = F_OMIT_EMPTY),
	FIELD(struct attach_request, has_input, "stdin", F_BOOL, .flags = F_OMIT_EMPTY),
};
FIELD_TABLE(attach_request_table, struct attach_request, "attach request", attach_fields);

static const struct field copy_fields[] = {
	FIELD(struct copy_request, kind, "kind", F_CHARS, .flags = F_OMIT_EMPTY),
	FIELD(struct copy_request, instance, "instance", F_CHARS, .flags = F_OMIT_EMPTY),
	FIELD(struct copy_request, path, "path", F_STR, .flags = F_REQUIRED, .max = 4096),
	FIELD(struct copy_request, is_put, "put", F_BOOL, .flags = F_OMIT_EMPTY),
	FIELD(struct copy_request, is_archive, "archive", F_BOOL, .flags = F_OMIT_EMPTY),
};
FIELD_TABLE(copy_request_table, struct copy_request, "copy request", copy_fields);
