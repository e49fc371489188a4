/* Restarts that somebody asks for: counted per instance, told to their nodes, kept over a restart. */
#include "kit.h"

#define TWO APP("a", SERVICE("web", ",\"replicas\":2"))

static int64_t told(struct kit *kit)
{
	return json_get_int(kit_last(kit, NODE_A, "control/deploy"), "restarts", 0);
}

static void one_instance(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, TWO);
	kit_forget(kit);
	assert_int_equal(kit_restart(kit, "web.1"), 0);
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "restart instance a.t.web.t.1");
	kit_run(kit, 100);
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 1);
	const struct json *message = kit_last(kit, NODE_A, "control/deploy");
	assert_int_equal(json_get_int(message, "instance_number", -1), 1);
	assert_int_equal(told(kit), 1);
	assert_int_equal(json_get_int(message, "generation", -1), 1);
	assert_int_equal(kit_restart(kit, "web.1"), 0);
	kit_run(kit, 100);
	assert_int_equal(told(kit), 2);
}

static void all_of_a_service(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, TWO);
	kit_forget(kit);
	assert_int_equal(kit_restart(kit, "web"), 0);
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "restart instance a.t.web.t.0, restart instance a.t.web.t.1");
	kit_run(kit, 100);
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 2);
	/* A server that comes back tells it again. */
	kit_crash(kit);
	kit_boot(kit);
	kit_forget(kit);
	kit_register(kit, NODE_A, 1000);
	kit_run(kit, 1000);
	const struct json *list = json_get(kit_last(kit, NODE_A, "control/sync"), "instance_list");
	assert_int_equal(json_count(list), 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(json_get_int(json_at(list, i), "restarts", 0), 1);
}

static void a_plan_restarts_nothing(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, TWO);
	kit_forget(kit);
	assert_int_equal(kit_restart_plan(kit, "web"), 0);
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "restart instance a.t.web.t.0, restart instance a.t.web.t.1");
	kit_run(kit, 1000);
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 0);
	assert_int_equal(kit_restart_plan(kit, "nothing"), -ENOENT);
}

static void what_is_not_there(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	assert_int_equal(kit_restart(kit, "web"), -ENOENT);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"replicas\":0")));
	assert_int_equal(kit_restart(kit, "web"), -EINVAL);
	assert_err(kit, -EINVAL, "service a.t.web.t has no instances");
	assert_int_equal(kit_restart(kit, "web.7"), -ENOENT);
	assert_err(kit, -ENOENT, "no instance web.7");
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"replicas\":1")));
	kit_forget(kit);
	kit_delete(kit, "a");
	assert_int_equal(kit_restart(kit, "web.0"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(one_instance),
		KIT_TEST(all_of_a_service),
		KIT_TEST(a_plan_restarts_nothing),
		KIT_TEST(what_is_not_there),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/restart", tests, NULL, NULL);
}
