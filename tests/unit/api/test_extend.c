/* Routes of custom resources and hooks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/world.h"
#include "base/base.h"
#include "base/id.h"
#include "json/json.h"

#define CUSTOM "/api/v1/custom-resources"
#define HOOKS  "/api/v1/hooks"
#define JSON   "Content-Type: application/json"

/* A member of the answer, the caller's. */
static char *ask(struct world *w, const char *method, const char *path, const char *body,
		 unsigned status, const char *member)
{
	auto_ask struct ask ask = { .method = method, .path = path, .body = body, .header = JSON };
	auto_(json_free) struct json *json = NULL;
	struct err err = { 0 };

	world_ask(w, &ask, status);
	if (!member)
		return NULL;
	if (json_parse(ask.response.body, ask.response.body_len, &json, &err) < 0)
		fail_msg("%s: %s", ask.response.body, err.msg);
	const struct json *value = json_get(json, member);
	if (!value)
		fail_msg("no %s in %s", member, ask.response.body);
	return json_is_string(value) ? xstrdup(json_str(value)) : json_format(value);
}

static void define(struct world *w)
{
	free(ask(w, "POST", CUSTOM,
		 "{\"resource_type\":\"disk\",\"schema\":{\"properties\":{\"size\":{\"type\":"
		 "\"integer\"}},\"required\":[\"size\"]}}",
		 201, "_id"));
}

static void types_come_and_go(void **state)
{
	struct world *w = *state;
	auto_ask struct ask list = { .path = CUSTOM "/" };

	define(w);
	free(ask(w, "POST", CUSTOM "/", "{\"resource_type\":\"disk\"}", 409, "message"));
	free(ask(w, "POST", CUSTOM, "{\"schema\":{}}", 400, "message"));
	world_ask(w, &list, 200);
	assert_non_null(
		strstr(list.response.body, "\"resource_type\":\"disk\",\"schema\":{\"prop"));
	auto_free char *why = ask(w, "POST", CUSTOM,
				  "{\"resource_type\":\"b\",\"schema\":{\"if\":{}}}", 400,
				  "message");
	assert_string_equal(why, "schema: if: this keyword is not supported");
	auto_free char *message = ask(w, "DELETE", CUSTOM "/disk/", NULL, 200, "message");
	assert_string_equal(message, "disk and all its objects are removed");
	free(ask(w, "DELETE", CUSTOM "/disk", NULL, 404, "message"));
}

static void objects_come_and_go(void **state)
{
	struct world *w = *state;

	define(w);
	auto_free char *id = ask(w, "POST", CUSTOM "/disk", "{\"size\":1}", 201, "_id");
	assert_true(id_is_valid(id));
	auto_free char *path = xasprintf(CUSTOM "/disk/%s", id);
	auto_free char *slash = xasprintf("%s/", path);
	auto_free char *size = ask(w, "GET", slash, NULL, 200, "size");
	assert_string_equal(size, "1");
	auto_free char *new_size = ask(w, "PATCH", path, "{\"size\":2}", 200, "size");
	assert_string_equal(new_size, "2");
	auto_free char *why = ask(w, "PATCH", path, "{\"size\":\"a\"}", 400, "message");
	assert_string_equal(why, "size: expected integer, got string");
	free(ask(w, "POST", CUSTOM "/disk", "{}", 400, "message"));
	free(ask(w, "POST", CUSTOM "/tape", "{}", 404, "message"));
	ask(w, "DELETE", path, NULL, 204, NULL);
	free(ask(w, "DELETE", path, NULL, 404, "message"));
	free(ask(w, "GET", path, NULL, 404, "message"));
	free(ask(w, "GET", CUSTOM "/disk/nonsense", NULL, 404, "message"));
}

static void the_query_is_a_filter(void **state)
{
	struct world *w = *state;
	auto_ask struct ask some = { .path = CUSTOM "/disk?at.rack=a%20b&size=1" };
	auto_ask struct ask none = { .path = CUSTOM "/disk?at.rack=c" };
	auto_ask struct ask unknown = { .path = CUSTOM "/tape?a=b" };

	define(w);
	free(ask(w, "POST", CUSTOM "/disk", "{\"size\":1,\"at\":{\"rack\":\"a b\"}}", 201, "_id"));
	free(ask(w, "POST", CUSTOM "/disk", "{\"size\":2,\"at\":{\"rack\":\"a b\"}}", 201, "_id"));
	world_ask(w, &some, 200);
	assert_non_null(strstr(some.response.body, "\"size\":1"));
	assert_null(strstr(some.response.body, "\"size\":2"));
	world_ask(w, &none, 200);
	assert_string_equal(none.response.body, "[]");
	world_ask(w, &unknown, 404);
}

static void they_are_an_administrators(void **state)
{
	struct world *w = *state;
	auto_ask struct ask anybody = { .path = CUSTOM, .is_tcp = true };
	auto_ask struct ask audit = { .path = "/api/v1/audit" };

	world_ask(w, &anybody, 401);
	define(w);
	world_ask(w, &audit, 200);
	assert_non_null(strstr(audit.response.body, "\"path\":\"" CUSTOM "\",\"status\":201"));
}

#define HOOK                                                                  \
	"{\"hook_name\":\"told\",\"webhook_url\":\"http://hooks.example/a\"," \
	"\"entity\":\"applications\",\"events\":[\"post_create\"]}"

static void hooks_come_and_go(void **state)
{
	struct world *w = *state;
	auto_ask struct ask list = { .path = HOOKS "/" };

	auto_free char *id = ask(w, "POST", HOOKS "/", HOOK, 201, "_id");
	assert_true(id_is_valid(id));
	auto_free char *path = xasprintf(HOOKS "/%s", id);
	auto_free char *name = ask(w, "GET", path, NULL, 200, "hook_name");
	assert_string_equal(name, "told");
	free(ask(w, "POST", HOOKS, HOOK, 409, "message"));
	auto_free char *url = ask(w, "PATCH", path, "{\"webhook_url\":\"http://b\"}", 200,
				  "webhook_url");
	assert_string_equal(url, "http://b");
	world_ask(w, &list, 200);
	assert_non_null(strstr(list.response.body, "\"webhook_url\":\"http://b\""));
	assert_null(strstr(list.response.body, "secret"));
	ask(w, "DELETE", path, NULL, 204, NULL);
	free(ask(w, "GET", path, NULL, 404, "message"));
	free(ask(w, "PATCH", path, "{}", 404, "message"));
	free(ask(w, "DELETE", path, NULL, 404, "message"));
}

static void what_is_no_hook_is_told_from_what_is_no_json(void **state)
{
	struct world *w = *state;
	auto_ask struct ask anybody = { .path = HOOKS, .is_tcp = true };
	auto_ask struct ask audit = { .path = "/api/v1/audit" };

	free(ask(w, "POST", HOOKS, "{", 400, "message"));
	free(ask(w, "POST", HOOKS, "{}", 422, "message"));
	free(ask(w, "POST", HOOKS,
		 "{\"hook_name\":\"a\",\"webhook_url\":\"http://a\",\"entity\":\"jobs\","
		 "\"events\":[\"never\"]}",
		 422, "message"));
	/* What was meant as a secret is nowhere to be read. */
	auto_free char *why = ask(w, "POST", HOOKS, "{\"secret\":98765432109}", 422, "message");
	assert_null(strstr(why, "98765432109"));
	world_ask(w, &audit, 200);
	assert_non_null(strstr(audit.response.body, "\"path\":\"" HOOKS "\",\"status\":422"));
	assert_null(strstr(audit.response.body, "98765432109"));
	world_ask(w, &anybody, 401);
}

#define GATE                                                                     \
	"{\"hook_name\":\"gate\",\"webhook_url\":\"http://hooks.example/gate\"," \
	"\"entity\":\"applications\",\"events\":[\"pre_create\"],\"on_failure\":\"closed\"}"

/* This server can call nobody. */
static void a_hook_that_cannot_be_asked_is_told(void **state)
{
	struct world *w = *state;

	auto_free char *id = ask(w, "POST", HOOKS, GATE, 201, "_id");
	auto_free char *why = ask(w, "POST", "/api/v1/apply", world_descriptor, 503, "message");
	assert_string_equal(why, "hook gate could not be asked");
	free(ask(w, "POST", "/api/application", world_descriptor, 503, "message"));
	auto_free char *path = xasprintf(HOOKS "/%s", id);
	free(ask(w, "PATCH", path, "{\"on_failure\":\"open\"}", 200, "_id"));
	free(ask(w, "POST", "/api/v1/apply", world_descriptor, 200, "items"));
	auto_free char *results = ask(w, "GET", path, NULL, 200, "deliveries");
	assert_non_null(strstr(results, "\"message\":\"this server calls no hooks\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(types_come_and_go),
		WORLD_TEST(objects_come_and_go),
		WORLD_TEST(the_query_is_a_filter),
		WORLD_TEST(they_are_an_administrators),
		WORLD_TEST(hooks_come_and_go),
		WORLD_TEST(what_is_no_hook_is_told_from_what_is_no_json),
		WORLD_TEST(a_hook_that_cannot_be_asked_is_told),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api/extend", tests, NULL, NULL);
}
