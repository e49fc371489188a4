/* Custom resources: types that somebody defines at run time by a JSON Schema, and objects of them. */
#ifndef HOLM_MODEL_CUSTOM_H
#define HOLM_MODEL_CUSTOM_H

#include "base/id.h"
#include "json/json.h"

#define CUSTOM_NAME_MAX  63          /* bytes of a type's name */
#define CUSTOM_SIZE_MAX  (64u << 10) /* bytes of an object */
#define CUSTOM_TYPES_MAX 100
#define CUSTOMS_MAX      10000       /* objects of all types */
#define CUSTOM_BYTES_MAX (16u << 20) /* of all of them */

struct custom_type {
	char id[ID_SIZE];
	char *name;   /* unique */
	char *schema; /* JSON */
	uint64_t created_ms;
};

struct custom {
	char id[ID_SIZE];
	char type_id[ID_SIZE];
	char *body; /* a JSON object without `_id` */
	uint64_t created_ms;
	uint64_t changed_ms;
};

/* As watchers see them, and types as everybody does. */
struct custom_type_view {
	char id[ID_SIZE];
	const char *name;
	const char *schema;
};
struct custom_view {
	char id[ID_SIZE];
	const char *type;
	const char *object;
};

extern const struct field_table custom_type_table, custom_table;
extern const struct field_table custom_type_view_table, custom_view_table;

/* A letter, then letters, digits and . _ - up to CUSTOM_NAME_MAX. */
bool custom_name_is_valid(const char *name);

/* The object as a client sent it: without `_id`, which is the server's. -EINVAL: no object, -E2BIG.
 * The text is the caller's. */
int custom_body_parse(const char *text, size_t len, char **ret, struct err *err);
/* With the members of `patch` instead of its own of the same names; bodies all. */
int custom_body_merge(const char *body, const char *patch, char **ret, struct err *err);
/* With `_id` in front; the caller's. */
char *custom_body_show(const char *body, const char *id);
/* Whether what the path ("spec.size") leads to is that text, or the value that the text writes, or an
 * array that has it. */
bool custom_body_has(const struct json *body, const char *path, const char *text);

#endif
