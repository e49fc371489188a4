/* Reading a schema: every keyword is known and has an argument of its shape, every pattern can be matched,
 * every $ref leads to a schema and none only back to itself. */
#include "base/base.h"
#include "json/schema_internal.h"

#define IN_PLACE_MAX 16 /* schemas about one value inside each other, by way of $ref too */
#define REF_MAX      256

struct parsing {
	struct schema *schema;
	struct map known; /* address of a schema → itself */
	struct strv refs;
	struct map levels; /* address → struct level */
};

struct level {
	bool is_open;
	unsigned depth; /* of what is in place below it, once it is not open */
};

static int parse_one(struct parsing *p, const struct place *place, struct err *err);

static int bad(struct err *err, const struct place *place, const char *expected)
{
	auto_free char *where = place_format(place, "the schema");

	return err_set(err, -EINVAL, "%s: %s", where, expected);
}

static void key_of(const struct json *json, char out[24])
{
	snprintf(out, 24, "%p", (const void *)json);
}

static bool is_count(const struct json *v)
{
	int64_t n;

	return json_is_whole(v, &n) && n >= 0;
}

static bool are_names(const struct json *v)
{
	auto_strv struct strv seen = { 0 };

	if (!json_is_array(v))
		return false;
	for (size_t i = 0; i < json_count(v); i++) {
		const char *name = json_str(json_at(v, i));

		if (!name || strv_has(&seen, name))
			return false;
		strv_add(&seen, name);
	}
	return true;
}

static bool is_type_name(const char *name)
{
	static const char *const names[] = { "null",   "boolean", "integer", "number",
					     "string", "array",   "object" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

static bool is_type(const struct json *v)
{
	if (json_is_string(v))
		return is_type_name(json_str(v));
	if (!are_names(v) || !json_count(v))
		return false;
	for (size_t i = 0; i < json_count(v); i++)
		if (!is_type_name(json_str(json_at(v, i))))
			return false;
	return true;
}

static bool is_dialect(const struct json *v)
{
	static const char *const drafts[] = {
		"http://json-schema.org/draft-06/schema",
		"http://json-schema.org/draft-07/schema",
		"https://json-schema.org/draft/2019-09/schema",
		"https://json-schema.org/draft/2020-12/schema",
	};
	const char *text = json_str(v);

	for (size_t i = 0; text && i < ARRAY_LEN(drafts); i++)
		if (str_starts(text, drafts[i]) &&
		    (str_eq(text + strlen(drafts[i]), "") || str_eq(text + strlen(drafts[i]), "#")))
			return true;
	return false;
}

static int parse_pattern(struct parsing *p, const struct place *place, struct err *err)
{
	const char *text = json_str(place->value);
	struct pattern *pattern = NULL;

	if (!text)
		return bad(err, place, "expected a string");
	if (map_find(&p->schema->patterns, text))
		return 0;
	if (p->schema->patterns.n >= SCHEMA_PATTERNS_MAX)
		return bad(err, place, "too many different patterns");
	int r = pattern_parse(text, &pattern, err);
	if (r < 0) {
		auto_free char *where = place_format(place, "the schema");

		return err_wrap(err, "%s", where);
	}
	map_set(&p->schema->patterns, text, pattern);
	return 0;
}

static int parse_list(struct parsing *p, const struct place *place, struct err *err)
{
	if (!json_is_array(place->value) || !json_count(place->value))
		return bad(err, place, "expected an array of schemas");
	for (size_t i = 0; i < json_count(place->value); i++) {
		const struct place inner = { place, NULL, i, json_at(place->value, i) };
		int r = parse_one(p, &inner, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_map(struct parsing *p, const struct place *place, struct err *err)
{
	const struct json *map = place->value;

	if (!json_is_object(map))
		return bad(err, place, "expected an object of schemas");
	for (const char *key = json_key_next(map, NULL); key; key = json_key_next(map, key)) {
		const struct place inner = { place, key, 0, json_get(map, key) };
		int r = parse_one(p, &inner, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_ref(struct parsing *p, const struct place *place, struct err *err)
{
	const char *text = json_str(place->value);

	if (!text || text[0] != '#' || (text[1] && text[1] != '/') || strlen(text) > REF_MAX)
		return bad(err, place, "expected \"#\" or \"#/…\": what is in the same document");
	strv_add(&p->refs, text);
	return 0;
}

static int parse_arg(struct parsing *p, const struct keyword *keyword, const struct place *place,
		     struct err *err)
{
	const struct json *v = place->value;
	double number;

	switch (keyword->shape) {
	case SHAPE_ANY:
	case SHAPE_N:
		return 0;
	case SHAPE_BOOL:
		return json_is_bool(v) ? 0 : bad(err, place, "expected true or false");
	case SHAPE_STRING:
		return json_is_string(v) ? 0 : bad(err, place, "expected a string");
	case SHAPE_NUMBER:
		return json_is_number(v, &number) ? 0 : bad(err, place, "expected a number");
	case SHAPE_COUNT:
		return is_count(v) ? 0 : bad(err, place, "expected a whole number from 0 on");
	case SHAPE_NAMES:
		return are_names(v) ? 0 : bad(err, place, "expected an array of different strings");
	case SHAPE_ARRAY:
		return json_is_array(v) ? 0 : bad(err, place, "expected an array");
	case SHAPE_TYPE:
		return is_type(v) ? 0 : bad(err, place, "expected a type, or an array of types");
	case SHAPE_DIALECT:
		return is_dialect(v) ? 0
				     : bad(err, place, "expected draft 06, 07, 2019-09 or 2020-12");
	case SHAPE_ID:
		return !place->up->up && json_is_string(v)
			       ? 0
			       : bad(err, place, "expected a string, of the whole document only");
	case SHAPE_SCHEMA:
		return parse_one(p, place, err);
	case SHAPE_SCHEMAS:
		return parse_list(p, place, err);
	case SHAPE_SCHEMA_MAP:
		return parse_map(p, place, err);
	case SHAPE_PATTERN:
		return parse_pattern(p, place, err);
	case SHAPE_REF:
		return parse_ref(p, place, err);
	}
	abort();
}

static int parse_one(struct parsing *p, const struct place *place, struct err *err)
{
	const struct json *schema = place->value;
	char key[24];

	key_of(schema, key);
	if (!json_is_bool(schema))
		map_set(&p->known, key, (void *)(uintptr_t)schema);
	if (json_is_bool(schema))
		return 0;
	if (!json_is_object(schema))
		return bad(err, place, "expected a schema: an object, true or false");
	for (const char *name = json_key_next(schema, NULL); name;
	     name = json_key_next(schema, name)) {
		const struct keyword *keyword = keyword_find(name);
		const struct place inner = { place, name, 0, json_get(schema, name) };

		if (!keyword)
			return bad(err, &inner, "this keyword is not supported");
		int r = parse_arg(p, keyword, &inner, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_refs(struct parsing *p, struct err *err)
{
	char key[24];

	for (size_t i = 0; i < p->refs.n; i++) {
		const struct json *target = schema_resolve(p->schema, p->refs.items[i]);

		if (!target)
			return err_set(err, -EINVAL, "$ref %s: there is no such place",
				       p->refs.items[i]);
		key_of(target, key);
		if (!json_is_bool(target) && !map_find(&p->known, key))
			return err_set(err, -EINVAL, "$ref %s: it leads to no schema",
				       p->refs.items[i]);
	}
	return 0;
}

/* How deep schemas about one value are inside each other; -EINVAL for a circle. */
static int measure(struct parsing *p, const struct json *schema, unsigned *ret, struct err *err);

static int measure_arg(struct parsing *p, enum shape shape, const struct json *arg, unsigned *depth,
		       struct err *err)
{
	unsigned inner = 0;
	int r = 0;

	if (shape == SHAPE_REF)
		arg = schema_resolve(p->schema, json_str(arg));
	if (shape != SHAPE_SCHEMAS)
		r = measure(p, arg, &inner, err);
	for (size_t i = 0; r == 0 && shape == SHAPE_SCHEMAS && i < json_count(arg); i++) {
		unsigned one = 0;

		r = measure(p, json_at(arg, i), &one, err);
		inner = one > inner ? one : inner;
	}
	if (inner + 1 > *depth)
		*depth = inner + 1;
	return r;
}

static int measure(struct parsing *p, const struct json *schema, unsigned *ret, struct err *err)
{
	char key[24];
	unsigned depth = 0;
	int r = 0;

	if (!json_is_object(schema))
		return 0;
	key_of(schema, key);
	struct level *level = map_find(&p->levels, key);
	if (level && level->is_open)
		return err_set(err, -EINVAL, "$ref: a schema refers to itself for the same value");
	if (!level) {
		level = NEW(struct level);
		map_set(&p->levels, key, level);
		level->is_open = true;
		for (const char *name = json_key_next(schema, NULL); r == 0 && name;
		     name = json_key_next(schema, name)) {
			const struct keyword *keyword = keyword_find(name);

			if (keyword->is_in_place)
				r = measure_arg(p, keyword->shape, json_get(schema, name), &depth,
						err);
		}
		level->is_open = false;
		level->depth = depth;
	}
	*ret = level->depth;
	if (r == 0 && level->depth > IN_PLACE_MAX)
		return err_set(err, -EINVAL,
			       "more than %d schemas about one value inside each other",
			       IN_PLACE_MAX);
	return r;
}

static int check_levels(struct parsing *p, struct err *err)
{
	unsigned ignored;
	int r = 0;

	map_for_each(&p->known, i, e) {
		if (r == 0)
			r = measure(p, e->value, &ignored, err);
	}
	return r;
}

static int parse_all(struct parsing *p, struct err *err)
{
	const struct place whole = { .value = p->schema->root };
	int r = parse_one(p, &whole, err);

	if (r == 0)
		r = check_refs(p, err);
	return r < 0 ? r : check_levels(p, err);
}

int schema_parse(const char *text, size_t len, struct schema **ret, struct err *err)
{
	auto_(schema_free) struct schema *schema = NEW(struct schema);
	struct parsing p = { .schema = schema };

	if (len > SCHEMA_TEXT_MAX)
		return err_set(err, -E2BIG, "the schema has %zu bytes, at most %u are taken", len,
			       SCHEMA_TEXT_MAX);
	int r = json_parse(text, len, &schema->root, err);
	if (r == 0)
		r = parse_all(&p, err);
	map_for_each(&p.levels, i, e)
		free(e->value);
	map_fini(&p.levels);
	map_fini(&p.known);
	strv_fini(&p.refs);
	if (r == 0)
		*ret = TAKE(schema);
	return r;
}

struct schema *schema_free(struct schema *schema)
{
	if (!schema)
		return NULL;
	map_for_each(&schema->patterns, i, e)
		pattern_free(e->value);
	map_fini(&schema->patterns);
	json_free(schema->root);
	free(schema);
	return NULL;
}
