#include "base/base.h"
#include "json/document_check.h"
#include "json/internal.h"

struct check {
	const struct json *document;
	struct err *err;
};

static int check(const struct check *c, const struct json *schema, const struct json *value,
		 const char *path);

const struct json *document_find(const struct json *document, const char *ref)
{
	auto_strv struct strv parts = { 0 };

	strv_split(&parts, ref, "/");
	for (size_t i = 1; document && i < parts.n; i++)
		document = json_get(document, parts.items[i]);
	return document;
}

static int wrong(const struct check *c, const char *path, const char *what,
		 const struct json *value)
{
	auto_free char *text = json_format(value);

	return err_set(c->err, -EINVAL, "%s: %s: %.200s", path, what, text);
}

static bool is_of(const struct json *value, const char *type)
{
	int64_t whole;
	double number;

	if (str_eq(type, "string"))
		return json_is_string(value);
	if (str_eq(type, "boolean"))
		return json_is_bool(value);
	if (str_eq(type, "integer"))
		return json_is_whole(value, &whole);
	if (str_eq(type, "number"))
		return json_is_number(value, &number);
	if (str_eq(type, "array"))
		return json_is_array(value);
	return str_eq(type, "object") && json_is_object(value);
}

static int check_required(const struct check *c, const struct json *schema,
			  const struct json *value, const char *path)
{
	const struct json *required = json_get(schema, "required");

	for (size_t i = 0; i < json_count(required); i++) {
		const char *name = json_str(json_at(required, i));

		if (!json_get(value, name))
			return err_set(c->err, -EINVAL, "%s.%s is missing", path, name);
	}
	return 0;
}

static int check_members(const struct check *c, const struct json *schema, const struct json *value,
			 const char *path)
{
	const struct json *properties = json_get(schema, "properties");
	int r = check_required(c, schema, value, path);

	for (const char *key = json_key_next(value, NULL); r == 0 && key;
	     key = json_key_next(value, key)) {
		auto_free char *inner = xasprintf("%s.%s", path, key);
		const struct json *property = json_get(properties, key);

		if (!property && json_bool(json_get(schema, "additionalProperties"), false))
			continue;
		r = property ? check(c, property, json_get(value, key), inner)
			     : err_set(c->err, -EINVAL, "%s is not in the schema", inner);
	}
	return r;
}

static int check_items(const struct check *c, const struct json *schema, const struct json *value,
		       const char *path)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_count(value); i++) {
		auto_free char *inner = xasprintf("%s[%zu]", path, i);

		r = check(c, json_get(schema, "items"), json_at(value, i), inner);
	}
	return r;
}

static bool is_in(const struct json *list, const struct json *value)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (str_eq(json_str(json_at(list, i)), json_str(value)))
			return true;
	return false;
}

static int check_reference(const struct check *c, const struct json *schema,
			   const struct json *value, const char *path)
{
	const struct json *all = json_get(schema, "allOf");
	const char *ref = json_get_str(all ? json_at(all, 0) : schema, "$ref");
	const struct json *target = document_find(c->document, ref);

	return target ? check(c, target, value, path)
		      : err_set(c->err, -EINVAL, "%s: there is no %s", path, ref);
}

static int check(const struct check *c, const struct json *schema, const struct json *value,
		 const char *path)
{
	const char *type = json_get_str(schema, "type");

	if (json_get(schema, "$ref") || json_get(schema, "allOf"))
		return check_reference(c, schema, value, path);
	if (!type || (json_is_null(value) && json_bool(json_get(schema, "nullable"), false)))
		return 0;
	if (!is_of(value, type))
		return wrong(c, path, type, value);
	if (json_get(schema, "enum") && !is_in(json_get(schema, "enum"), value))
		return wrong(c, path, "not one of the names", value);
	if (str_eq(type, "array"))
		return check_items(c, schema, value, path);
	return str_eq(type, "object") ? check_members(c, schema, value, path) : 0;
}

int document_check(const struct json *document, const struct json *schema, const struct json *value,
		   struct err *err)
{
	const struct check c = { document, err };

	return check(&c, schema, value, "$");
}
