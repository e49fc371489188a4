/* JSON through field tables: one table per struct parses, emits and documents it.
 *
 * Text is bounded before parsing (size, depth). Nobody outside this folder sees the
 * library's types: a `struct json` is a parsed value, a `struct json_out` a text being
 * written. */
#ifndef HOLM_JSON_JSON_H
#define HOLM_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

#define JSON_DEPTH_MAX 32
#define JSON_TEXT_MAX  (64u << 20) /* bytes of a document, whoever sent it */

struct json; /* a parsed document or a value inside one */

/* Parses a whole document; duplicate keys are an error. Messages name line and column. -E2BIG beyond
 * JSON_TEXT_MAX, else -EINVAL. */
int json_parse(const char *text, size_t len, struct json **ret, struct err *err);
/* Accepts trailing commas too; the warnings name their lines. */
int json_parse_tolerant(const char *text, size_t len, struct json **ret, struct strv *warnings,
			struct err *err);
struct json *json_free(struct json *root); /* only what json_parse gave */
DEFINE_AUTO(json_free, struct json *)

/* Reading by hand, where a table does not fit. Borrowed from the document. */
struct json *json_get(const struct json *object, const char *key); /* NULL if absent */
struct json *json_at(const struct json *array, size_t index);
size_t json_count(const struct json *value); /* members of an array or object, else 0 */
/* Keys in document order: the first for NULL, then the one after a key this call returned, NULL at
 * the end. */
const char *json_key_next(const struct json *object, const char *previous);
bool json_is_object(const struct json *v);
bool json_is_array(const struct json *v);
bool json_is_string(const struct json *v);
bool json_is_null(const struct json *v);
const char *json_str(const struct json *v);                /* NULL unless a string */
int64_t json_int(const struct json *v, int64_t otherwise); /* integral floats count */
bool json_bool(const struct json *v, bool otherwise);
const char *json_get_str(const struct json *object, const char *key); /* NULL if absent */
int64_t json_get_int(const struct json *object, const char *key, int64_t otherwise);
/* Compact text of any value; the caller's. */
char *json_format(const struct json *v);

/* Writing: calls in document order; keys are given inside objects, NULL inside arrays. Bounded:
 * past the maximum, json_out_finish() fails with -E2BIG. */
struct json_out {
	struct buf text;
	bool needs_comma;
	bool is_over;
};
void json_out_init(struct json_out *out, size_t max);
void json_out_fini(struct json_out *out);
void json_out_object(struct json_out *out, const char *key);
void json_out_object_end(struct json_out *out);
void json_out_array(struct json_out *out, const char *key);
void json_out_array_end(struct json_out *out);
void json_out_str(struct json_out *out, const char *key, const char *value); /* NULL: null */
void json_out_int(struct json_out *out, const char *key, int64_t value);
void json_out_double(struct json_out *out, const char *key, double value);
void json_out_bool(struct json_out *out, const char *key, bool value);
void json_out_raw(struct json_out *out, const char *key, const char *json_text);
/* The members of an object's compact text, into an object that is open. NULL: none. */
void json_out_members(struct json_out *out, const char *object_text);
/* An array of strings. */
void json_out_strv(struct json_out *out, const char *key, const struct strv *v);
/* The finished text; the caller's. */
int json_out_finish(struct json_out *out, char **ret, struct err *err);
#define auto_json_out __attribute__((cleanup(json_out_fini)))

/* Field tables. */
enum field_type {
	F_STR,    /* char *, owned, NULL if absent */
	F_CHARS,  /* char[N], at most N - 1 bytes */
	F_BOOL,   /* bool */
	F_U32,    /* uint32_t in min..max; integral floats accepted */
	F_U64,    /* uint64_t, up to 2^53 */
	F_I64,    /* int64_t */
	F_DOUBLE, /* double */
	F_STRV,   /* struct strv */
	F_ENUM,   /* int through `names` */
	F_OBJECT, /* struct inside the struct, by `table` */
	F_ARRAY,  /* pointer to structs at `offset`, their number (size_t) at `count_offset` */
	F_RAW,    /* char *, any JSON value as compact text, owned */
	F_N
};

enum field_flags {
	F_REQUIRED = 1,
	F_OMIT_EMPTY = 2, /* not emitted when zero, empty or NULL */
	F_INPUT_ONLY = 4, /* never emitted */
	F_GIVEN = 8, /* a bool at given_offset tells whether it is there; if not, not emitted */
	/* An F_RAW that a tolerant reading fills with the members that no field names, as one object
	 * of at most `max` bytes, without those that `names` lists; a field like others elsewhere. */
	F_REST = 16,
};

struct field_table;

struct field {
	const char *name;
	const char *key; /* the name with quotes and colon, as texts have it: FIELD makes it */
	enum field_type type;
	unsigned flags;
	size_t offset;
	size_t size;         /* F_CHARS: bytes of the array; F_ARRAY: bytes of an element */
	size_t count_offset; /* F_ARRAY */
	size_t given_offset; /* F_GIVEN */
	uint32_t min, max;   /* when max > 0: value of F_U32, bytes of F_STR, elements of a list */
	const char *const *names;        /* F_ENUM, F_REST; ended by NULL */
	const struct field_table *table; /* F_OBJECT, F_ARRAY */
	const char *synonyms;            /* "vcpu,vcores": read if `name` is absent */
	const char *help;                /* one line, for the reference page and messages */
};

struct field_table {
	const char *name; /* "microservice" */
	size_t size;      /* of the struct */
	const struct field *fields;
	size_t n;
	/* Schemas: an object has this one's members, too; or any others. */
	const struct field_table *also;
	bool is_open;
};

/* FIELD(struct app, name, "application_name", F_STR, .flags = F_REQUIRED, .help = "…") */
#define FIELD(type_, member, name_, kind, ...)                                           \
	{                                                                                \
		.name = (name_), .key = "\"" name_ "\":", .type = (kind),                \
		.offset = offsetof(type_, member), .size = sizeof(((type_ *)0)->member), \
		__VA_ARGS__                                                              \
	}
/* The same for a list of structs and their number. */
#define FIELD_ARRAY(type_, member, n_member, name_, table_, ...)                          \
	{                                                                                 \
		.name = (name_), .key = "\"" name_ "\":", .type = F_ARRAY,                \
		.offset = offsetof(type_, member), .size = sizeof(*((type_ *)0)->member), \
		.count_offset = offsetof(type_, n_member), .table = (table_), __VA_ARGS__ \
	}

#define FIELD_TABLE(var, type, label, list)                    \
	const struct field_table var = { .name = (label),      \
					 .size = sizeof(type), \
					 .fields = (list),     \
					 .n = ARRAY_LEN(list) }

/* A row without a struct, for what is written by hand: SHAPE is always there and never null, SHAPE_MAY may
 * be missing. Such a table is good for schemas alone. */
#define SHAPE(name_, kind, ...)                                                   \
	{                                                                         \
		.name = (name_), .type = (kind), .flags = F_REQUIRED, __VA_ARGS__ \
	}
#define SHAPE_MAY(name_, kind, ...)                                                 \
	{                                                                           \
		.name = (name_), .type = (kind), .flags = F_OMIT_EMPTY, __VA_ARGS__ \
	}
#define SHAPE_TABLE(var, label, list) \
	const struct field_table var = { .name = (label), .fields = (list), .n = ARRAY_LEN(list) }

#define FIELD_ELEMENTS_MAX 65536 /* of a list without max */

enum field_unknown { FIELD_UNKNOWN_ERROR, FIELD_UNKNOWN_IGNORE };

/* Fills a zeroed struct. Errors name the path, the value and what was expected
 * ("applications[0].microservices[1].memory: expected a whole number 0..4294967295, got \"a\""),
 * unknown fields the nearest known name. A null for an optional field counts as absent. On failure
 * the struct is released again. */
int fields_parse(const struct field_table *table, const struct json *value, void *ret,
		 enum field_unknown unknown, struct err *err);
/* Unknown fields are warnings, at most 100, and kept where a table has a field for the rest. */
int fields_parse_tolerant(const struct field_table *table, const struct json *value, void *ret,
			  struct strv *warnings, struct err *err);
/* From text in one step, without trailing commas. */
int fields_parse_text(const struct field_table *table, const char *text, void *ret,
		      enum field_unknown unknown, struct err *err);
/* Releases what the fields own and zeroes the struct. */
void fields_fini(const struct field_table *table, void *object);
/* Writes it as an object. */
void fields_emit(const struct field_table *table, const void *object, struct json_out *out,
		 const char *key);
/* Its members alone, into an object that is open; what F_REST holds as members like others. */
void fields_emit_members(const struct field_table *table, const void *object, struct json_out *out);
/* As text; the caller's. */
char *fields_format(const struct field_table *table, const void *object);
/* Deep copy into a zeroed struct. */
void fields_copy(const struct field_table *table, const void *from, void *ret);
bool fields_equal(const struct field_table *table, const void *a, const void *b);
/* The same for one field of the structs. */
bool field_equal(const struct field *field, const void *a, const void *b);
/* Adds the table as a section of Markdown, and then the tables inside it, each once. */
void fields_reference(const struct field_table *table, struct buf *out);

/* Schemas of OpenAPI 3.0: of what is read, or of what is written. Tables inside are references below this
 * place, by their names. */
enum field_way { FIELD_IN, FIELD_OUT };
#define FIELD_SCHEMA_PLACE "#/components/schemas/"

/* "exec request" is ExecRequest, read ExecRequestInput; the caller's. */
char *fields_schema_name(const struct field_table *table, enum field_way way);
void fields_schema(const struct field_table *table, enum field_way way, struct json_out *out,
		   const char *key);
/* A reference to it. */
void fields_schema_ref(const struct field_table *table, enum field_way way, struct json_out *out,
		       const char *key);
/* Of one field's value. */
void field_schema(const struct field *field, enum field_way way, struct json_out *out,
		  const char *key);

#endif
