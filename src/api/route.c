/* Finding a route, and the table as a document. */
#include "api/route.h"
#include "json/json.h"

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

int route_find(const struct route *routes, size_t n, const char *method, const char *path,
	       struct route_match *ret)
{
	struct route_match match = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (!matches(routes[i].path, path, &match))
			continue;
		if (str_eq(routes[i].method, method)) {
			match.route = &routes[i];
			*ret = match;
			return 0;
		}
		allow_add(match.allow, sizeof(match.allow), routes[i].method);
	}
	*ret = match;
	return match.allow[0] ? -EPERM : -ENOENT;
}

char *route_document(const struct route *routes, size_t n, const char *version)
{
	auto_json_out struct json_out out;
	struct err err;
	char *text = NULL;

	json_out_init(&out, 1 << 16);
	json_out_object(&out, NULL);
	json_out_str(&out, "version", version);
	json_out_array(&out, "routes");
	for (size_t i = 0; i < n; i++) {
		json_out_object(&out, NULL);
		json_out_str(&out, "method", routes[i].method);
		json_out_str(&out, "path", routes[i].path);
		if (routes[i].query)
			json_out_str(&out, "query", routes[i].query);
		json_out_bool(&out, "is_public", routes[i].is_public);
		json_out_str(&out, "summary", routes[i].summary);
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &text, &err);
	assert(r == 0);
	return text;
}
