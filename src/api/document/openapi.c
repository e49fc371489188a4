/* The whole document: paths in the order of the table, then what they refer to. */
#include "api/document/private.h"

#define DOCUMENT_MAX ((size_t)8 << 20)

static const char about[] =
	"Applications, services and instances on Holm, an edge orchestrator. Paths below /api/v1 are Holm's "
	"own, the others are Oakestra's; those may end in a slash, and answer pages of other origins. "
	"Errors are objects with code, status and message. A token comes from POST /api/auth/login, or for "
	"machines from POST /api/v1/tokens.";

static void put_info(const char *version, struct json_out *out)
{
	json_out_str(out, "openapi", "3.0.3");
	json_out_object(out, "info");
	json_out_str(out, "title", "Holm");
	json_out_str(out, "version", version);
	json_out_str(out, "description", about);
	json_out_object_end(out);
	json_out_array(out, "servers");
	json_out_object(out, NULL);
	json_out_str(out, "url", "/");
	json_out_object_end(out);
	json_out_array_end(out);
}

/* The path was in a row before this one. */
static bool is_known(const struct route_group *const *groups, const struct route *route)
{
	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->n; i++) {
			const struct route *other = &(*groups)->routes[i];

			if (other == route)
				return false;
			if (str_eq(other->path, route->path))
				return true;
		}
	return false;
}

static void put_path(const struct route_group *const *groups, const char *path,
		     struct schemas *schemas, struct json_out *out)
{
	json_out_object(out, path);
	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->n; i++)
			if (str_eq((*groups)->routes[i].path, path))
				operation_put(&(*groups)->routes[i], schemas, out);
	json_out_object_end(out);
}

static void put_paths(const struct route_group *const *groups, struct schemas *schemas,
		      struct json_out *out)
{
	json_out_object(out, "paths");
	for (const struct route_group *const *group = groups; *group; group++)
		for (size_t i = 0; i < (*group)->n; i++)
			if (!is_known(groups, &(*group)->routes[i]))
				put_path(groups, (*group)->routes[i].path, schemas, out);
	json_out_object_end(out);
}

static void put_tags(const struct route_group *const *groups, struct json_out *out)
{
	auto_strv struct strv tags = { 0 };

	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->n; i++) {
			auto_free char *tag = operation_tag((*groups)->routes[i].path);

			if (!strv_has(&tags, tag))
				strv_add(&tags, tag);
		}
	json_out_array(out, "tags");
	for (size_t i = 0; i < tags.n; i++) {
		json_out_object(out, NULL);
		json_out_str(out, "name", tags.items[i]);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void put_scheme(const char *name, const char *help, struct json_out *out)
{
	json_out_object(out, name);
	json_out_str(out, "type", "http");
	json_out_str(out, "scheme", "bearer");
	json_out_str(out, "description", help);
	json_out_object_end(out);
}

static void put_components(const struct schemas *schemas, struct json_out *out)
{
	json_out_object(out, "components");
	json_out_object(out, "securitySchemes");
	put_scheme("bearer", "an access token, a machine's token, or the node's own", out);
	put_scheme("refresh", "a refresh token", out);
	json_out_object_end(out);
	schemas_put(schemas, out, "schemas");
	json_out_object_end(out);
}

char *document_openapi(const struct route_group *const *groups, const char *version)
{
	auto_json_out struct json_out out;
	struct schemas schemas = { 0 };
	struct err err;
	char *text = NULL;

	json_out_init(&out, DOCUMENT_MAX);
	json_out_object(&out, NULL);
	put_info(version, &out);
	put_tags(groups, &out);
	put_paths(groups, &schemas, &out);
	put_components(&schemas, &out);
	json_out_object_end(&out);
	schemas_fini(&schemas);
	int r = json_out_finish(&out, &text, &err);
	assert(r == 0);
	return text;
}
