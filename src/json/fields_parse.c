/* Field tables, the reading half: a JSON value into a struct.
 *
 * Each type has one function. A `struct spot` is a value with the way to it; the way is written out
 * only for a message. */
#include "base/base.h"
#include "json/internal.h"

#define PATH_MAX_LEN 256
#define QUOTE_MAX    60 /* bytes of a value in a message */

struct reading {
	bool is_strict;        /* unknown fields are errors */
	bool is_tolerant;      /* they are kept where there is a field for them */
	struct strv *warnings; /* else they go here, NULL: nowhere */
	struct err *err;
};

struct spot {
	const struct spot *parent;
	const char *key; /* NULL: element `index` of an array */
	size_t index;
	const struct json *value;
};

typedef int (*read_fn)(struct reading *r, const struct spot *at, const struct field *field,
		       void *object);

static int read_object(struct reading *r, const struct spot *at, const struct field_table *table,
		       void *object);

static void path_add(const struct spot *at, struct buf *out)
{
	if (!at->parent)
		return;
	path_add(at->parent, out);
	if (!at->key)
		buf_addf(out, "[%zu]", at->index);
	else
		buf_addf(out, "%s%.64s", out->len ? "." : "", at->key);
}

/* "path: " or nothing for the document itself; the caller's. */
static char *path_format(const struct spot *at)
{
	auto_buf struct buf out;

	buf_init(&out, PATH_MAX_LEN);
	path_add(at, &out);
	if (out.len)
		buf_add_str(&out, ": ");
	return buf_take(&out);
}

static int wrong(const struct reading *r, const struct spot *at, const char *expected)
{
	auto_free char *path = path_format(at);
	auto_free char *value = json_format(at->value);
	const char *more = "";

	if (strlen(value) > QUOTE_MAX) {
		value[QUOTE_MAX] = '\0';
		more = "…";
	}
	return err_set(r->err, -EINVAL, "%sexpected %s, got %s%s", path, expected, value, more);
}

static int wrong_range(const struct reading *r, const struct spot *at, int64_t min, int64_t max)
{
	char expected[96];

	snprintf(expected, sizeof(expected), "a whole number %lld..%lld", (long long)min,
		 (long long)max);
	return wrong(r, at, expected);
}

static int read_str(struct reading *r, const struct spot *at, const struct field *field,
		    void *object)
{
	const char *s = json_str(at->value);
	char expected[64];

	if (!s)
		return wrong(r, at, "a text");
	if (field->max && strlen(s) > field->max) {
		snprintf(expected, sizeof(expected), "at most %u bytes", field->max);
		return wrong(r, at, expected);
	}
	*(char **)field_at(field, object) = xstrdup(s);
	return 0;
}

static int read_chars(struct reading *r, const struct spot *at, const struct field *field,
		      void *object)
{
	const char *s = json_str(at->value);
	char expected[64];

	if (!s)
		return wrong(r, at, "a text");
	if (strlen(s) >= field->size) {
		snprintf(expected, sizeof(expected), "at most %zu bytes", field->size - 1);
		return wrong(r, at, expected);
	}
	str_copy(field_at(field, object), field->size, s);
	return 0;
}

static int read_bool(struct reading *r, const struct spot *at, const struct field *field,
		     void *object)
{
	if (!json_is_bool(at->value))
		return wrong(r, at, "true or false");
	*(bool *)field_at(field, object) = json_bool(at->value, false);
	return 0;
}

static int read_u32(struct reading *r, const struct spot *at, const struct field *field,
		    void *object)
{
	uint32_t max = field->max ? field->max : UINT32_MAX;
	int64_t v;

	if (!json_is_whole(at->value, &v) || v < field->min || v > max)
		return wrong_range(r, at, field->min, max);
	*(uint32_t *)field_at(field, object) = (uint32_t)v;
	return 0;
}

static int read_u64(struct reading *r, const struct spot *at, const struct field *field,
		    void *object)
{
	const int64_t max = (int64_t)1 << 53;
	int64_t v;

	if (!json_is_whole(at->value, &v) || v < 0 || v > max)
		return wrong_range(r, at, 0, max);
	*(uint64_t *)field_at(field, object) = (uint64_t)v;
	return 0;
}

static int read_i64(struct reading *r, const struct spot *at, const struct field *field,
		    void *object)
{
	int64_t v;

	if (!json_is_whole(at->value, &v))
		return wrong(r, at, "a whole number");
	*(int64_t *)field_at(field, object) = v;
	return 0;
}

static int read_double(struct reading *r, const struct spot *at, const struct field *field,
		       void *object)
{
	double v;

	if (!json_is_number(at->value, &v))
		return wrong(r, at, "a number");
	*(double *)field_at(field, object) = v;
	return 0;
}

static size_t list_max(const struct field *field)
{
	return field->max ? field->max : FIELD_ELEMENTS_MAX;
}

static int check_list(const struct reading *r, const struct spot *at, const struct field *field)
{
	auto_free char *path = path_format(at);

	if (!json_is_array(at->value))
		return wrong(r, at, "a list");
	if (json_count(at->value) <= list_max(field))
		return 0;
	return err_set(r->err, -EINVAL, "%sexpected at most %zu elements, got %zu", path,
		       list_max(field), json_count(at->value));
}

static int read_strv(struct reading *r, const struct spot *at, const struct field *field,
		     void *object)
{
	int rc = check_list(r, at, field);

	for (size_t i = 0; rc == 0 && i < json_count(at->value); i++) {
		struct spot element = { .parent = at, .index = i, .value = json_at(at->value, i) };

		if (json_is_string(element.value))
			strv_add(field_at(field, object), json_str(element.value));
		else
			rc = wrong(r, &element, "a text");
	}
	return rc;
}

static int read_enum(struct reading *r, const struct spot *at, const struct field *field,
		     void *object)
{
	const char *s = json_str(at->value);
	auto_buf struct buf expected;

	buf_init(&expected, 1024);
	buf_add_str(&expected, "one of ");
	for (int i = 0; field->names[i]; i++) {
		if (s && str_eq(s, field->names[i])) {
			*(int *)field_at(field, object) = i;
			return 0;
		}
		buf_addf(&expected, "%s%s", i ? ", " : "", field->names[i]);
	}
	return wrong(r, at, expected.data);
}

static int read_nested(struct reading *r, const struct spot *at, const struct field *field,
		       void *object)
{
	return read_object(r, at, field->table, field_at(field, object));
}

static int read_array(struct reading *r, const struct spot *at, const struct field *field,
		      void *object)
{
	int rc = check_list(r, at, field);
	size_t n = rc == 0 ? json_count(at->value) : 0;

	if (n == 0)
		return rc;
	*(void **)field_at(field, object) = xcalloc(n, field->size);
	*field_count(field, object) = n;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct spot element = { .parent = at, .index = i, .value = json_at(at->value, i) };

		rc = read_object(r, &element, field->table, field_element(field, object, i));
	}
	return rc;
}

static int read_raw(struct reading *r, const struct spot *at, const struct field *field,
		    void *object)
{
	*(char **)field_at(field, object) = json_format(at->value);
	return 0;
}

static const read_fn readers[] = {
	[F_STR] = read_str,       [F_CHARS] = read_chars, [F_BOOL] = read_bool,
	[F_U32] = read_u32,       [F_U64] = read_u64,     [F_I64] = read_i64,
	[F_DOUBLE] = read_double, [F_STRV] = read_strv,   [F_ENUM] = read_enum,
	[F_OBJECT] = read_nested, [F_ARRAY] = read_array, [F_RAW] = read_raw,
};
static_assert(ARRAY_LEN(readers) == F_N, "a reader for every type");

/* The value under one of the synonyms; *ret_key is the one. */
static const struct json *find_synonym(const struct field *field, const struct json *object,
				       struct strv *synonyms, const char **ret_key)
{
	if (field->synonyms)
		strv_split(synonyms, field->synonyms, ",");
	for (size_t i = 0; i < synonyms->n; i++) {
		const struct json *v = json_get(object, synonyms->items[i]);

		if (!v || json_is_null(v))
			continue;
		*ret_key = synonyms->items[i];
		return v;
	}
	return NULL;
}

static int missing(const struct reading *r, const struct spot *at)
{
	auto_free char *path = path_format(at);

	return err_set(r->err, -EINVAL, "%srequired, but missing", path);
}

static int read_field(struct reading *r, const struct spot *at, const struct field *field,
		      void *object)
{
	auto_strv struct strv synonyms = { 0 };
	struct spot member = { .parent = at, .key = field->name };

	if (r->is_tolerant && field->flags & F_REST)
		return 0;
	member.value = json_get(at->value, field->name);
	if (!member.value || json_is_null(member.value)) {
		const struct json *other = find_synonym(field, at->value, &synonyms, &member.key);

		if (other)
			member.value = other;
	}
	if (!member.value || (json_is_null(member.value) && !(field->flags & F_REQUIRED)))
		return field->flags & F_REQUIRED ? missing(r, &member) : 0;
	if (field->flags & F_GIVEN)
		*field_given(field, object) = true;
	return readers[field->type](r, &member, field, object);
}

static bool has_name(const struct field *field, const char *key)
{
	auto_strv struct strv synonyms = { 0 };

	if (str_eq(field->name, key))
		return true;
	if (field->synonyms)
		strv_split(&synonyms, field->synonyms, ",");
	return strv_has(&synonyms, key);
}

static bool is_known(const struct field_table *table, const char *key)
{
	for (size_t i = 0; i < table->n; i++)
		if (has_name(&table->fields[i], key))
			return true;
	return false;
}

/* "a.b: unknown field, did you mean …"; the caller's. */
static char *unknown_format(const struct spot *at, const struct field_table *table)
{
	auto_free char *path = path_format(at);
	auto_free const char **names = xcalloc(table->n, sizeof(*names));

	size_t n = 0;

	for (size_t i = 0; i < table->n; i++)
		if (!(table->fields[i].flags & F_REST))
			names[n++] = table->fields[i].name;
	const char *nearest = str_nearest(at->key, names, n);
	if (nearest)
		return xasprintf("%sunknown field, did you mean %s", path, nearest);
	return xasprintf("%sunknown field", path);
}

static const struct field *find_rest(const struct reading *r, const struct field_table *table)
{
	for (size_t i = 0; r->is_tolerant && i < table->n; i++)
		if (table->fields[i].flags & F_REST)
			return &table->fields[i];
	return NULL;
}

static bool is_left_out(const struct field *rest, const char *key)
{
	for (size_t i = 0; rest->names && rest->names[i]; i++)
		if (str_eq(rest->names[i], key))
			return true;
	return false;
}

static int unknown_field(struct reading *r, const struct spot *member,
			 const struct field_table *table)
{
	if (r->is_strict) {
		auto_free char *text = unknown_format(member, table);

		return err_set(r->err, -EINVAL, "%s", text);
	}
	if (r->warnings && r->warnings->n < WARNINGS_MAX)
		strv_take(r->warnings, unknown_format(member, table));
	return 0;
}

static int keep_rest(struct reading *r, const struct spot *at, const struct field *rest,
		     struct json_out *kept, void *object)
{
	auto_free char *path = path_format(at);
	struct err ignored;

	json_out_object_end(kept);
	if (json_out_finish(kept, field_at(rest, object), &ignored) == 0)
		return 0;
	return err_set(r->err, -EINVAL, "%sat most %u bytes of unknown fields are kept, got more",
		       path, rest->max);
}

static int take_unknown(struct reading *r, const struct spot *at, const struct field_table *table,
			void *object)
{
	const struct field *rest = find_rest(r, table);
	auto_json_out struct json_out kept;
	size_t n_kept = 0;
	int rc = 0;

	json_out_init(&kept, rest ? rest->max : 0);
	json_out_object(&kept, NULL);
	for (const char *key = json_key_next(at->value, NULL); key && rc == 0;
	     key = json_key_next(at->value, key)) {
		struct spot member = { .parent = at, .key = key };
		bool is_rest = rest && str_eq(rest->name, key);

		if (!is_rest && is_known(table, key))
			continue;
		rc = unknown_field(r, &member, table);
		if (!rest || is_left_out(rest, key))
			continue;
		json_out_value(&kept, key, json_get(at->value, key));
		n_kept++;
	}
	return rc == 0 && n_kept ? keep_rest(r, at, rest, &kept, object) : rc;
}

static int read_object(struct reading *r, const struct spot *at, const struct field_table *table,
		       void *object)
{
	if (!json_is_object(at->value))
		return wrong(r, at, "an object");
	for (size_t i = 0; i < table->n; i++) {
		int rc = read_field(r, at, &table->fields[i], object);

		if (rc < 0)
			return rc;
	}
	return r->is_strict || r->is_tolerant ? take_unknown(r, at, table, object) : 0;
}

static int parse(const struct field_table *table, const struct json *value, void *ret,
		 struct reading *r)
{
	struct spot at = { .value = value };
	int rc = read_object(r, &at, table, ret);

	if (rc < 0)
		fields_fini(table, ret);
	return rc;
}

int fields_parse(const struct field_table *table, const struct json *value, void *ret,
		 enum field_unknown unknown, struct err *err)
{
	struct reading r = { .is_strict = unknown == FIELD_UNKNOWN_ERROR, .err = err };

	return parse(table, value, ret, &r);
}

int fields_parse_tolerant(const struct field_table *table, const struct json *value, void *ret,
			  struct strv *warnings, struct err *err)
{
	struct reading r = { .is_tolerant = true, .warnings = warnings, .err = err };

	return parse(table, value, ret, &r);
}

int fields_parse_text(const struct field_table *table, const char *text, void *ret,
		      enum field_unknown unknown, struct err *err)
{
	auto_(json_free) struct json *root = NULL;
	int r = json_parse(text, strlen(text), &root, err);

	if (r < 0)
		return r;
	return fields_parse(table, root, ret, unknown, err);
}
