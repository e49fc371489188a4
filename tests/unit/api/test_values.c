/* Routes of secrets and configuration objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/world.h"
#include "base/base.h"

#define V1    "/api/v1"
#define WORD  "correct horse"
#define BYTES "Content-Type: application/octet-stream"

static void set(struct world *w, const char *path, const char *word, unsigned status)
{
	auto_ask struct ask ask = { .method = "PUT", .path = path, .body = word, .header = BYTES };

	world_ask(w, &ask, status);
}

struct seen {
	bool is_secret;
	char *json;
};

static void on_event(void *arg, const struct server_event *event)
{
	struct seen *seen = arg;

	if (!str_eq(event->kind, "secret"))
		return;
	seen->is_secret = true;
	free(seen->json);
	seen->json = xstrdup(event->json);
}

static void a_secret_never_comes_back(void **state)
{
	struct world *w = *state;
	struct seen seen = { 0 };
	auto_ask struct ask ask = { .path = V1 "/secrets" };
	struct server_watch *watch = server_watch_begin(w->server, 0, on_event, &seen);

	set(w, V1 "/secrets/db", WORD, 200);
	world_ask(w, &ask, 200);
	assert_non_null(strstr(ask.response.body, "\"name\":\"db\""));
	assert_non_null(strstr(ask.response.body, "\"size\":13"));
	assert_null(strstr(ask.response.body, "horse"));
	assert_true(seen.is_secret);
	assert_null(strstr(seen.json, "horse"));
	assert_null(strstr(seen.json, "body"));
	ask.path = V1 "/secrets/db";
	world_ask(w, &ask, 405);
	ask.path = V1 "/configs/db";
	world_ask(w, &ask, 404);
	server_watch_end(w->server, watch);
	free(seen.json);
}

static void configuration_comes_back(void **state)
{
	auto_ask struct ask ask = { .path = V1 "/configs/app.conf" };

	set(*state, V1 "/configs/app.conf", WORD, 200);
	world_ask(*state, &ask, 200);
	assert_string_equal(ask.response.body,
			    "{\"name\":\"app.conf\",\"base64\":\"Y29ycmVjdCBob3JzZQ==\"}");
	ask.method = "DELETE";
	world_ask(*state, &ask, 200);
	world_ask(*state, &ask, 404);
}

static void one_in_use_needs_force(void **state)
{
	static const char descriptor[] =
		"{\"sla_version\":\"v2.0\",\"applications\":[{\"application_name\":\"a\","
		"\"application_namespace\":\"t\",\"microservices\":[{\"microservice_name\":\"s\","
		"\"microservice_namespace\":\"t\",\"virtualization\":\"container\","
		"\"code\":\"r.example/a:1\",\"secrets\":[{\"name\":\"db\"}]}]}]}";
	auto_ask struct ask ask = { .method = "POST", .path = V1 "/apply", .body = descriptor };

	world_ask(*state, &ask, 404);
	assert_non_null(strstr(ask.response.body, "there is no secret db"));
	set(*state, V1 "/secrets/db", WORD, 200);
	world_ask(*state, &ask, 200);
	ask.method = "DELETE";
	ask.path = V1 "/secrets/db";
	ask.body = NULL;
	world_ask(*state, &ask, 409);
	assert_non_null(strstr(ask.response.body, "a.t.s.t"));
	ask.path = V1 "/secrets/db?force=1";
	world_ask(*state, &ask, 200);
}

static void over_tcp_it_has_to_be_bytes(void **state)
{
	auto_ask struct ask ask = { .method = "PUT",
				    .path = V1 "/secrets/db",
				    .body = WORD,
				    .is_tcp = true,
				    .has_token = true };

	world_ask(*state, &ask, 415); /* as JSON */
	ask.header = BYTES;
	world_ask(*state, &ask, 200);
	ask.method = "POST";
	ask.path = V1 "/apply";
	world_ask(*state, &ask, 415);
}

static void what_is_refused(void **state)
{
	auto_free char *large = xcalloc(1, VALUE_SIZE_MAX + 2);

	memset(large, 'x', VALUE_SIZE_MAX + 1);
	set(*state, V1 "/secrets/db", large, 413);
	large[VALUE_SIZE_MAX] = '\0';
	set(*state, V1 "/secrets/db", large, 200);
	set(*state, V1 "/secrets/db", "", 400);
	set(*state, V1 "/secrets/a+b", WORD, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_secret_never_comes_back), WORLD_TEST(configuration_comes_back),
		WORLD_TEST(one_in_use_needs_force),    WORLD_TEST(over_tcp_it_has_to_be_bytes),
		WORLD_TEST(what_is_refused),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api/values", tests, NULL, NULL);
}
