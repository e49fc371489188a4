/* What applying a descriptor makes of the state, and what it tells the nodes. */
#include "kit.h"

#define ONE APP("a", SERVICE("web", ",\"memory\":100"))

static void the_first_time(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"memory\":100,\"replicas\":2") "," SERVICE(
					     "db", "")));
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "create app a.t, create service a.t.web.t, "
				     "create service a.t.db.t");
	assert_int_equal(kit_n(kit, "instances"), 3);
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 3);
	assert_value(kit, "instances", "web.1", "state", "NODE_SCHEDULED");
	assert_value(kit, "instances", "web.1", "node", "host-a");
	assert_value(kit, "services", "a.t.web.t", "generation", "1");
	assert_value(kit, "apps", "a.t", "instances", "3");
	assert_int_equal(kit_number(kit, "nodes", NODE_A, "memory_promised_mib"), 200);
}

static void twice_changes_nothing(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, ONE);
	uint64_t revision = server_revision(kit->server);
	kit_forget(kit);
	kit_must_apply(kit, ONE);
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "unchanged service a.t.web.t");
	assert_int_equal(server_revision(kit->server), revision);
	assert_int_equal(kit->n_messages, 0);
}

static void a_dry_run_tells_and_does_nothing(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, ONE);
	uint64_t revision = server_revision(kit->server);
	kit_forget(kit);
	assert_int_equal(kit_plan(kit, APP("a", SERVICE("db", ""))), 0);
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "delete service a.t.web.t, create service a.t.db.t");
	assert_true(json_bool(json_get(kit->plan, "is_dry_run"), false));
	assert_int_equal(kit_plan(kit, APP("b", SERVICE("db", ""))), 0);
	assert_int_equal(server_revision(kit->server), revision);
	assert_int_equal(kit->n_messages, 0);
	assert_int_equal(kit_n(kit, "apps"), 1);
	assert_int_equal(kit_n(kit, "services"), 1);
}

static void a_changed_spec_replaces(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, ONE);
	auto_free char *id = kit_value(kit, "instances", "web.0", "id");
	kit_forget(kit);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"memory\":300")));
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "replace service a.t.web.t");
	const struct json *item = json_at(json_get(kit->plan, "items"), 0);
	assert_string_equal(json_get_str(item, "detail"), "memory: 100 → 300");
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 1);
	const struct json *deploy = kit_last(kit, NODE_A, "control/deploy");
	assert_string_equal(json_get_str(deploy, "instance_id"), id);
	assert_int_equal(json_get_int(deploy, "generation", 0), 2);
	assert_int_equal(json_get_int(json_get(deploy, "spec"), "memory", 0), 300);
	/* The same number and addresses, and what it reserves is what it may use. */
	assert_value(kit, "instances", "web.0", "id", id);
	assert_int_equal(kit_number(kit, "nodes", NODE_A, "memory_promised_mib"), 300);
}

static void a_change_that_needs_no_other_run(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, ONE);
	kit_forget(kit);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"memory\":100,\"grace_s\":3")));
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "update service a.t.web.t");
	assert_value(kit, "services", "a.t.web.t", "generation", "1");
	const struct json *deploy = kit_last(kit, NODE_A, "control/deploy");
	assert_non_null(deploy);
	assert_int_equal(json_get_int(json_get(deploy, "spec"), "grace_s", 0), 3);
}

static void a_service_that_is_missing_goes(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(
		kit, SLA(APPLICATION("a", SERVICE("web", "") "," SERVICE("db", "")) "," APPLICATION(
			     "b", SERVICE("web", ""))));
	auto_free char *id = kit_value(kit, "instances", "db.0", "id");
	kit_forget(kit);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "delete service a.t.db.t, unchanged service a.t.web.t");
	assert_int_equal(kit_count(kit, NODE_A, "control/delete"), 1);
	assert_string_equal(json_get_str(kit_last(kit, NODE_A, "control/delete"), "instance_id"),
			    id);
	assert_int_equal(kit_n(kit, "services"), 2); /* the other application is not touched */
	assert_value(kit, "instances", "db.0", "is_removed", "true");
	kit_report(kit, NODE_A, id, STATE_UNDEPLOYED, "removed");
	assert_null(kit_value(kit, "instances", "db.0", "id"));
}

static void replicas_count_where_they_are_named(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	assert_int_equal(kit_n(kit, "instances"), 1);
	assert_int_equal(kit_scale(kit, "web", 3), 0);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	assert_value(kit, "services", "a.t.web.t", "replicas", "3");
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"replicas\":2")));
	assert_value(kit, "services", "a.t.web.t", "replicas", "2");
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"replicas\":0")));
	assert_value(kit, "services", "a.t.web.t", "replicas", "0");
	assert_value(kit, "services", "a.t.web.t", "generation", "1");
}

static void what_no_node_can_run_is_refused(void **state)
{
	struct kit *kit = *state;

	/* Nothing is known before the first node. */
	assert_int_equal(kit_apply(kit, APP("a", SERVICE("web", ",\"memory\":100000"))), 0);
	assert_int_equal(kit_delete(kit, "a"), 0);
	kit_register(kit, NODE_A, 1000);
	kit_apply(kit, APP("a", SERVICE("web", ",\"memory\":1001")));
	assert_err(kit, -ENOSPC, "a.t.web.t: ");
	assert_non_null(strstr(kit->err.msg, "needs 1001 MiB, has 1000"));
	kit_apply(kit,
		  APP("a",
		      SERVICE("db",
			      "") ",{\"microservice_name\":\"web\","
				  "\"microservice_namespace\":\"t\",\"virtualization\":\"kata\","
				  "\"code\":\"registry.example/web:1\"}"));
	assert_err(kit, -ENOTSUP, "no runtime kata (has docker)");
	/* The service before it was undone with it. */
	assert_int_equal(kit_n(kit, "apps"), 0);
	assert_int_equal(kit_n(kit, "services"), 0);
	assert_int_equal(kit_n(kit, "instances"), 0);
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 0);
}

static void growing_beyond_the_node_is_refused(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"memory\":300,\"replicas\":3")));
	kit_forget(kit);
	kit_apply(kit, APP("a", SERVICE("web", ",\"memory\":400,\"replicas\":3")));
	assert_err(kit, -ENOSPC, "node host-a: needs 400 MiB of memory, 300 of 1000 free");
	assert_int_equal(kit_number(kit, "nodes", NODE_A, "memory_promised_mib"), 900);
	assert_value(kit, "services", "a.t.web.t", "generation", "1");
	assert_int_equal(kit->n_messages, 0);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"memory\":333,\"replicas\":3")));
	assert_int_equal(kit_number(kit, "nodes", NODE_A, "memory_promised_mib"), 999);
}

static void what_does_not_fit_now_waits(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"memory\":600,\"replicas\":2")));
	assert_value(kit, "instances", "web.0", "state", "NODE_SCHEDULED");
	assert_value(kit, "instances", "web.1", "state", "NO_WORKER_CAPACITY");
	auto_free char *reason = kit_value(kit, "instances", "web.1", "reason");
	assert_non_null(strstr(reason, "needs 600 MiB, 400 free"));
	auto_free char *id = kit_value(kit, "instances", "web.0", "id");
	kit_must_apply(kit, SLA(APPLICATION("b", SERVICE("big", ",\"memory\":500"))));
	assert_value(kit, "instances", "big.0", "state", "NO_WORKER_CAPACITY");
	/* Room is made when the node has removed one, not when that is wished. */
	assert_int_equal(kit_delete(kit, "a"), 0);
	assert_value(kit, "instances", "big.0", "state", "NO_WORKER_CAPACITY");
	kit_report(kit, NODE_A, id, STATE_UNDEPLOYED, "removed");
	assert_value(kit, "instances", "big.0", "state", "NODE_SCHEDULED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(the_first_time),
		KIT_TEST(twice_changes_nothing),
		KIT_TEST(a_dry_run_tells_and_does_nothing),
		KIT_TEST(a_changed_spec_replaces),
		KIT_TEST(a_change_that_needs_no_other_run),
		KIT_TEST(a_service_that_is_missing_goes),
		KIT_TEST(replicas_count_where_they_are_named),
		KIT_TEST(what_no_node_can_run_is_refused),
		KIT_TEST(growing_beyond_the_node_is_refused),
		KIT_TEST(what_does_not_fit_now_waits),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/apply", tests, NULL, NULL);
}
