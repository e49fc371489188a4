/* The stream of changes: order, replay, and its end. */
#include "kit.h"

struct seen {
	uint64_t last; /* revision */
	size_t n;
	size_t n_gone;
	size_t n_resets;
	char *text; /* "kind kind ..." */
};

static void on_event(void *arg, const struct server_event *event)
{
	struct seen *seen = arg;
	auto_free char *before = seen->text;

	seen->text = xasprintf("%s%s%s", before ? before : "", before ? " " : "", event->kind);
	if (str_eq(event->kind, "reset"))
		seen->n_resets++;
	else
		assert_true(event->revision > seen->last);
	assert_true(event->is_gone == str_eq(event->json, "{}") || seen->n_resets);
	seen->last = event->revision;
	seen->n++;
	seen->n_gone += event->is_gone;
}

static void changes_arrive_in_order(void **state)
{
	struct kit *kit = *state;
	struct seen seen = { 0 };
	struct server_watch *watch = server_watch_begin(kit->server, 0, on_event, &seen);

	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	assert_string_equal(seen.text, "app service instance");
	assert_int_equal(seen.last, server_revision(kit->server));
	assert_int_equal(json_get_int(kit->plan, "revision", 0), seen.last);
	assert_int_equal(kit_delete(kit, "a"), 0);
	assert_int_equal(seen.n_gone, 3);
	server_watch_end(kit->server, watch);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	assert_int_equal(seen.n, 6);
	free(seen.text);
}

static void facts_of_nodes_are_events_too(void **state)
{
	struct kit *kit = *state;
	struct seen seen = { 0 };

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	auto_free char *id = kit_value(kit, "instances", "web.0", "id");
	struct server_watch *watch = server_watch_begin(kit->server, 0, on_event, &seen);
	kit_report(kit, NODE_A, id, STATE_RUNNING, "");
	assert_string_equal(seen.text, "instance");
	strv_fini(&kit->beating);
	kit_run(kit, 30000);
	assert_string_equal(seen.text, "instance node");
	server_watch_end(kit->server, watch);
	free(seen.text);
}

static void what_was_missed_is_replayed(void **state)
{
	struct kit *kit = *state;
	struct seen seen = { 0 };

	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	uint64_t since = server_revision(kit->server);
	kit_must_apply(kit, APP("b", SERVICE("web", "")));
	struct server_watch *watch = server_watch_begin(kit->server, since, on_event, &seen);
	assert_int_equal(seen.n, 0); /* never from inside */
	kit_run(kit, 10);
	assert_string_equal(seen.text, "app service instance");
	assert_int_equal(seen.last, server_revision(kit->server));
	server_watch_end(kit->server, watch);
	/* Up to date: nothing to replay. */
	watch = server_watch_begin(kit->server, server_revision(kit->server), on_event, &seen);
	kit_run(kit, 10);
	assert_int_equal(seen.n, 3);
	server_watch_end(kit->server, watch);
	free(seen.text);
}

static void what_is_not_known_any_more_resets(void **state)
{
	struct kit *kit = *state;
	struct seen seen = { 0 };

	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	uint64_t since = server_revision(kit->server);
	for (int i = 0; i < 700; i++) /* two events each: more than are kept */
		assert_int_equal(kit_scale(kit, "web", i % 2), 0);
	struct server_watch *watch = server_watch_begin(kit->server, since, on_event, &seen);
	kit_run(kit, 10);
	assert_string_equal(seen.text, "reset");
	assert_int_equal(seen.last, server_revision(kit->server));
	assert_int_equal(kit_scale(kit, "web", 5), 0);
	assert_true(seen.n > 1); /* it goes on from there */
	server_watch_end(kit->server, watch);
	/* From the future. */
	watch = server_watch_begin(kit->server, server_revision(kit->server) + 1, on_event, &seen);
	kit_run(kit, 10);
	assert_int_equal(seen.n_resets, 2);
	server_watch_end(kit->server, watch);
	free(seen.text);
}

static void a_restart_resets(void **state)
{
	struct kit *kit = *state;
	struct seen seen = { 0 };

	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	uint64_t since = server_revision(kit->server);
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 100);
	assert_true(server_revision(kit->server) > since);
	struct server_watch *watch = server_watch_begin(kit->server, since, on_event, &seen);
	kit_run(kit, 10);
	assert_string_equal(seen.text, "reset");
	server_watch_end(kit->server, watch);
	free(seen.text);
}

static void a_watch_may_end_before_it_began(void **state)
{
	struct kit *kit = *state;
	struct seen seen = { 0 };
	struct server_watch *watch = server_watch_begin(kit->server, 1, on_event, &seen);

	assert_null(server_watch_end(kit->server, watch));
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	assert_int_equal(seen.n, 0);
	server_watch_end(kit->server, NULL);
	/* And the server may go before either. */
	server_watch_end(kit->server, server_watch_begin(kit->server, 1, on_event, &seen));
	server_watch_begin(kit->server, 1, on_event, &seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(changes_arrive_in_order),
		KIT_TEST(facts_of_nodes_are_events_too),
		KIT_TEST(what_was_missed_is_replayed),
		KIT_TEST(what_is_not_known_any_more_resets),
		KIT_TEST(a_restart_resets),
		KIT_TEST(a_watch_may_end_before_it_began),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/events", tests, NULL, NULL);
}
