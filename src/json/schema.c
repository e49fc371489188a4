/* Checking a value: one function per keyword, and the table that names them. */
#include <stdarg.h>

#include "base/base.h"
#include "json/schema_internal.h"

#define SHOWN_MAX 60 /* bytes of a value in a message */

static int bad(struct err *err, const struct place *place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void place_add(const struct place *place, struct buf *out)
{
	if (!place->up)
		return;
	place_add(place->up, out);
	if (place->key)
		buf_addf(out, "%s%.80s", out->len ? "." : "", place->key);
	else
		buf_addf(out, "[%zu]", place->index);
}

char *place_format(const struct place *place, const char *root)
{
	auto_buf struct buf out;

	buf_init(&out, 4096);
	place_add(place, &out);
	return out.len ? buf_take(&out) : xstrdup(root);
}

static int bad(struct err *err, const struct place *place, const char *fmt, ...)
{
	auto_free char *where = place_format(place, "the object");
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, -EINVAL, "%.200s: %s", where, text);
}

int checking_charge(struct checking *c, unsigned steps, struct err *err)
{
	if (c->steps < steps)
		return err_set(err, -E2BIG, "it would take more than %d steps to check it",
			       SCHEMA_STEPS_MAX);
	c->steps -= steps;
	return 0;
}

static int check_type(struct checking *c, const struct json *schema, const struct json *arg,
		      const struct place *place, struct err *err)
{
	auto_strv struct strv names = { 0 };

	if (json_is_string(arg))
		strv_add(&names, json_str(arg));
	for (size_t i = 0; json_is_array(arg) && i < json_count(arg); i++)
		strv_add(&names, json_str(json_at(arg, i)));
	for (size_t i = 0; i < names.n; i++)
		if (value_is_of_type(place->value, names.items[i]))
			return 0;
	auto_free char *list = strv_join(&names, " or ");
	return bad(err, place, "expected %s, got %s", list, value_kind(place->value));
}

static int check_properties(struct checking *c, const struct json *schema, const struct json *arg,
			    const struct place *place, struct err *err)
{
	int r = 0;

	if (!json_is_object(place->value))
		return 0;
	for (const char *key = json_key_next(arg, NULL); r == 0 && key;
	     key = json_key_next(arg, key)) {
		const struct place inner = { place, key, 0, json_get(place->value, key) };

		r = checking_charge(c, 1, err);
		if (r == 0 && inner.value)
			r = checking_run(c, json_get(arg, key), &inner, err);
	}
	return r;
}

static int check_additional(struct checking *c, const struct json *schema, const struct json *arg,
			    const struct place *place, struct err *err)
{
	const struct json *known = json_get(schema, "properties");
	const struct json *v = place->value;
	int r = 0;

	if (!json_is_object(v))
		return 0;
	for (const char *key = json_key_next(v, NULL); r == 0 && key; key = json_key_next(v, key)) {
		const struct place inner = { place, key, 0, json_get(v, key) };

		r = checking_charge(c, 1, err);
		if (r == 0 && (!known || !json_get(known, key)))
			r = checking_run(c, arg, &inner, err);
	}
	return r;
}

static int check_required(struct checking *c, const struct json *schema, const struct json *arg,
			  const struct place *place, struct err *err)
{
	if (!json_is_object(place->value))
		return 0;
	for (size_t i = 0; i < json_count(arg); i++)
		if (!json_get(place->value, json_str(json_at(arg, i))))
			return bad(err, place, "%.80s is missing", json_str(json_at(arg, i)));
	return checking_charge(c, (unsigned)json_count(arg), err);
}

static int check_items(struct checking *c, const struct json *schema, const struct json *arg,
		       const struct place *place, struct err *err)
{
	int r = 0;

	if (!json_is_array(place->value))
		return 0;
	for (size_t i = 0; r == 0 && i < json_count(place->value); i++) {
		const struct place inner = { place, NULL, i, json_at(place->value, i) };

		r = checking_run(c, arg, &inner, err);
	}
	return r;
}

static int check_enum(struct checking *c, const struct json *schema, const struct json *arg,
		      const struct place *place, struct err *err)
{
	for (size_t i = 0; i < json_count(arg); i++) {
		int r = value_same(c, json_at(arg, i), place->value, err);

		if (r)
			return r < 0 ? r : 0;
	}
	auto_free char *list = json_format(arg);
	return bad(err, place, "expected one of %.*s", SHOWN_MAX, list);
}

static int check_const(struct checking *c, const struct json *schema, const struct json *arg,
		       const struct place *place, struct err *err)
{
	int r = value_same(c, arg, place->value, err);

	if (r)
		return r < 0 ? r : 0;
	auto_free char *text = json_format(arg);
	return bad(err, place, "expected %.*s", SHOWN_MAX, text);
}

static int bad_bound(struct err *err, const struct place *place, const char *words,
		     const struct json *arg)
{
	auto_free char *text = json_format(arg);

	return bad(err, place, "expected a number %s %.40s", words, text);
}

#define BOUND(name, is_bad, words)                                                             \
	static int name(struct checking *c, const struct json *schema, const struct json *arg, \
			const struct place *place, struct err *err)                            \
	{                                                                                      \
		double number;                                                                 \
                                                                                               \
		if (!json_is_number(place->value, &number) ||                                  \
		    !(value_compare(place->value, arg) is_bad))                                \
			return 0;                                                              \
		return bad_bound(err, place, words, arg);                                      \
	}
BOUND(check_minimum, < 0, "of at least")
BOUND(check_maximum, > 0, "of at most")
BOUND(check_above, <= 0, "above")
BOUND(check_below, >= 0, "below")

/* In code points. */
static size_t length_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static int check_least(const struct place *place, size_t n, const struct json *arg,
		       const char *what, struct err *err)
{
	int64_t bound = json_int(arg, 0);

	return n >= (uint64_t)bound ? 0
				    : bad(err, place, "expected at least %lld %s, got %zu",
					  (long long)bound, what, n);
}

static int check_most(const struct place *place, size_t n, const struct json *arg, const char *what,
		      struct err *err)
{
	int64_t bound = json_int(arg, 0);

	return n <= (uint64_t)bound ? 0
				    : bad(err, place, "expected at most %lld %s, got %zu",
					  (long long)bound, what, n);
}

#define COUNT(name, check, is_kind, n, what)                                                   \
	static int name(struct checking *c, const struct json *schema, const struct json *arg, \
			const struct place *place, struct err *err)                            \
	{                                                                                      \
		const struct json *v = place->value;                                           \
                                                                                               \
		return is_kind(v) ? check(place, n, arg, what, err) : 0;                       \
	}
COUNT(check_min_length, check_least, json_is_string, length_of(json_str(v)), "characters")
COUNT(check_max_length, check_most, json_is_string, length_of(json_str(v)), "characters")
COUNT(check_min_items, check_least, json_is_array, json_count(v), "elements")
COUNT(check_max_items, check_most, json_is_array, json_count(v), "elements")
COUNT(check_min_members, check_least, json_is_object, json_count(v), "members")
COUNT(check_max_members, check_most, json_is_object, json_count(v), "members")

static int check_unique(struct checking *c, const struct json *schema, const struct json *arg,
			const struct place *place, struct err *err)
{
	const struct json *v = place->value;
	int r = 0;

	if (!json_is_array(v) || !json_bool(arg, false))
		return 0;
	for (size_t i = 1; r == 0 && i < json_count(v); i++)
		for (size_t k = 0; r == 0 && k < i; k++) {
			r = value_same(c, json_at(v, i), json_at(v, k), err);
			if (r == 1)
				return bad(err, place, "elements %zu and %zu are the same", k, i);
		}
	return r;
}

static int check_pattern(struct checking *c, const struct json *schema, const struct json *arg,
			 const struct place *place, struct err *err)
{
	const struct pattern *pattern = map_find(&c->schema->patterns, json_str(arg));
	const char *text = json_str(place->value);

	if (!text)
		return 0;
	if (strlen(text) > PATTERN_TEXT_MAX)
		return bad(err, place,
			   "longer than %d bytes, which is the most that a pattern is "
			   "matched with",
			   PATTERN_TEXT_MAX);
	int r = checking_charge(c, pattern_cost(pattern, strlen(text)), err);
	if (r < 0 || pattern_matches(pattern, text))
		return r;
	return bad(err, place, "expected a text like %.*s", SHOWN_MAX, json_str(arg));
}

static int check_all(struct checking *c, const struct json *schema, const struct json *arg,
		     const struct place *place, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_count(arg); i++)
		r = checking_run(c, json_at(arg, i), place, err);
	return r;
}

/* How many of them it fits, up to `enough`; or an error that is not its own. */
static int count_fits(struct checking *c, const struct json *list, size_t enough,
		      const struct place *place, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; n < enough && i < json_count(list); i++) {
		struct err one = { 0 };
		int r = checking_run(c, json_at(list, i), place, &one);

		if (r < 0 && r != -EINVAL)
			return err_copy(err, &one);
		n += r == 0;
	}
	return (int)n;
}

static int check_any(struct checking *c, const struct json *schema, const struct json *arg,
		     const struct place *place, struct err *err)
{
	int n = count_fits(c, arg, 1, place, err);

	if (n)
		return n < 0 ? n : 0;
	return bad(err, place, "fits none of the %zu of anyOf", json_count(arg));
}

static int check_one(struct checking *c, const struct json *schema, const struct json *arg,
		     const struct place *place, struct err *err)
{
	int n = count_fits(c, arg, 2, place, err);

	if (n == 1 || n < 0)
		return n < 0 ? n : 0;
	return bad(err, place,
		   n ? "fits more than one of the %zu of oneOf" : "fits none of the %zu of oneOf",
		   json_count(arg));
}

static int check_not(struct checking *c, const struct json *schema, const struct json *arg,
		     const struct place *place, struct err *err)
{
	struct err one = { 0 };
	int r = checking_run(c, arg, place, &one);

	if (r < 0)
		return r == -EINVAL ? 0 : err_copy(err, &one);
	return bad(err, place, "is what it must not be");
}

const struct json *schema_resolve(const struct schema *schema, const char *ref)
{
	auto_strv struct strv parts = { 0 };
	const struct json *at = schema->root;
	uint32_t index;

	strv_split(&parts, ref + 1, "/");
	for (size_t i = 0; at && i < parts.n; i++) {
		const char *from = parts.items[i];
		char *to = parts.items[i];

		for (; *from; from++) {
			*to = *from;
			if (*from == '~' && (from[1] == '0' || from[1] == '1'))
				*to = *++from == '0' ? '~' : '/';
			to++;
		}
		*to = '\0';
		if (json_is_array(at))
			at = parse_u32(parts.items[i], 0, 65535, &index) == 0 ? json_at(at, index)
									      : NULL;
		else
			at = json_get(at, parts.items[i]);
	}
	return at;
}

static int check_ref(struct checking *c, const struct json *schema, const struct json *arg,
		     const struct place *place, struct err *err)
{
	return checking_run(c, schema_resolve(c->schema, json_str(arg)), place, err);
}

static const struct keyword keywords[] = {
	{ "type", SHAPE_TYPE, check_type },
	{ "properties", SHAPE_SCHEMA_MAP, check_properties },
	{ "required", SHAPE_NAMES, check_required },
	{ "additionalProperties", SHAPE_SCHEMA, check_additional },
	{ "minProperties", SHAPE_COUNT, check_min_members },
	{ "maxProperties", SHAPE_COUNT, check_max_members },
	{ "items", SHAPE_SCHEMA, check_items },
	{ "minItems", SHAPE_COUNT, check_min_items },
	{ "maxItems", SHAPE_COUNT, check_max_items },
	{ "uniqueItems", SHAPE_BOOL, check_unique },
	{ "enum", SHAPE_ARRAY, check_enum },
	{ "const", SHAPE_ANY, check_const },
	{ "minimum", SHAPE_NUMBER, check_minimum },
	{ "maximum", SHAPE_NUMBER, check_maximum },
	{ "exclusiveMinimum", SHAPE_NUMBER, check_above },
	{ "exclusiveMaximum", SHAPE_NUMBER, check_below },
	{ "minLength", SHAPE_COUNT, check_min_length },
	{ "maxLength", SHAPE_COUNT, check_max_length },
	{ "pattern", SHAPE_PATTERN, check_pattern },
	{ "allOf", SHAPE_SCHEMAS, check_all, true },
	{ "anyOf", SHAPE_SCHEMAS, check_any, true },
	{ "oneOf", SHAPE_SCHEMAS, check_one, true },
	{ "not", SHAPE_SCHEMA, check_not, true },
	{ "$ref", SHAPE_REF, check_ref, true },
	{ "$defs", SHAPE_SCHEMA_MAP },
	{ "definitions", SHAPE_SCHEMA_MAP },
	{ "$schema", SHAPE_DIALECT },
	{ "$id", SHAPE_ID },
	{ "$comment", SHAPE_STRING },
	{ "title", SHAPE_STRING },
	{ "description", SHAPE_STRING },
	{ "default", SHAPE_ANY },
	{ "examples", SHAPE_ARRAY },
	{ "format", SHAPE_STRING },
	{ "deprecated", SHAPE_BOOL },
	{ "readOnly", SHAPE_BOOL },
	{ "writeOnly", SHAPE_BOOL },
};

const struct keyword *keyword_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
		if (str_eq(keywords[i].name, name))
			return &keywords[i];
	return NULL;
}

static int run_object(struct checking *c, const struct json *schema, const struct place *place,
		      struct err *err)
{
	int r = 0;

	for (const char *name = json_key_next(schema, NULL); r == 0 && name;
	     name = json_key_next(schema, name)) {
		const struct keyword *keyword = keyword_find(name);

		r = checking_charge(c, 1, err);
		if (r == 0 && keyword->check)
			r = keyword->check(c, schema, json_get(schema, name), place, err);
	}
	return r;
}

int checking_run(struct checking *c, const struct json *schema, const struct place *place,
		 struct err *err)
{
	int r = checking_charge(c, 1, err);

	if (r < 0)
		return r;
	if (json_is_bool(schema))
		return json_bool(schema, true) ? 0 : bad(err, place, "is not allowed");
	if (c->depth == SCHEMA_DEPTH_MAX)
		return err_set(err, -E2BIG, "it would take more than %d schemas inside each other",
			       SCHEMA_DEPTH_MAX);
	c->depth++;
	r = run_object(c, schema, place, err);
	c->depth--;
	return r;
}

int schema_check(const struct schema *schema, const struct json *value, struct err *err)
{
	struct checking c = { .schema = schema, .steps = SCHEMA_STEPS_MAX };
	const struct place whole = { .value = value };

	return checking_run(&c, schema->root, &whole, err);
}
