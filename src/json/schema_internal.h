/* Between the files of schemas. */
#ifndef HOLM_JSON_SCHEMA_INTERNAL_H
#define HOLM_JSON_SCHEMA_INTERNAL_H

#include "json/internal.h"
#include "json/schema.h"

struct pattern;

struct schema {
	struct json *root;
	struct map patterns; /* text → struct pattern */
};

/* A value inside others, for messages. */
struct place {
	const struct place *up; /* NULL: the whole */
	const char *key;        /* in an object, NULL: in an array */
	size_t index;
	const struct json *value;
};
/* "spec.ports[0]", of the whole `root`; the caller's. */
char *place_format(const struct place *place, const char *root);

/* A check under way. */
struct checking {
	const struct schema *schema;
	unsigned steps; /* that are left */
	unsigned depth;
};
/* -E2BIG once there are none left. */
int checking_charge(struct checking *c, unsigned steps, struct err *err);
/* The value at `place` against a schema. */
int checking_run(struct checking *c, const struct json *schema, const struct place *place,
		 struct err *err);

/* schema_value.c */
const char *value_kind(
	const struct json *v); /* the name of its type, "integer" rather than "number" */
bool value_is_of_type(const struct json *v, const char *type);
/* 1: the same, 1.0 being 1; 0; or an error. */
int value_same(struct checking *c, const struct json *a, const struct json *b, struct err *err);
/* -1, 0, 1 as the number a is less than b, the same, or more. */
int value_compare(const struct json *a, const struct json *b);

/* What an argument of a keyword has to be. */
enum shape {
	SHAPE_ANY,
	SHAPE_BOOL,
	SHAPE_STRING,
	SHAPE_NUMBER,
	SHAPE_COUNT, /* a whole number from 0 on */
	SHAPE_NAMES, /* different strings */
	SHAPE_ARRAY,
	SHAPE_SCHEMA,
	SHAPE_SCHEMAS,    /* one at least */
	SHAPE_SCHEMA_MAP, /* by name */
	SHAPE_TYPE,
	SHAPE_PATTERN,
	SHAPE_REF,
	SHAPE_DIALECT, /* a draft that is known */
	SHAPE_ID,      /* of the whole document */
	SHAPE_N
};

/* `schema` is the object that has the keyword, `arg` what it says. */
typedef int (*keyword_fn)(struct checking *c, const struct json *schema, const struct json *arg,
			  const struct place *place, struct err *err);

struct keyword {
	const char *name;
	enum shape shape;
	keyword_fn check; /* NULL: an annotation */
	bool is_in_place; /* its schemas are about the same value */
};
/* NULL: not known. */
const struct keyword *keyword_find(const char *name);

/* The schema that "#/definitions/x" names, or NULL. */
const struct json *schema_resolve(const struct schema *schema, const char *ref);

/* schema_pattern.c: POSIX extended regular expressions without what takes exponential time, and with
 * \d, \w and \s. They match bytes, anywhere in the text. */
int pattern_parse(const char *text, struct pattern **ret, struct err *err);
struct pattern *pattern_free(struct pattern *pattern);
#define PATTERN_TEXT_MAX 1024 /* bytes of what is matched */
bool pattern_matches(const struct pattern *pattern, const char *text);
/* Of matching so many bytes, in steps. */
unsigned pattern_cost(const struct pattern *pattern, size_t len);

#endif
