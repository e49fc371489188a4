/* What values are and whether they are the same, as JSON Schema sees them. */
#include "base/base.h"
#include "json/schema_internal.h"

/* Kinds of values, numbers being one kind. */
const char *value_kind(const struct json *v)
{
	double number;
	int64_t whole;

	if (json_is_number(v, &number))
		return json_is_whole(v, &whole) ? "integer" : "number";
	return json_is_object(v)   ? "object"
	       : json_is_array(v)  ? "array"
	       : json_is_string(v) ? "string"
	       : json_is_bool(v)   ? "boolean"
				   : "null";
}

static bool is_whole_number(const struct json *v)
{
	int64_t whole;
	double number;

	/* Beyond 2^53 a double has no fraction. */
	return json_is_whole(v, &whole) ||
	       (json_is_number(v, &number) && (number > 9e15 || number < -9e15));
}

bool value_is_of_type(const struct json *v, const char *type)
{
	double number;

	if (str_eq(type, "integer"))
		return is_whole_number(v);
	if (str_eq(type, "number"))
		return json_is_number(v, &number);
	return str_eq(value_kind(v), type);
}

static int same_members(struct checking *c, const struct json *a, const struct json *b,
			struct err *err)
{
	int r = json_count(a) == json_count(b);

	for (const char *key = json_key_next(a, NULL); r == 1 && key; key = json_key_next(a, key)) {
		const struct json *other = json_get(b, key);

		r = other ? value_same(c, json_get(a, key), other, err) : 0;
	}
	return r;
}

static int same_elements(struct checking *c, const struct json *a, const struct json *b,
			 struct err *err)
{
	int r = json_count(a) == json_count(b);

	for (size_t i = 0; r == 1 && i < json_count(a); i++)
		r = value_same(c, json_at(a, i), json_at(b, i), err);
	return r;
}

static bool same_number(const struct json *a, const struct json *b)
{
	int64_t whole_a;
	int64_t whole_b;
	double x = 0;
	double y = 0;

	if (json_is_whole(a, &whole_a) && json_is_whole(b, &whole_b))
		return whole_a == whole_b;
	json_is_number(a, &x);
	json_is_number(b, &y);
	return x == y;
}

int value_same(struct checking *c, const struct json *a, const struct json *b, struct err *err)
{
	double number;
	int r = checking_charge(c, 1, err);

	if (r < 0)
		return r;
	if (json_is_number(a, &number))
		return json_is_number(b, &number) && same_number(a, b);
	if (!str_eq(value_kind(a), value_kind(b)))
		return 0;
	if (json_is_object(a))
		return same_members(c, a, b, err);
	if (json_is_array(a))
		return same_elements(c, a, b, err);
	if (json_is_string(a))
		return str_eq(json_str(a), json_str(b));
	return json_is_null(a) || json_bool(a, false) == json_bool(b, false);
}

int value_compare(const struct json *value, const struct json *arg)
{
	int64_t whole_a;
	int64_t whole_b;
	double a = 0;
	double b = 0;

	if (json_is_whole(value, &whole_a) && json_is_whole(arg, &whole_b))
		return (whole_a > whole_b) - (whole_a < whole_b);
	json_is_number(value, &a);
	json_is_number(arg, &b);
	return (a > b) - (a < b);
}
