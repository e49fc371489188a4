/* One route as an operation of OpenAPI: what goes in, what comes out, and who may ask. */
#include "api/document/private.h"
#include "api/private.h"
#include "api/status.h"

#define COMPAT_TAG "oakestra: "

static const char *const access_words[] = {
	[ROUTE_ADMIN] = "For administrators alone.",
	[ROUTE_MANAGER] = "For administrators, and for those of the organization.",
	[ROUTE_USER] = "For every user.",
	[ROUTE_REFRESH] = "With a refresh token, which is good for nothing else.",
	[ROUTE_PUBLIC] = "For everybody, without a token.",
};
static_assert(ARRAY_LEN(access_words) == ROUTE_ACCESS_N, "words per access");

/* Beside the summary, for what OpenAPI cannot tell. */
static const char *const form_words[] = {
	[ROUTE_OBJECT] = "",
	[ROUTE_LIST] = "",
	[ROUTE_STRING] = "",
	[ROUTE_TEXT] = " The text comes as it is written; the answer ends with it.",
	[ROUTE_EVENTS] =
		" The answer does not end by itself: event is app, service, instance, node, secret or config, "
		"id a revision to go on after, data the object as its list has it, or {\"id\": …, "
		"\"is_gone\": true}. The event reset means: list anew.",
	[ROUTE_BOTH] = " Needs the headers Connection: Upgrade and Upgrade: " API_UPGRADE
		       "; the connection goes on with frames both ways. Clients made from this "
		       "document cannot do that: use holm.",
	[ROUTE_PAGE] = "",
	[ROUTE_NEVER] = " Always refused.",
};
static_assert(ARRAY_LEN(form_words) == ROUTE_FORM_N, "words per form");

char *operation_tag(const char *path)
{
	static const char v1[] = "/api/v1";
	bool is_v1 = str_starts(path, v1) && strchr("/", path[sizeof(v1) - 1]);
	const char *part = strchr(path + 1, '/');

	if (is_v1)
		part = path + sizeof(v1) - 1;
	part = part && *part ? part + 1 : "";
	size_t len = strcspn(part, "/");
	if (!len || !route_is_compat(path))
		return is_v1 && len ? xstrndup(part, len) : xstrdup("description");
	if (str_starts(path, "/docs/") || str_eq(part, "docs") || str_starts(part, "docs/"))
		return xstrdup("description");
	len -= part[len - 1] == 's';
	return xasprintf(COMPAT_TAG "%.*s", (int)len, part);
}

static void put_content(const char *type, struct json_out *out)
{
	json_out_object(out, "content");
	json_out_object(out, type);
}

static void end_content(struct json_out *out)
{
	json_out_object_end(out);
	json_out_object_end(out);
}

static void put_text_schema(const char *format, struct json_out *out)
{
	json_out_object(out, "schema");
	json_out_str(out, "type", "string");
	if (format)
		json_out_str(out, "format", format);
	json_out_object_end(out);
}

static bool is_body_needed(const struct field_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->fields[i].flags & F_REQUIRED)
			return true;
	return false;
}

static void put_body(const struct route *route, struct json_out *out)
{
	if (!route->body && !route->takes_bytes)
		return;
	json_out_object(out, "requestBody");
	json_out_bool(out, "required", route->takes_bytes || is_body_needed(route->body));
	if (route->takes_bytes) {
		put_content("application/octet-stream", out);
		put_text_schema("binary", out);
	} else {
		put_content("application/json", out);
		fields_schema_ref(route->body, FIELD_IN, out, "schema");
	}
	end_content(out);
	json_out_object_end(out);
}

static void put_list(const struct field_table *table, struct json_out *out)
{
	json_out_object(out, "schema");
	json_out_str(out, "type", "array");
	fields_schema_ref(table, FIELD_OUT, out, "items");
	json_out_object_end(out);
}

static void put_json(const struct route *route, struct json_out *out)
{
	json_out_object(out, "application/json");
	if (route->form == ROUTE_STRING)
		put_text_schema(NULL, out);
	else if (route->form == ROUTE_LIST)
		put_list(route->answer, out);
	else
		fields_schema_ref(route->answer, FIELD_OUT, out, "schema");
	json_out_object_end(out);
}

static const char *media_type(enum route_form form)
{
	static const char *const types[ROUTE_FORM_N] = {
		[ROUTE_TEXT] = "text/plain",
		[ROUTE_EVENTS] = "text/event-stream",
		[ROUTE_PAGE] = "text/html",
	};

	return types[form];
}

static void put_answer(const struct route *route, struct json_out *out)
{
	const char *type = media_type(route->form);
	unsigned status = route->status ? route->status : 200;
	char code[16];

	snprintf(code, sizeof(code), "%u", status);
	json_out_object(out, code);
	json_out_str(out, "description", status_text(status));
	if (status == 204) {
		json_out_object_end(out);
		return;
	}
	json_out_object(out, "content");
	if (type) {
		json_out_object(out, type);
		put_text_schema(NULL, out);
		json_out_object_end(out);
	} else {
		put_json(route, out);
	}
	if (params_has(route, "progress")) {
		json_out_object(out, "application/x-ndjson");
		fields_schema_ref(&api_line_table, FIELD_OUT, out, "schema");
		json_out_object_end(out);
	}
	json_out_object_end(out);
	json_out_object_end(out);
}

static void put_upgrade(struct json_out *out)
{
	json_out_object(out, "101");
	json_out_str(out, "description", "The connection goes on as " API_UPGRADE ".");
	json_out_object_end(out);
}

static void put_error(unsigned status, struct json_out *out)
{
	char code[16] = "default";

	if (status)
		snprintf(code, sizeof(code), "%u", status);
	json_out_object(out, code);
	json_out_str(out, "description", status ? status_text(status) : "Another error");
	put_content("application/json", out);
	fields_schema_ref(&api_error_table, FIELD_OUT, out, "schema");
	end_content(out);
	json_out_object_end(out);
}

/* Those that follow from the row; others have the same form. */
static void put_errors(const struct route *route, struct json_out *out)
{
	bool has_body = route->body || route->takes_bytes;
	const struct {
		unsigned status;
		bool may_be;
	} errors[] = {
		{ 400, has_body || route->query },
		{ 401, route->access != ROUTE_PUBLIC || str_eq(route->id, "login") },
		{ 403, route->access != ROUTE_REFRESH && route->access != ROUTE_PUBLIC },
		{ 404, strchr(route->path, '{') },
		{ 413, has_body },
		{ 415, has_body },
		{ 426, route->form == ROUTE_BOTH },
		{ 501, route->form == ROUTE_NEVER },
		{ 0, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i].may_be)
			put_error(errors[i].status, out);
}

static void put_answers(const struct route *route, struct json_out *out)
{
	json_out_object(out, "responses");
	if (route->form == ROUTE_BOTH)
		put_upgrade(out);
	else if (route->form != ROUTE_NEVER)
		put_answer(route, out);
	put_errors(route, out);
	json_out_object_end(out);
}

static void put_security(enum route_access access, struct json_out *out)
{
	json_out_array(out, "security");
	if (access != ROUTE_PUBLIC) {
		json_out_object(out, NULL);
		json_out_array(out, access == ROUTE_REFRESH ? "refresh" : "bearer");
		json_out_array_end(out);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void put_words(const struct route *route, struct json_out *out)
{
	auto_free char *words = xasprintf("%s%s", access_words[route->access],
					  form_words[route->form]);
	auto_free char *tag = operation_tag(route->path);

	json_out_str(out, "operationId", route->id);
	json_out_array(out, "tags");
	json_out_str(out, NULL, tag);
	json_out_array_end(out);
	json_out_str(out, "summary", route->summary);
	json_out_str(out, "description", words);
}

static void add_schemas(const struct route *route, struct schemas *schemas)
{
	schemas_add(schemas, route->body, FIELD_IN);
	schemas_add(schemas, route->answer, FIELD_OUT);
	if (params_has(route, "progress"))
		schemas_add(schemas, &api_line_table, FIELD_OUT);
	schemas_add(schemas, &api_error_table, FIELD_OUT);
}

void operation_put(const struct route *route, struct schemas *schemas, struct json_out *out)
{
	char method[16];
	size_t n = 0;

	for (const char *p = route->method; *p && n + 1 < sizeof(method); p++)
		method[n++] = (char)(*p | 0x20); /* letters alone */
	method[n] = '\0';
	add_schemas(route, schemas);
	json_out_object(out, method);
	put_words(route, out);
	params_put(route, out);
	put_body(route, out);
	put_answers(route, out);
	put_security(route->access, out);
	json_out_object_end(out);
}
