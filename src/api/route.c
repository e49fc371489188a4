/* Finding a route, and the table as a document. */
#include "api/private.h"

static const char *const access_names[] = {
	[ROUTE_ADMIN] = "admin",           [ROUTE_MANAGER] = "manager", [ROUTE_USER] = "user",
	[ROUTE_REFRESH] = "refresh token", [ROUTE_PUBLIC] = "public",
};
static_assert(ARRAY_LEN(access_names) == ROUTE_ACCESS_N, "a name per access");

/* Takes one part off a path: "/a/b" gives "a" and leaves "/b". */
static size_t part_len(const char *path)
{
	return path[0] == '/' ? 1 + strcspn(path + 1, "/") : 0;
}

static bool take_param(struct route_match *match, size_t index, const char *part, size_t len)
{
	assert(index < ROUTE_PARAMS_MAX);
	if (!len || len >= ROUTE_PARAM_SIZE)
		return false;
	memcpy(match->params[index], part, len);
	match->params[index][len] = '\0';
	return true;
}

static bool matches(const char *pattern, const char *path, struct route_match *match)
{
	size_t n_params = 0;

	while (*pattern && *path) {
		size_t want = part_len(pattern);
		size_t have = part_len(path);

		if (!want || !have)
			return false;
		if (pattern[1] == '{') {
			if (!take_param(match, n_params++, path + 1, have - 1))
				return false;
		} else if (want != have || memcmp(pattern, path, want) != 0)
			return false;
		pattern += want;
		path += have;
	}
	return !*pattern && !*path;
}

static void allow_add(char *allow, size_t size, const char *method)
{
	size_t len = strlen(allow);

	snprintf(allow + len, size - len, "%s%s", len ? ", " : "", method);
}

int route_find(const struct route_group *const *groups, const char *method, const char *path,
	       struct route_match *ret)
{
	struct route_match match = { 0 };

	for (; *groups; groups++) {
		const struct route *end = (*groups)->routes + (*groups)->n;

		for (const struct route *route = (*groups)->routes; route < end; route++) {
			if (!matches(route->path, path, &match))
				continue;
			if (str_eq(route->method, method)) {
				match.route = route;
				*ret = match;
				return 0;
			}
			allow_add(match.allow, sizeof(match.allow), route->method);
		}
	}
	*ret = match;
	return match.allow[0] ? -EPERM : -ENOENT;
}

bool route_is_compat(const char *path)
{
	/* The second one is how the dashboard writes /api/settings. */
	if (str_starts(path, "/docs/") || str_eq(path, "/apisettings"))
		return true;
	return str_starts(path, "/api/") && !str_eq(path, "/api/v1") &&
	       !str_starts(path, "/api/v1/");
}

bool route_takes_slash(const char *path)
{
	return route_is_compat(path) || str_starts(path, "/api/v1/custom-resources") ||
	       str_starts(path, "/api/v1/hooks");
}

static const struct field row_fields[] = {
	SHAPE("method", F_STR), SHAPE("path", F_STR),       SHAPE_MAY("query", F_STR),
	SHAPE("access", F_STR), SHAPE("is_public", F_BOOL), SHAPE("summary", F_STR),
};
static SHAPE_TABLE(row_table, "route", row_fields);

static const struct field document_fields[] = {
	SHAPE("version", F_STR, .help = "of Holm"),
	SHAPE("routes", F_ARRAY, .table = &row_table),
};
SHAPE_TABLE(api_routes_table, "routes", document_fields);

static void document_one(struct json_out *out, const struct route *route)
{
	json_out_object(out, NULL);
	json_out_str(out, "method", route->method);
	json_out_str(out, "path", route->path);
	if (route->query)
		json_out_str(out, "query", route->query);
	json_out_str(out, "access", access_names[route->access]);
	json_out_bool(out, "is_public", route->access == ROUTE_PUBLIC);
	json_out_str(out, "summary", route->summary);
	json_out_object_end(out);
}

char *route_document(const struct route_group *const *groups, const char *version)
{
	auto_json_out struct json_out out;
	struct err err;
	char *text = NULL;

	json_out_init(&out, 1 << 16);
	json_out_object(&out, NULL);
	json_out_str(&out, "version", version);
	json_out_array(&out, "routes");
	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->n; i++)
			document_one(&out, &(*groups)->routes[i]);
	json_out_array_end(&out);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &text, &err);
	assert(r == 0);
	return text;
}
