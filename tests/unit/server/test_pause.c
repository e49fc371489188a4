/* Pauses: a wish of an instance, told to its node, kept over a restart, shown as wished and as it is. */
#include "kit.h"

#define TWO APP("a", SERVICE("web", ",\"replicas\":2"))

static bool is_told(struct kit *kit)
{
	const struct json *message = kit_last(kit, NODE_A, "control/deploy");

	assert_non_null(message);
	return json_bool(json_get(message, "is_paused"), false);
}

static int setup(void **state)
{
	int r = kit_setup(state);
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, TWO);
	kit_forget(kit);
	return r;
}

static void one_instance_and_back(void **state)
{
	struct kit *kit = *state;

	assert_int_equal(kit_pause(kit, "web.1", true), 0);
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "pause instance a.t.web.t.1");
	kit_run(kit, 100);
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 1);
	assert_true(is_told(kit));
	assert_int_equal(
		json_get_int(kit_last(kit, NODE_A, "control/deploy"), "instance_number", 0), 1);
	kit_forget(kit);
	assert_int_equal(kit_pause(kit, "web.1", true), 0); /* it is wished already */
	auto_free char *again = kit_actions(kit);
	assert_string_equal(again, "unchanged instance a.t.web.t.1");
	kit_run(kit, 100);
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 0);
	assert_int_equal(kit_pause(kit, "web.1", false), 0);
	auto_free char *back = kit_actions(kit);
	assert_string_equal(back, "resume instance a.t.web.t.1");
	kit_run(kit, 100);
	assert_false(is_told(kit));
}

static void a_service_over_a_restart_of_the_server(void **state)
{
	struct kit *kit = *state;

	assert_int_equal(kit_pause(kit, "web", true), 0);
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "pause instance a.t.web.t.0, pause instance a.t.web.t.1");
	kit_crash(kit);
	kit_boot(kit);
	kit_forget(kit);
	kit_register(kit, NODE_A, 1000);
	kit_run(kit, 1000);
	const struct json *list = json_get(kit_last(kit, NODE_A, "control/sync"), "instance_list");
	assert_int_equal(json_count(list), 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(json_bool(json_get(json_at(list, i), "is_paused"), false));
	/* A newer version is paused as well. */
	kit_forget(kit);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"replicas\":2,\"memory\":50")));
	kit_run(kit, 100);
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 2);
	assert_true(is_told(kit));
}

static void a_restart_ends_it(void **state)
{
	struct kit *kit = *state;

	kit_pause(kit, "web.0", true);
	kit_run(kit, 100);
	assert_true(is_told(kit));
	assert_int_equal(kit_restart(kit, "web.0"), 0);
	kit_run(kit, 100);
	assert_false(is_told(kit));
	assert_value(kit, "instances", "web.0", "is_pause_wished", "false");
}

static void it_is_shown_as_wished_and_as_it_is(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = kit_value(kit, "instances", "web.0", "id");

	kit_pause(kit, "web.0", true);
	assert_value(kit, "instances", "web.0", "is_pause_wished", "true");
	assert_value(kit, "instances", "web.0", "is_paused", "false");
	auto_free char *report = xasprintf("{\"instance_id\":\"%s\",\"status\":\"RUNNING\","
					   "\"status_detail\":\"paused\",\"is_paused\":true}",
					   id);
	kit_say(kit, NODE_A, "job", report);
	kit_run(kit, 100);
	assert_value(kit, "instances", "web.0", "is_paused", "true");
	assert_value(kit, "instances", "web.0", "state", "RUNNING");
	assert_value(kit, "instances", "web.0", "reason", "paused");
	assert_value(kit, "instances", "web.1", "is_paused", "false");
}

static void what_is_not_there(void **state)
{
	struct kit *kit = *state;

	assert_int_equal(kit_pause(kit, "db", true), -ENOENT);
	assert_int_equal(kit_pause(kit, "web.7", true), -ENOENT);
	assert_err(kit, -ENOENT, "no instance web.7");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_instance_and_back), TEST(a_service_over_a_restart_of_the_server),
		TEST(a_restart_ends_it),     TEST(it_is_shown_as_wished_and_as_it_is),
		TEST(what_is_not_there),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/pause", tests, NULL, NULL);
}
