/* Parsing and reading by hand. A `struct json` is the library's json_t under another name. */
#include "base/base.h"
#include "json/internal.h"
#include "json/library.h"

#define WHOLE_MAX 9007199254740992.0 /* 2^53: beyond it doubles skip whole numbers */

static const json_t *lib(const struct json *v)
{
	return (const json_t *)(const void *)v;
}

static struct json *ours(const json_t *v)
{
	return (struct json *)(void *)(uintptr_t)v;
}

/* The library quotes the text it stumbled over as it is. */
static int parse_error(const json_error_t *e, struct err *err)
{
	char text[sizeof(e->text)];

	STR_COPY(text, e->text);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return err_set(err, -EINVAL, "line %d, column %d: %s", e->line, e->column, text);
}

static int parse(const char *text, size_t len, struct json **ret, struct strv *warnings,
		 struct err *err)
{
	json_error_t e;

	if (len > JSON_TEXT_MAX)
		return err_set(err, -E2BIG, "parse JSON: %zu bytes, at most %u are read", len,
			       JSON_TEXT_MAX);
	auto_free char *copy = xmemdup(text, len);
	int r = json_scan(copy, len, warnings, err);
	if (r < 0)
		return r;
	json_t *root = json_loadb(copy, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!root)
		return parse_error(&e, err);
	*ret = ours(root);
	return 0;
}

int json_parse(const char *text, size_t len, struct json **ret, struct err *err)
{
	return parse(text, len, ret, NULL, err);
}

int json_parse_tolerant(const char *text, size_t len, struct json **ret, struct strv *warnings,
			struct err *err)
{
	return parse(text, len, ret, warnings, err);
}

struct json *json_free(struct json *root)
{
	json_decref((json_t *)(void *)root);
	return NULL;
}

struct json *json_get(const struct json *object, const char *key)
{
	return ours(json_object_get(lib(object), key));
}

struct json *json_at(const struct json *array, size_t index)
{
	return ours(json_array_get(lib(array), index));
}

size_t json_count(const struct json *value)
{
	return json_is_array(value) ? json_array_size(lib(value)) : json_object_size(lib(value));
}

const char *json_key_next(const struct json *object, const char *previous)
{
	json_t *o = (json_t *)(uintptr_t)lib(object);
	void *iter = previous ? json_object_iter_next(o, json_object_key_to_iter(previous))
			      : json_object_iter(o);

	return iter ? json_object_iter_key(iter) : NULL;
}

bool json_is_object(const struct json *v)
{
	return v && json_typeof(lib(v)) == JSON_OBJECT;
}

bool json_is_array(const struct json *v)
{
	return v && json_typeof(lib(v)) == JSON_ARRAY;
}

bool json_is_string(const struct json *v)
{
	return v && json_typeof(lib(v)) == JSON_STRING;
}

bool json_is_null(const struct json *v)
{
	return v && json_typeof(lib(v)) == JSON_NULL;
}

bool json_is_bool(const struct json *v)
{
	return v && (json_typeof(lib(v)) == JSON_TRUE || json_typeof(lib(v)) == JSON_FALSE);
}

bool json_is_number(const struct json *v, double *ret)
{
	if (!v || (json_typeof(lib(v)) != JSON_INTEGER && json_typeof(lib(v)) != JSON_REAL))
		return false;
	*ret = json_number_value(lib(v));
	return true;
}

bool double_is_whole(double d)
{
	return d >= -WHOLE_MAX && d <= WHOLE_MAX && d == (double)(int64_t)d;
}

bool json_is_whole(const struct json *v, int64_t *ret)
{
	double d;

	if (v && json_typeof(lib(v)) == JSON_INTEGER) {
		*ret = json_integer_value(lib(v));
		return true;
	}
	if (!json_is_number(v, &d) || !double_is_whole(d))
		return false;
	*ret = (int64_t)d;
	return true;
}

const char *json_str(const struct json *v)
{
	return json_string_value(lib(v));
}

int64_t json_int(const struct json *v, int64_t otherwise)
{
	int64_t value = otherwise;

	json_is_whole(v, &value);
	return value;
}

bool json_bool(const struct json *v, bool otherwise)
{
	return json_is_bool(v) ? json_typeof(lib(v)) == JSON_TRUE : otherwise;
}

const char *json_get_str(const struct json *object, const char *key)
{
	return json_str(json_get(object, key));
}

int64_t json_get_int(const struct json *object, const char *key, int64_t otherwise)
{
	return json_int(json_get(object, key), otherwise);
}

static void out_members(struct json_out *out, const char *key, const struct json *v)
{
	json_out_object(out, key);
	for (const char *k = json_key_next(v, NULL); k; k = json_key_next(v, k))
		json_out_value(out, k, json_get(v, k));
	json_out_object_end(out);
}

static void out_elements(struct json_out *out, const char *key, const struct json *v)
{
	json_out_array(out, key);
	for (size_t i = 0; i < json_count(v); i++)
		json_out_value(out, NULL, json_at(v, i));
	json_out_array_end(out);
}

void json_out_value(struct json_out *out, const char *key, const struct json *v)
{
	switch (json_typeof(lib(v))) {
	case JSON_OBJECT:
		out_members(out, key, v);
		break;
	case JSON_ARRAY:
		out_elements(out, key, v);
		break;
	case JSON_STRING:
		json_out_str(out, key, json_str(v));
		break;
	case JSON_INTEGER:
		json_out_int(out, key, json_integer_value(lib(v)));
		break;
	case JSON_REAL:
		json_out_double(out, key, json_real_value(lib(v)));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		json_out_bool(out, key, json_typeof(lib(v)) == JSON_TRUE);
		break;
	case JSON_NULL:
		json_out_str(out, key, NULL);
		break;
	}
}

char *json_format(const struct json *v)
{
	auto_json_out struct json_out out;

	json_out_init(&out, JSON_OUT_UNBOUNDED);
	json_out_value(&out, NULL, v);
	return buf_take(&out.text);
}
