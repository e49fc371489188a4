/* Dispatch by the table, its document, and errors as statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/route.h"
#include "api/status.h"
#include "json/json.h"

static const struct route routes[] = {
	{ "GET", "/v1", .summary = "list", .access = ROUTE_PUBLIC },
	{ "GET", "/v1/apps", .summary = "apps", .query = "app" },
	{ "POST", "/v1/apps", .summary = "apply" },
	{ "DELETE", "/v1/apps/{name}", .summary = "delete" },
	{ "POST", "/v1/a/{x}/b/{y}", .summary = "two" },
};
static const struct route more[] = {
	{ "PUT", "/v2", .summary = "another", .access = ROUTE_USER },
	{ "PATCH", "/v1/apps", .summary = "a further method" },
};
static const struct route_group group = { routes, ARRAY_LEN(routes) };
static const struct route_group more_group = { more, ARRAY_LEN(more) };
static const struct route_group *const groups[] = { &group, &more_group, NULL };

static int find(const char *method, const char *path, struct route_match *ret)
{
	return route_find(groups, method, path, ret);
}

static void paths_are_found(void **state)
{
	struct route_match m;

	assert_int_equal(find("GET", "/v1", &m), 0);
	assert_ptr_equal(m.route, &routes[0]);
	assert_int_equal(find("POST", "/v1/apps", &m), 0);
	assert_ptr_equal(m.route, &routes[2]);
	assert_int_equal(find("DELETE", "/v1/apps/a.b", &m), 0);
	assert_string_equal(m.params[0], "a.b");
	assert_int_equal(find("POST", "/v1/a/1/b/2", &m), 0);
	assert_string_equal(m.params[0], "1");
	assert_string_equal(m.params[1], "2");
	assert_int_equal(find("PUT", "/v2", &m), 0);
	assert_ptr_equal(m.route, &more[0]);
}

static void paths_of_oakestra_are_told_apart(void **state)
{
	assert_true(route_is_compat("/api/application"));
	assert_true(route_is_compat("/api/v2"));
	assert_true(route_is_compat("/api/v1x"));
	assert_true(route_is_compat("/docs/openapi.json"));
	assert_false(route_is_compat("/api/v1"));
	assert_false(route_is_compat("/api/v1/apps"));
	assert_true(route_is_compat("/apisettings"));
	assert_false(route_is_compat("/api"));
	assert_false(route_is_compat("/"));
}

static void other_paths_are_not(void **state)
{
	static const char *const paths[] = { "",        "/",          "/v",          "/v1/",
					     "/v1/app", "/v1/appss",  "/v1/apps/",   "/v1/apps/a/b",
					     "v1",      "/v1/a//b/2", "/v1/a/1/c/2", "//v1" };
	struct route_match m;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (find("DELETE", paths[i], &m) != -ENOENT)
			fail_msg("\"%s\" was found", paths[i]);
	assert_null(m.route);
}

static void a_part_that_is_too_long_matches_nothing(void **state)
{
	char path[400] = "/v1/apps/";
	struct route_match m;

	memset(path + 9, 'x', ROUTE_PARAM_SIZE - 1);
	assert_int_equal(find("DELETE", path, &m), 0);
	memset(path + 9, 'x', ROUTE_PARAM_SIZE);
	assert_int_equal(find("DELETE", path, &m), -ENOENT);
}

static void other_methods_are_told(void **state)
{
	struct route_match m;

	assert_int_equal(find("PUT", "/v1/apps", &m), -EPERM);
	assert_string_equal(m.allow, "GET, POST, PATCH");
	assert_null(m.route);
}

static void the_table_is_a_document(void **state)
{
	auto_free char *text = route_document(groups, "1.2");
	auto_(json_free) struct json *json = NULL;
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
	assert_string_equal(json_get_str(json, "version"), "1.2");
	const struct json *list = json_get(json, "routes");
	assert_int_equal(json_count(list), ARRAY_LEN(routes) + ARRAY_LEN(more));
	assert_string_equal(json_get_str(json_at(list, 1), "path"), "/v1/apps");
	assert_string_equal(json_get_str(json_at(list, 1), "query"), "app");
	assert_string_equal(json_get_str(json_at(list, 0), "access"), "public");
	assert_true(json_bool(json_get(json_at(list, 0), "is_public"), false));
	assert_string_equal(json_get_str(json_at(list, 1), "access"), "admin");
	assert_string_equal(json_get_str(json_at(list, 5), "access"), "user");
}

static void errors_have_statuses(void **state)
{
	assert_int_equal(status_of(-EINVAL), 400);
	assert_int_equal(status_of(-ENOENT), 404);
	assert_int_equal(status_of(-EEXIST), 409);
	assert_int_equal(status_of(-E2BIG), 413);
	assert_int_equal(status_of(-ENOTSUP), 422);
	assert_int_equal(status_of(-EHOSTUNREACH), 503);
	assert_int_equal(status_of(-ENOSPC), 507);
	assert_int_equal(status_of(-EIO), 500);
	auto_free char *body = status_body(404, "there is no \"x\"");
	assert_string_equal(body, "{\"code\":404,\"status\":\"Not Found\","
				  "\"message\":\"there is no \\\"x\\\"\"}");
	auto_free char *token = status_token_body(401, "no");
	assert_string_equal(token, "{\"code\":401,\"status\":\"Unauthorized\","
				   "\"message\":\"no\",\"msg\":\"no\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_found),
		cmocka_unit_test(paths_of_oakestra_are_told_apart),
		cmocka_unit_test(other_paths_are_not),
		cmocka_unit_test(a_part_that_is_too_long_matches_nothing),
		cmocka_unit_test(other_methods_are_told),
		cmocka_unit_test(the_table_is_a_document),
		cmocka_unit_test(errors_have_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
