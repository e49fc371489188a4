/* Long lists over real sockets: streamed, by pages, and filtered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/world.h"
#include "base/base.h"

#define V1         "/api/v1"
#define N_SERVICES 400

static void apply_many(struct world *w)
{
	auto_ask struct ask ask = { .method = "POST", .path = V1 "/apply" };
	auto_buf struct buf text;

	buf_init(&text, 1 << 20);
	buf_add_str(&text, "{\"sla_version\":\"v2.0\",\"customerID\":\"Admin\",\"applications\":[{"
			   "\"application_name\":\"many\",\"application_namespace\":\"t\","
			   "\"microservices\":[");
	for (int i = 0; i < N_SERVICES; i++)
		buf_addf(&text,
			 "%s{\"microservice_name\":\"s%d\",\"microservice_namespace\":\"t\","
			 "\"virtualization\":\"container\",\"code\":\"registry.example/web:1\"}",
			 i ? "," : "", i);
	buf_add_str(&text, "]}]}");
	ask.body = text.data;
	world_ask(w, &ask, 200);
}

static struct json *parsed(const struct ask *ask)
{
	struct json *json = NULL;
	struct err err;

	if (json_parse(ask->response.body, ask->response.body_len, &json, &err) < 0)
		fail_msg("%s", err.msg);
	return json;
}

/* Longer than a piece. */
static void a_long_list_arrives_whole(void **state)
{
	static const char *const paths[] = { "/api/services", V1 "/instances", V1 "/services" };
	struct world *w = *state;

	apply_many(w);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		auto_ask struct ask ask = { .path = paths[i] };

		world_ask(w, &ask, 200);
		assert_true(ask.response.body_len > (100 << 10));
		assert_non_null(http_client_header(&ask.response, "Holm-Revision"));
		assert_null(http_client_header(&ask.response, "Content-Length"));
		auto_(json_free) struct json *json = parsed(&ask);
		assert_int_equal(json_count(json), N_SERVICES);
	}
	assert_true(api_is_idle(w->api));
}

static void a_short_list_has_a_length(void **state)
{
	auto_ask struct ask ask = { .path = V1 "/nodes" };

	world_ask(*state, &ask, 200);
	assert_non_null(http_client_header(&ask.response, "Content-Length"));
}

static void pages_follow_each_other(void **state)
{
	struct world *w = *state;
	auto_free char *path = xstrdup(V1 "/instances?limit=150");
	size_t n = 0;
	size_t n_pages = 0;

	apply_many(w);
	while (path) {
		auto_ask struct ask ask = { .path = path };

		world_ask(w, &ask, 200);
		auto_(json_free) struct json *json = parsed(&ask);
		n += json_count(json);
		n_pages++;
		const char *next = http_client_header(&ask.response, "Holm-Next");
		free(path);
		path = next ? xasprintf(V1 "/instances?limit=150&after=%s", next) : NULL;
	}
	assert_int_equal(n, N_SERVICES);
	assert_int_equal(n_pages, 3);
}

static size_t count(struct world *w, const char *path)
{
	auto_ask struct ask ask = { .path = path };

	world_ask(w, &ask, 200);
	auto_(json_free) struct json *json = parsed(&ask);
	return json_count(json);
}

static void refuse(struct world *w, const char *path, unsigned status, const char *words)
{
	auto_ask struct ask ask = { .path = path };

	world_ask(w, &ask, status);
	assert_non_null(strstr(ask.response.body, words));
}

static void filters_are_checked(void **state)
{
	struct world *w = *state;
	auto_ask struct ask ask = { .method = "POST",
				    .path = V1 "/apply",
				    .body = world_descriptor };

	world_ask(w, &ask, 200);
	assert_int_equal(count(w, V1 "/instances?app=hybrid.demo&node=edge-1"), 2);
	assert_int_equal(count(w, V1 "/instances?app=other.demo"), 0);
	assert_int_equal(count(w, V1 "/services?status=FAILED"), 0);
	assert_int_equal(count(w, V1 "/apps?limit=1"), 1);
	/* Oakestra's lists know no limit. */
	assert_int_equal(count(w, "/api/services?limit=1"), 2);
	refuse(w, V1 "/instances?status=SLEEPING", 400, "status");
	refuse(w, V1 "/instances?limit=0", 400, "limit");
	refuse(w, V1 "/instances?limit=99999", 400, "1..10000");
	refuse(w, V1 "/instances?after=x", 400, "after");
	refuse(w, V1 "/instances?node=nowhere", 404, "nowhere");
}

static int leave(void *arg, uint64_t offset, const void *data, size_t len)
{
	return -ECANCELED;
}

static void a_client_may_leave_in_the_middle(void **state)
{
	struct world *w = *state;
	auto_ask struct ask ask = { .path = "/api/services", .sink = leave };

	apply_many(w);
	world_perform(w, &ask);
	assert_true(ask.result < 0);
	while (!api_is_idle(w->api))
		world_turn(w);
}

static void the_end_of_the_api_ends_a_list(void **state)
{
	struct world *w = *state;
	auto_ask struct ask ask = { .path = "/api/services" };

	apply_many(w);
	world_ask(w, &ask, 200);
	world_restart_api(w);
	world_ask(w, &ask, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_long_list_arrives_whole),
		WORLD_TEST(a_short_list_has_a_length),
		WORLD_TEST(pages_follow_each_other),
		WORLD_TEST(filters_are_checked),
		WORLD_TEST(a_client_may_leave_in_the_middle),
		WORLD_TEST(the_end_of_the_api_ends_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
