/* Between the files of this folder. */
#ifndef HOLM_JSON_INTERNAL_H
#define HOLM_JSON_INTERNAL_H

#include "json/json.h"

/* For texts of objects in memory: those were bounded when they came in. */
#define JSON_OUT_UNBOUNDED ((size_t)1 << 40)

#define WARNINGS_MAX 100 /* of one document */

/* Checks depth and, if there are warnings to be given, blanks trailing commas in place: positions
 * stay. Everything else is left for the parser to judge. */
int json_scan(char *text, size_t len, struct strv *warnings, struct err *err);

/* Adds a value of any kind at the place where `out` stands. */
void json_out_value(struct json_out *out, const char *key, const struct json *v);

/* A member's key; its value comes next, without one. */
void json_out_key(struct json_out *out, const struct field *field);

/* Numbers as JSON has them, somewhere in `text`. */
#define NUMBER_TEXT_MAX 40
const char *int_format(int64_t value, char text[NUMBER_TEXT_MAX]);
const char *double_format(double value, char text[NUMBER_TEXT_MAX]);
bool double_is_whole(double value); /* and in the range where all whole numbers are */

/* Whole numbers, also written as 4.0 or 1e2, without loss. */
bool json_is_whole(const struct json *v, int64_t *ret);
bool json_is_number(const struct json *v, double *ret);
bool json_is_bool(const struct json *v);

/* Members of a struct by their fields. */
static inline void *field_at(const struct field *field, const void *object)
{
	return (char *)object + field->offset;
}

static inline size_t *field_count(const struct field *field, const void *object)
{
	return (size_t *)(void *)((char *)object + field->count_offset);
}

static inline bool *field_given(const struct field *field, const void *object)
{
	return (bool *)((char *)object + field->given_offset);
}

/* Element i of an F_ARRAY. */
static inline void *field_element(const struct field *field, const void *object, size_t i)
{
	return *(char **)field_at(field, object) + i * field->size;
}

/* Zero, "" , NULL, no elements; a nested struct whose fields are all empty. */
bool field_is_empty(const struct field *field, const void *object);

#endif
