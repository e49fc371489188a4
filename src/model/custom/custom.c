/* Objects of custom types as texts. */
#include "base/base.h"
#include "model/custom.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ID_KEY  "_id"

#define S(member, ...) FIELD(struct STRUCT, member, __VA_ARGS__)

#define STRUCT custom_type
static const struct field custom_type_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(name, "name", F_STR, .flags = F_REQUIRED),
	S(schema, "schema", F_RAW, .flags = F_REQUIRED),
	S(created_ms, "created_ms", F_U64),
};
#undef STRUCT
FIELD_TABLE(custom_type_table, struct custom_type, "custom resource type", custom_type_fields);

#define STRUCT custom
static const struct field custom_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(type_id, "type_id", F_CHARS, .flags = F_REQUIRED),
	S(body, "body", F_RAW, .flags = F_REQUIRED),
	S(created_ms, "created_ms", F_U64),
	S(changed_ms, "changed_ms", F_U64),
};
#undef STRUCT
FIELD_TABLE(custom_table, struct custom, "custom resource", custom_fields);

#define STRUCT custom_type_view
static const struct field custom_type_view_fields[] = {
	S(id, "_id", F_CHARS),
	S(name, "resource_type", F_STR),
	S(schema, "schema", F_RAW),
};
#undef STRUCT
FIELD_TABLE(custom_type_view_table, struct custom_type_view, "custom resource type",
	    custom_type_view_fields);

#define STRUCT custom_view
static const struct field custom_view_fields[] = {
	S(id, "_id", F_CHARS),
	S(type, "resource_type", F_STR),
	S(object, "object", F_RAW),
};
#undef STRUCT
FIELD_TABLE(custom_view_table, struct custom_view, "custom resource", custom_view_fields);

bool custom_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= CUSTOM_NAME_MAX && strchr(LETTERS, name[0]) &&
	       strspn(name, LETTERS "0123456789._-") == len;
}

static int parse_object(const char *text, size_t len, struct json **ret, struct err *err)
{
	auto_(json_free) struct json *json = NULL;
	int r = json_parse(text, len, &json, err);

	if (r < 0)
		return r;
	if (!json_is_object(json))
		return err_set(err, -EINVAL, "expected a JSON object");
	*ret = TAKE(json);
	return 0;
}

static int finish(struct json_out *out, char **ret, struct err *err)
{
	json_out_object_end(out);
	if (json_out_finish(out, ret, err) < 0)
		return err_set(err, -E2BIG, "the object has more than %u bytes", CUSTOM_SIZE_MAX);
	return 0;
}

static void add_member(struct json_out *out, const char *key, const struct json *value)
{
	auto_free char *text = json_format(value);

	json_out_raw(out, key, text);
}

int custom_body_parse(const char *text, size_t len, char **ret, struct err *err)
{
	auto_(json_free) struct json *json = NULL;
	auto_json_out struct json_out out;
	int r;

	json_out_init(&out, CUSTOM_SIZE_MAX);
	r = parse_object(text, len, &json, err);
	if (r < 0)
		return r;
	json_out_object(&out, NULL);
	for (const char *key = json_key_next(json, NULL); key; key = json_key_next(json, key))
		if (!str_eq(key, ID_KEY))
			add_member(&out, key, json_get(json, key));
	return finish(&out, ret, err);
}

int custom_body_merge(const char *body, const char *patch, char **ret, struct err *err)
{
	auto_(json_free) struct json *old = NULL;
	auto_(json_free) struct json *new = NULL;
	auto_json_out struct json_out out;

	json_out_init(&out, CUSTOM_SIZE_MAX);
	int r = parse_object(body, strlen(body), &old, err);
	if (r == 0)
		r = parse_object(patch, strlen(patch), &new, err);
	if (r < 0)
		return r;
	json_out_object(&out, NULL);
	for (const char *key = json_key_next(old, NULL); key; key = json_key_next(old, key)) {
		const struct json *other = json_get(new, key);

		add_member(&out, key, other ? other : json_get(old, key));
	}
	for (const char *key = json_key_next(new, NULL); key; key = json_key_next(new, key))
		if (!json_get(old, key))
			add_member(&out, key, json_get(new, key));
	return finish(&out, ret, err);
}

char *custom_body_show(const char *body, const char *id)
{
	return xasprintf("{\"" ID_KEY "\":\"%s\"%s%s", id, body[1] == '}' ? "" : ",", body + 1);
}

static bool is_value(const struct json *value, const char *text)
{
	if (json_is_string(value))
		return str_eq(json_str(value), text);
	for (size_t i = 0; json_is_array(value) && i < json_count(value); i++)
		if (is_value(json_at(value, i), text))
			return true;
	auto_free char *written = json_format(value);
	return str_eq(written, text);
}

bool custom_body_has(const struct json *body, const char *path, const char *text)
{
	auto_strv struct strv parts = { 0 };

	strv_split(&parts, path, ".");
	for (size_t i = 0; body && i < parts.n; i++)
		body = json_is_object(body) ? json_get(body, parts.items[i]) : NULL;
	return body && parts.n && is_value(body, text);
}
