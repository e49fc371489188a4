/* Hooks that are told: what they are sent, in which order, and what is done until they have taken it. */
#include "base/secret.h"
#include "hook_kit.h"
#include "server/oakestra.h"
#include "wire/digest/digest.h"

#define ALL_POST "\"post_create\",\"post_update\",\"post_delete\""
#define TOLD     HOOK("told", "applications", ALL_POST, "")
#define MINUTE   60000
#define SOON     2000 /* of virtual time */

/* Its description tells one change from the other. */
static void change_app(struct hook_test *t, const char *name, unsigned n)
{
	auto_free char *text =
		xasprintf(SLA("{\"application_name\":\"%s\",\"application_namespace\":\"t\","
			      "\"application_desc\":\"%u\",\"microservices\":[]}"),
			  name, n);

	kit_must_apply(t->kit, text);
}

static void assert_sent(struct hook_test *t, const char *member, const char *expected)
{
	auto_free char *is = hook_sent(t, member);

	assert_string_equal(is, expected);
}

/* Of the hook, the caller's. */
static struct json *show(struct hook_test *t, const char *id)
{
	struct err err = { 0 };
	auto_free char *text = server_hook_show(t->kit->server, id, &err);
	struct json *json = NULL;

	if (!text)
		fail_msg("%s", err.msg);
	assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
	return json;
}

static void assert_counts(struct hook_test *t, const char *id, const char *expected)
{
	auto_(json_free) struct json *hook = show(t, id);
	const struct json *d = json_get(hook, "deliveries");
	auto_free char *is =
		xasprintf("waiting %ld delivered %ld given up %ld dropped %ld",
			  json_get_int(hook, "waiting", -1), json_get_int(d, "delivered", -1),
			  json_get_int(d, "given_up", -1), json_get_int(d, "dropped", -1));

	assert_string_equal(is, expected);
}

static void changes_are_told_in_order(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	change_app(t, "a", 1);
	auto_free char *app_id = kit_value(t->kit, "apps", "a.t", "id");
	change_app(t, "a", 2);
	change_app(t, "a", 2); /* which is none */
	assert_int_equal(kit_delete(t->kit, "a.t"), 0);
	kit_run(t->kit, SOON);
	assert_sent(t, "event", "post_create, post_update, post_delete");
	assert_sent(t, "entity", "applications, applications, applications");
	auto_free char *ids = xasprintf("%s, %s, %s", app_id, app_id, app_id);
	assert_sent(t, "entity_id", ids);
	for (size_t i = 0; i < t->n_sent; i++)
		assert_string_equal(t->sent[i].url, "http://hooks.example/told");
	assert_counts(t, id, "waiting 0 delivered 3 given up 0 dropped 0");
}

static void on_described(void *arg, const struct oakestra_result *result, const struct err *err)
{
	*(int *)arg = err->code;
}

/* Oakestra's PUT writes the application anew, whatever it says. */
static void what_stays_as_it_was_is_not_told(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];
	int code = -EINPROGRESS;

	change_app(t, "a", 1);
	hook_make(t, TOLD, id);
	auto_free char *app_id = kit_value(t->kit, "apps", "a.t", "id");
	struct oakestra_change change = {
		.user = { .name = "Admin", .is_admin = true },
		.id = app_id,
		.desc = "1",
		.done = on_described,
		.arg = &code,
	};
	oakestra_describe_app_begin(t->kit->server, &change);
	kit_run(t->kit, SOON);
	assert_int_equal(code, 0);
	assert_sent(t, "event", "");
	change.desc = "2";
	oakestra_describe_app_begin(t->kit->server, &change);
	kit_run(t->kit, SOON);
	assert_sent(t, "event", "post_update");
}

static void each_is_signed_and_has_a_name(void **state)
{
	struct hook_test *t = *state;
	auto_secret struct secret secret = { 0 };
	char digest[DIGEST_HMAC_SIZE];
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	change_app(t, "a", 1);
	change_app(t, "b", 1);
	kit_run(t->kit, SOON);
	assert_int_equal(t->n_sent, 2);
	assert_string_not_equal(t->sent[0].delivery, t->sent[1].delivery);
	secret_set(&secret, HOOK_SECRET, strlen(HOOK_SECRET));
	for (size_t i = 0; i < t->n_sent; i++) {
		const struct hook_sent *sent = &t->sent[i];
		auto_(json_free) struct json *body = NULL;
		struct err err;

		assert_int_equal(json_parse(sent->body, strlen(sent->body), &body, &err), 0);
		assert_string_equal(json_get_str(body, "id"), sent->delivery);
		assert_int_equal(strlen(json_get_str(body, "time")),
				 strlen("2026-11-23T13:18:02Z"));
		assert_true(str_starts(sent->signature, "t="));
		auto_free char *at = xstrndup(sent->signature + 2,
					      strcspn(sent->signature + 2, ","));
		auto_free char *text = xasprintf("%s.%s", at, sent->body);
		digest_hmac(&secret, text, digest);
		auto_free char *expected = xasprintf("t=%s,v1=%s", at, digest);
		assert_string_equal(sent->signature, expected);
	}
}

static void each_hook_hears_of_its_own(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	kit_register(t->kit, NODE_A, 4096);
	hook_make(t, HOOK("jobs", "jobs", ALL_POST, ""), id);
	kit_must_apply(t->kit, APP("a", SERVICE("web", "")));
	kit_run(t->kit, SOON);
	assert_sent(t, "entity", "jobs");
	assert_sent(t, "event", "post_create");
	hook_forget(t);
	assert_int_equal(hook_ask(t, server_hook_update_begin, id,
				  "{\"entity\":\"instances\",\"events\":[\"post_delete\"]}"),
			 0);
	assert_int_equal(kit_scale(t->kit, "web", 2), 0);
	kit_run(t->kit, SOON);
	assert_int_equal(t->n_sent, 0);
	auto_free char *instance = kit_value(t->kit, "instances", "web.1", "id");
	assert_int_equal(kit_scale(t->kit, "web", 1), 0);
	kit_report(t->kit, NODE_A, instance, STATE_UNDEPLOYED, "removed");
	kit_run(t->kit, SOON);
	assert_sent(t, "event", "post_delete");
	assert_sent(t, "entity_id", instance);
	hook_forget(t);
	assert_int_equal(hook_ask(t, server_hook_update_begin, id,
				  "{\"entity\":\"resources\",\"events\":[" ALL_POST "]}"),
			 0);
	kit_register(t->kit, NODE_A, 4096);
	kit_register(t->kit, NODE_B, 4096);
	kit_run(t->kit, SOON);
	assert_sent(t, "entity_id", NODE_B);
}

static void on_custom(void *arg, const char *json, const struct err *err)
{
	unsigned *n = arg;

	assert_int_equal(err->code, 0);
	++*n;
}

static void custom_resources_are_told_of(void **state)
{
	struct hook_test *t = *state;
	unsigned n = 0;
	struct server_custom custom = { .type = "disk", .done = on_custom, .arg = &n };
	char id[ID_SIZE];

	server_custom_define_begin(t->kit->server, &custom);
	kit_run(t->kit, SOON);
	hook_make(t, HOOK("disks", "disk", ALL_POST, ""), id);
	custom.text = "{\"a\":1}";
	custom.len = strlen(custom.text);
	server_custom_create_begin(t->kit->server, &custom);
	kit_run(t->kit, SOON);
	assert_sent(t, "event", "post_create");
	assert_sent(t, "entity", "disk");
	/* With its type, too. */
	server_custom_undefine_begin(t->kit->server, &custom);
	kit_run(t->kit, SOON);
	assert_sent(t, "event", "post_create, post_delete");
	assert_int_equal(n, 3);
}

static void what_fails_is_tried_again_later_and_later(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	t->status = 500;
	change_app(t, "a", 1);
	change_app(t, "b", 1);
	kit_run(t->kit, 10 * MINUTE);
	/* The second one waits for the first. */
	assert_true(t->n_sent > HOOK_TRIES_MAX);
	for (unsigned i = 1; i < HOOK_TRIES_MAX; i++) {
		uint64_t wait = t->sent[i].at_ms - t->sent[i - 1].at_ms;
		uint64_t full = 1000ull << (i - 1);

		assert_string_equal(t->sent[i].delivery, t->sent[0].delivery);
		assert_string_equal(t->sent[i].body, t->sent[0].body);
		assert_in_range(wait, full / 2, full + 100);
	}
	assert_string_not_equal(t->sent[HOOK_TRIES_MAX].delivery, t->sent[0].delivery);
	assert_counts(t, id, "waiting 1 delivered 0 given up 1 dropped 0");
	auto_(json_free) struct json *hook = show(t, id);
	const struct json *results = json_get(json_get(hook, "deliveries"), "results");
	const struct json *given_up = json_at(results, HOOK_TRIES_MAX - 1);
	assert_string_equal(json_get_str(json_at(results, 0), "outcome"), "failed");
	assert_string_equal(json_get_str(given_up, "outcome"), "given up");
	assert_int_equal(json_get_int(given_up, "status", 0), 500);
	assert_string_equal(json_get_str(given_up, "message"), "it answered with status 500");
	/* And is told when it listens again. */
	kit_run(t->kit, 8 * MINUTE);
	t->status = 204;
	change_app(t, "c", 1);
	kit_run(t->kit, 5 * MINUTE);
	assert_counts(t, id, "waiting 0 delivered 1 given up 2 dropped 0");
	auto_(json_free) struct json *later = show(t, id);
	assert_int_equal(json_count(json_get(json_get(later, "deliveries"), "results")),
			 HOOK_RESULTS_MAX);
}

static void who_cannot_be_reached_holds_up_nobody(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];
	char other[ID_SIZE];

	hook_make(t, TOLD, id);
	t->status = 0;
	change_app(t, "a", 1);
	kit_run(t->kit, MINUTE);
	t->status = 200;
	hook_make(t, HOOK("other", "applications", ALL_POST, ""), other);
	change_app(t, "b", 1);
	assert_counts(t, other, "waiting 0 delivered 1 given up 0 dropped 0");
	assert_counts(t, id, "waiting 2 delivered 0 given up 0 dropped 0");
	/* Whoever mends it does not wait. */
	assert_int_equal(
		hook_ask(t, server_hook_update_begin, id, "{\"webhook_url\":\"http://b\"}"), 0);
	kit_run(t->kit, 100);
	assert_counts(t, id, "waiting 0 delivered 2 given up 0 dropped 0");
	assert_string_equal(t->sent[t->n_sent - 1].url, "http://b");
}

static void nothing_is_lost_by_a_crash(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	t->status = 0;
	change_app(t, "a", 1);
	change_app(t, "b", 1);
	change_app(t, "c", 1);
	auto_free char *first = xstrdup(t->sent[0].delivery);
	auto_free char *body = xstrdup(t->sent[0].body);
	kit_crash(t->kit);
	hook_forget(t);
	t->status = 200;
	kit_boot(t->kit);
	kit_run(t->kit, SOON);
	assert_int_equal(t->n_sent, 3);
	assert_string_equal(t->sent[0].delivery, first);
	assert_string_equal(t->sent[0].body, body);
	assert_true(strcmp(t->sent[0].delivery, t->sent[1].delivery) < 0);
	assert_true(strcmp(t->sent[1].delivery, t->sent[2].delivery) < 0);
	change_app(t, "d", 1);
	kit_run(t->kit, SOON);
	assert_true(strcmp(t->sent[2].delivery, t->sent[3].delivery) < 0);
	kit_crash(t->kit);
	kit_boot(t->kit);
	kit_run(t->kit, SOON);
	assert_int_equal(t->n_sent, 4);
	assert_counts(t, id, "waiting 0 delivered 4 given up 0 dropped 0");
}

/* What was not done is not told. */
static void a_commit_that_fails_tells_nothing(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	store_mem_fail(t->kit->disk, 1);
	assert_int_equal(kit_apply(t->kit, APP("a", "")), -ENOSPC);
	kit_run(t->kit, MINUTE);
	assert_int_equal(t->n_sent, 0);
	change_app(t, "b", 1);
	kit_run(t->kit, SOON);
	assert_sent(t, "event", "post_create");
}

/* A disk that is full when the answer is to be noted: the hook is told again. */
static void what_could_not_be_noted_is_repeated(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	change_app(t, "a", 1);
	kit_run(t->kit, SOON);
	hook_forget(t);
	t->status = 0;
	change_app(t, "a", 2);
	t->status = 200;
	hook_forget(t);
	while (!t->n_sent)
		assert_true(loop_sim_step(t->kit->loop));
	store_mem_fail(t->kit->disk, 1);
	kit_run(t->kit, MINUTE);
	assert_int_equal(t->n_sent, 2);
	assert_string_equal(t->sent[0].delivery, t->sent[1].delivery);
	assert_in_range(t->sent[1].at_ms - t->sent[0].at_ms, 500, MINUTE);
	assert_counts(t, id, "waiting 0 delivered 2 given up 0 dropped 0");
}

static void what_waits_is_bounded(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	t->status = 0;
	for (unsigned i = 0; i < HOOK_WAITING_MAX + 10; i++)
		change_app(t, "a", i);
	assert_counts(t, id, "waiting 1000 delivered 0 given up 0 dropped 10");
	auto_(json_free) struct json *hook = show(t, id);
	const struct json *results = json_get(json_get(hook, "deliveries"), "results");
	auto_free char *last = json_format(json_at(results, json_count(results) - 1));
	assert_non_null(strstr(last, "\"outcome\":\"dropped\",\"number\":1,"
				     "\"message\":\"more than 1000 wait\""));
}

static void a_hook_that_goes_leaves_nothing(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	t->status = 0;
	change_app(t, "a", 1);
	change_app(t, "b", 1);
	kit_run(t->kit, SOON);
	assert_int_equal(hook_ask(t, server_hook_delete_begin, id, NULL), 0);
	hook_forget(t);
	t->status = 200;
	kit_run(t->kit, 10 * MINUTE);
	change_app(t, "c", 1);
	kit_run(t->kit, SOON);
	assert_int_equal(t->n_sent, 0);
	kit_crash(t->kit);
	kit_boot(t->kit);
	kit_run(t->kit, SOON);
	assert_int_equal(t->n_sent, 0);
}

/* The call goes on while its hook goes. */
static void a_hook_goes_while_it_is_called(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	t->status = 0;
	kit_must_apply(t->kit, APP("a", ""));
	hook_forget(t);
	while (!t->n_sent)
		assert_true(loop_sim_step(t->kit->loop));
	assert_int_equal(hook_ask(t, server_hook_delete_begin, id, NULL), 0);
	kit_run(t->kit, 10 * MINUTE);
	assert_int_equal(t->n_sent, 1);
	kit_crash(t->kit);
	kit_boot(t->kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOOK_TEST(changes_are_told_in_order),
		HOOK_TEST(what_stays_as_it_was_is_not_told),
		HOOK_TEST(each_is_signed_and_has_a_name),
		HOOK_TEST(each_hook_hears_of_its_own),
		HOOK_TEST(custom_resources_are_told_of),
		HOOK_TEST(what_fails_is_tried_again_later_and_later),
		HOOK_TEST(who_cannot_be_reached_holds_up_nobody),
		HOOK_TEST(nothing_is_lost_by_a_crash),
		HOOK_TEST(a_commit_that_fails_tells_nothing),
		HOOK_TEST(what_could_not_be_noted_is_repeated),
		HOOK_TEST(what_waits_is_bounded),
		HOOK_TEST(a_hook_that_goes_leaves_nothing),
		HOOK_TEST(a_hook_goes_while_it_is_called),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/hook_post", tests, NULL, NULL);
}
