/* The document of the API: every row of the table tells all that it needs, and the document is one that
 * clients can be made from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/document/private.h"
#include "api/private.h"
#include "api/world.h"
#include "json/document_check.h"

#define ROUTE_FMT "%s %s"

static void for_each_route(void (*fn)(const struct route *route, void *arg), void *arg)
{
	for (const struct route_group *const *group = api_groups; *group; group++)
		for (size_t i = 0; i < (*group)->n; i++)
			fn(&(*group)->routes[i], arg);
}

static bool is_of_table(enum route_form form)
{
	return form == ROUTE_OBJECT || form == ROUTE_LIST;
}

static void check_row(const struct route *route, void *arg)
{
	struct strv *ids = arg;

	if (!route->id)
		fail_msg(ROUTE_FMT ": has no id", route->method, route->path);
	if (strv_has(ids, route->id))
		fail_msg(ROUTE_FMT ": another row is %s, too", route->method, route->path,
			 route->id);
	if (strspn(route->id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") !=
	    strlen(route->id))
		fail_msg("%s: is to be of letters", route->id);
	strv_add(ids, route->id);
	if (!route->summary)
		fail_msg("%s: has no summary", route->id);
	if (is_of_table(route->form) != (route->answer != NULL))
		fail_msg("%s: .answer does not go with .form", route->id);
	if ((route->body || route->takes_bytes) && str_eq(route->method, "GET"))
		fail_msg("%s: a GET takes no body", route->id);
	if (route->body && route->takes_bytes)
		fail_msg("%s: the body is JSON or bytes", route->id);
}

static void every_row_is_complete(void **state)
{
	auto_strv struct strv ids = { 0 };

	for_each_route(check_row, &ids);
	assert_true(ids.n > 80);
}

static void check_params(const struct route *route, void *arg)
{
	auto_strv struct strv names = { 0 };

	if (route->query)
		strv_split(&names, route->query, ", ");
	for (const char *p = strchr(route->path, '{'); p; p = strchr(p + 1, '{'))
		strv_addf(&names, "%.*s", (int)strcspn(p + 1, "}"), p + 1);
	for (size_t i = 0; i < names.n; i++)
		if (!param_find(route->path, names.items[i]))
			fail_msg("%s: api/document/params.c does not have %s", route->id,
				 names.items[i]);
}

static void every_parameter_has_a_type(void **state)
{
	for_each_route(check_params, NULL);
	assert_int_equal(param_find("/api/v1/events", "since")->field.type, F_U64);
	assert_int_equal(param_find("/api/v1/instances/{name}/logs", "since")->field.type, F_STR);
	assert_null(param_find("/api/v1/apps", "nothing"));
}

static struct json *document(void)
{
	auto_free char *text = document_openapi(api_groups, "1.2.3");
	struct json *json = NULL;
	struct err err;

	/* A parser that takes no key twice: two tables of one name would be found. */
	if (json_parse(text, strlen(text), &json, &err) < 0)
		fail_msg("%s", err.msg);
	return json;
}

static void check_references(const struct json *root, const struct json *value)
{
	const char *ref = json_is_object(value) ? json_get_str(value, "$ref") : NULL;

	if (ref && !document_find(root, ref))
		fail_msg("%s is not in the document", ref);
	for (size_t i = 0; json_is_array(value) && i < json_count(value); i++)
		check_references(root, json_at(value, i));
	if (!json_is_object(value))
		return;
	for (const char *k = json_key_next(value, NULL); k; k = json_key_next(value, k))
		check_references(root, json_get(value, k));
}

static void references_lead_somewhere(void **state)
{
	auto_(json_free) struct json *json = document();

	check_references(json, json);
}

static const struct json *operation(const struct json *json, const char *method, const char *path)
{
	const struct json *found = json_get(json_get(json_get(json, "paths"), path), method);

	if (!found)
		fail_msg("%s %s is not there", method, path);
	return found;
}

static void count_one(const struct route *route, void *arg)
{
	++*(size_t *)arg;
}

static void all_routes_are_there_once(void **state)
{
	auto_(json_free) struct json *json = document();
	const struct json *paths = json_get(json, "paths");
	size_t n_routes = 0;
	size_t n = 0;

	for_each_route(count_one, &n_routes);
	for (const char *path = json_key_next(paths, NULL); path; path = json_key_next(paths, path))
		n += json_count(json_get(paths, path));
	assert_int_equal(n, n_routes);
	assert_string_equal(json_get_str(json, "openapi"), "3.0.3");
	assert_string_equal(json_get_str(json_get(json, "info"), "version"), "1.2.3");
}

static const char *ref_at(const struct json *value, const char *way)
{
	auto_strv struct strv parts = { 0 };

	strv_split(&parts, way, " ");
	for (size_t i = 0; i < parts.n; i++)
		value = json_get(value, parts.items[i]);
	return json_get_str(value, "$ref");
}

static void bodies_and_answers_are_of_their_tables(void **state)
{
	auto_(json_free) struct json *json = document();
	const struct json *apply = operation(json, "post", "/api/v1/apply");
	const struct json *apps = operation(json, "get", "/api/v1/apps");
	const struct json *pull = operation(json, "post", "/api/v1/images/pull");

	assert_string_equal(json_get_str(apply, "operationId"), "apply");
	assert_string_equal(ref_at(apply, "requestBody content application/json schema"),
			    FIELD_SCHEMA_PLACE "DescriptorInput");
	assert_string_equal(ref_at(apply, "responses 200 content application/json schema"),
			    FIELD_SCHEMA_PLACE "Plan");
	assert_string_equal(ref_at(apply, "responses default content application/json schema"),
			    FIELD_SCHEMA_PLACE "Error");
	assert_string_equal(ref_at(apps, "responses 200 content application/json schema items"),
			    FIELD_SCHEMA_PLACE "Application");
	assert_string_equal(ref_at(pull, "responses 200 content application/x-ndjson schema"),
			    FIELD_SCHEMA_PLACE "ProgressLine");
	assert_null(ref_at(apps, "responses 200 content application/x-ndjson schema"));
}

static void who_may_ask_is_told(void **state)
{
	auto_(json_free) struct json *json = document();
	const struct json *login = operation(json, "post", "/api/auth/login");
	const struct json *refresh = operation(json, "post", "/api/auth/refresh");
	const struct json *nodes = operation(json, "get", "/api/v1/nodes");

	assert_int_equal(json_count(json_get(login, "security")), 0);
	assert_non_null(json_get(json_at(json_get(refresh, "security"), 0), "refresh"));
	assert_non_null(json_get(json_at(json_get(nodes, "security"), 0), "bearer"));
	assert_non_null(json_get(json_get(nodes, "responses"), "403"));
	assert_null(json_get(json_get(refresh, "responses"), "403"));
}

static void streams_are_told_apart(void **state)
{
	auto_(json_free) struct json *json = document();
	const struct json *events = operation(json, "get", "/api/v1/events");
	const struct json *exec = operation(json, "post", "/api/v1/instances/{name}/exec");
	const struct json *never = operation(json, "put", "/api/user");
	const struct json *secret = operation(json, "put", "/api/v1/secrets/{name}");
	const struct json *content = json_get(json_get(json_get(events, "responses"), "200"),
					      "content");

	assert_non_null(json_get(content, "text/event-stream"));
	assert_null(json_get(content, "application/json"));
	assert_non_null(json_get(json_get(exec, "responses"), "101"));
	assert_null(json_get(json_get(exec, "responses"), "200"));
	assert_null(json_get(json_get(never, "responses"), "200"));
	assert_non_null(json_get(json_get(json_get(secret, "requestBody"), "content"),
				 "application/octet-stream"));
}

static void tags_are_of_the_path(void **state)
{
	static const char *const cases[][2] = {
		{ "/api/v1", "description" },
		{ "/api/v1/nodes", "nodes" },
		{ "/api/v1/nodes/{name}/cordon", "nodes" },
		{ "/api/services/{application_id}", "oakestra: service" },
		{ "/api/auth/login", "oakestra: auth" },
		{ "/docs/openapi.json", "description" },
		{ "/api/docs", "description" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *tag = operation_tag(cases[i][0]);

		assert_string_equal(tag, cases[i][1]);
	}
}

static void it_is_there_for_everybody(void **state)
{
	auto_ask struct ask plain = { .path = "/docs/openapi.json", .is_tcp = true };
	auto_ask struct ask slash = { .path = "/docs/openapi.json/", .is_tcp = true };

	world_ask(*state, &plain, 200);
	world_ask(*state, &slash, 200);
	assert_string_equal(plain.response.body, slash.response.body);
	assert_non_null(strstr(plain.response.body, "\"version\":\"1.2.3\""));
	assert_string_equal(http_client_header(&plain.response, "Access-Control-Allow-Origin"),
			    "*");
}

/* "{a} {b}" of a path, as it declares them. */
static void check_declared(const char *path, const struct json *operation)
{
	const struct json *params = json_get(operation, "parameters");
	auto_strv struct strv declared = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < json_count(params); i++) {
		const struct json *param = json_at(params, i);
		const char *name = json_get_str(param, "name");

		if (!str_eq(json_get_str(param, "in"), "path"))
			continue;
		auto_free char *part = xasprintf("{%s}", name);
		if (!strstr(path, part) || strv_has(&declared, name))
			fail_msg("%s: declares %s", path, part);
		assert_true(json_bool(json_get(param, "required"), false));
		strv_add(&declared, name);
	}
	for (const char *p = strchr(path, '{'); p; p = strchr(p + 1, '{'))
		n++;
	if (n != declared.n)
		fail_msg("%s: %zu of %zu parameters are declared", path, declared.n, n);
}

static void parts_of_paths_are_declared(void **state)
{
	auto_(json_free) struct json *json = document();
	const struct json *paths = json_get(json, "paths");

	for (const char *p = json_key_next(paths, NULL); p; p = json_key_next(paths, p)) {
		const struct json *item = json_get(paths, p);

		for (const char *m = json_key_next(item, NULL); m; m = json_key_next(item, m))
			check_declared(p, json_get(item, m));
	}
}

static void the_page_runs_what_is_in_it_alone(void **state)
{
	/* printf %s a | openssl dgst -sha256 -binary | base64 */
	static const char hash[] =
		"style-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='; "
		"script-src 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='";
	auto_free char *policy =
		page_policy("<style>a</style><script>b</script><script>c</script>");
	auto_ask struct ask ask = { .path = "/api/docs", .is_tcp = true };

	assert_non_null(strstr(policy, hash));
	assert_non_null(strstr(policy, "default-src 'none'"));
	world_ask(*state, &ask, 200);
	auto_free char *own = page_policy(ask.response.body);
	assert_string_equal(http_client_header(&ask.response, "Content-Security-Policy"), own);
	assert_string_equal(http_client_header(&ask.response, "Content-Type"),
			    "text/html; charset=utf-8");
	assert_null(strstr(strstr(ask.response.body, "</script>") + 1, "<script"));
	assert_null(strstr(ask.response.body, "https:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(every_parameter_has_a_type),
		cmocka_unit_test(references_lead_somewhere),
		cmocka_unit_test(all_routes_are_there_once),
		cmocka_unit_test(bodies_and_answers_are_of_their_tables),
		cmocka_unit_test(who_may_ask_is_told),
		cmocka_unit_test(streams_are_told_apart),
		cmocka_unit_test(tags_are_of_the_path),
		cmocka_unit_test(parts_of_paths_are_declared),
		WORLD_TEST(it_is_there_for_everybody),
		WORLD_TEST(the_page_runs_what_is_in_it_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
