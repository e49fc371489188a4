/* Nodes that come, speak, fall silent and come back. */
#include "kit.h"

static const char *subnet(struct kit *kit, const char *node_id, size_t i)
{
	const struct json *accept = kit_last(kit, node_id, "control/accept");

	return json_str(json_at(json_get(accept, "subnets"), i));
}

static void a_node_is_accepted_with_a_block_and_its_wish(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	assert_int_equal(kit_count(kit, NODE_A, "control/accept"), 1);
	assert_string_equal(subnet(kit, NODE_A, 0), "10.18.0.0/26");
	assert_int_equal(
		json_count(json_get(kit_last(kit, NODE_A, "control/sync"), "instance_list")), 0);
	assert_non_null(kit_last(kit, NODE_A, "net/table"));
	assert_value(kit, "nodes", NODE_A, "is_alive", "true");
	assert_value(kit, "nodes", NODE_A, "hostname", "host-a");
}

static void two_nodes_have_different_blocks(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_register(kit, NODE_B, 1000);
	assert_string_equal(subnet(kit, NODE_B, 0), "10.18.0.64/26");
	/* One more on request, beyond the other's. */
	kit_say(kit, NODE_A, "net/subnet", "{}");
	kit_run(kit, 500);
	assert_string_equal(subnet(kit, NODE_A, 0), "10.18.0.0/26");
	assert_string_equal(subnet(kit, NODE_A, 1), "10.18.0.128/26");
	/* Registering again keeps them, whatever the node says that it has. */
	kit_forget(kit);
	kit_register(kit, NODE_A, 1000);
	assert_string_equal(subnet(kit, NODE_A, 1), "10.18.0.128/26");
	assert_null(subnet(kit, NODE_A, 2));
}

static void a_cordoned_node_gets_nothing_new(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	kit_forget(kit);
	assert_int_equal(kit_cordon(kit, "host-a", true), 0);
	assert_value(kit, "nodes", NODE_A, "is_cordoned", "true");
	kit_run(kit, 1000);
	assert_int_equal(kit_count(kit, NODE_A, "control/delete"), 0);
	/* What is there is restarted there. */
	assert_int_equal(kit_restart(kit, "web"), 0);
	assert_int_equal(kit_scale(kit, "web", 2), 0);
	assert_value(kit, "instances", "web.1", "state", "NO_WORKER_CAPACITY");
	assert_value(kit, "instances", "web.1", "reason", "no node fits: host-a: cordoned");
	/* Over a restart, and whatever the node says of itself. */
	kit_crash(kit);
	kit_boot(kit);
	kit_register(kit, NODE_A, 1000);
	assert_value(kit, "nodes", NODE_A, "is_cordoned", "true");
	kit_run(kit, 1000);
	assert_value(kit, "instances", "web.1", "node", "");
	kit_register(kit, NODE_B, 1000);
	kit_run(kit, 1000);
	assert_value(kit, "instances", "web.1", "node", "host-b");
	assert_int_equal(kit_scale(kit, "web", 1), 0);
	assert_int_equal(kit_cordon(kit, NODE_B, true), 0);
	assert_int_equal(kit_scale(kit, "web", 2), 0);
	assert_int_equal(kit_cordon(kit, NODE_A, false), 0);
	assert_value(kit, "nodes", NODE_A, "is_cordoned", "false");
	kit_run(kit, 1000);
	assert_value(kit, "instances", "web.2", "node", "host-a");
	assert_int_equal(kit_cordon(kit, "nobody", true), -ENOENT);
}

static void a_pool_that_is_used_up(void **state)
{
	struct kit *kit = *state;

	kit_crash(kit);
	kit->config.namespace_pool = "10.18.0.0-10.18.0.127";
	kit_boot(kit);
	kit_register(kit, NODE_A, 1000);
	kit_say(kit, NODE_A, "net/subnet", "{}");
	kit_run(kit, 500);
	kit_register(kit, NODE_B, 1000);
	assert_int_equal(kit_count(kit, NODE_B, "control/accept"), 0);
	assert_int_equal(kit_n(kit, "nodes"), 1);
	/* The first still is what it was. */
	assert_string_equal(subnet(kit, NODE_A, 1), "10.18.0.64/26");
}

static void nonsense_is_ignored(void **state)
{
	struct kit *kit = *state;

	kit_say(kit, NODE_A, "register", "");
	kit_say(kit, NODE_A, "register", "[]");
	kit_say(kit, NODE_A, "register", "{\"id\":\"" NODE_B "\",\"host\":\"b\"}");
	kit_say(kit, NODE_A, "register", "{\"host\":7}");
	kit_say(kit, "not-an-id", "register", "{\"host\":\"x\"}");
	kit_say(kit, NODE_A, "jobs/resources", "{}");
	kit_say(kit, NODE_A, "net/subnet", "{}");
	kit_say(kit, NODE_A, "job", "{\"instance_id\":\"" NODE_B "\",\"status\":\"RUNNING\"}");
	kit_run(kit, 1000);
	assert_int_equal(kit_n(kit, "nodes"), 0);
	assert_int_equal(kit->n_messages, 0);
	kit_register(kit, NODE_A, 1000);
	kit_say(kit, NODE_A, "job", "{\"instance_id\":\"x\",\"status\":\"SLEEPING\"}");
	kit_say(kit, NODE_A, "jobs/resources", "{\"services\":7}");
	kit_run(kit, 1000);
	assert_value(kit, "nodes", NODE_A, "is_alive", "true");
}

static void only_its_node_speaks_for_an_instance(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	kit_register(kit, NODE_B, 1000);
	auto_free char *id = kit_value(kit, "instances", "web.0", "id");
	kit_report(kit, NODE_B, id, STATE_RUNNING, "");
	assert_value(kit, "instances", "web.0", "state", "NODE_SCHEDULED");
	kit_report(kit, NODE_A, id, STATE_RUNNING, "");
	assert_value(kit, "instances", "web.0", "state", "RUNNING");
	/* Nor is one removed that nobody wished away. */
	kit_report(kit, NODE_A, id, STATE_UNDEPLOYED, "removed");
	assert_int_equal(kit_n(kit, "instances"), 1);
}

static const struct json *backend(const struct kit *kit, const char *node_id)
{
	const struct json *table = kit_last(kit, node_id, "net/table");
	const struct json *service = json_at(json_get(table, "services"), 0);

	return json_at(json_get(service, "instance_list"), 0);
}

static void the_table_follows_the_facts(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	kit_register(kit, NODE_B, 1000);
	assert_false(json_bool(json_get(backend(kit, NODE_B), "is_ready"), true));
	auto_free char *id = kit_value(kit, "instances", "web.0", "id");
	kit_report(kit, NODE_A, id, STATE_RUNNING, "");
	const struct json *b = backend(kit, NODE_B);
	assert_true(json_bool(json_get(b, "is_ready"), false));
	assert_string_equal(json_get_str(b, "instance_id"), id);
	assert_string_equal(json_get_str(b, "worker_id"), NODE_A);
	assert_string_equal(json_get_str(b, "namespace_ip"), "10.18.0.2");
	assert_string_equal(json_get_str(b, "instance_ip"), "10.30.0.2");
	kit_forget(kit);
	kit_report(kit, NODE_A, id, STATE_RUNNING, "still");
	assert_int_equal(kit_count(kit, NODE_B, "net/table"), 0);
	kit_report(kit, NODE_A, id, STATE_DEAD, "exit code 1");
	assert_false(json_bool(json_get(backend(kit, NODE_B), "is_ready"), true));
	assert_int_equal(kit_delete(kit, "a"), 0);
	assert_int_equal(json_count(json_get(kit_last(kit, NODE_B, "net/table"), "services")), 0);
}

/* However many report at a time: what is told is about all services. */
static void many_reports_make_few_tables(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"replicas\":20")));
	kit_run(kit, 1000);
	kit_forget(kit);
	auto_(json_free) struct json *list = kit_list(kit, "instances");
	assert_int_equal(json_count(list), 20);
	for (size_t i = 0; i < json_count(list); i++) {
		struct instance_status status = { .state = STATE_RUNNING, .is_ready = true };

		STR_COPY(status.instance_id, json_get_str(json_at(list, i), "id"));
		STR_COPY(status.namespace_ip, "10.18.0.2");
		auto_free char *report = fields_format(&instance_status_table, &status);
		kit_say(kit, NODE_A, "job", report);
	}
	kit_run(kit, 1000);
	assert_int_equal(kit_count(kit, NODE_A, "net/table"), 2);
	const struct json *services = json_get(kit_last(kit, NODE_A, "net/table"), "services");
	const struct json *backends = json_get(json_at(services, 0), "instance_list");
	assert_int_equal(json_count(backends), 20);
	for (size_t i = 0; i < json_count(backends); i++)
		assert_string_not_equal(json_get_str(json_at(backends, i), "namespace_ip"), "");
}

static void a_silent_node_is_dead_until_it_speaks(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	strv_fini(&kit->beating);
	kit_run(kit, 15000);
	assert_value(kit, "nodes", NODE_A, "is_alive", "true");
	kit_run(kit, 15000);
	assert_value(kit, "nodes", NODE_A, "is_alive", "false");
	kit_must_apply(kit, APP("b", SERVICE("late", "")));
	assert_value(kit, "instances", "late.0", "state", "NO_WORKER_CAPACITY");
	kit_forget(kit);
	strv_add(&kit->beating, NODE_A);
	kit_run(kit, 6000);
	assert_value(kit, "nodes", NODE_A, "is_alive", "true");
	/* What it may have missed, and what waited for it. */
	assert_int_equal(
		json_count(json_get(kit_last(kit, NODE_A, "control/sync"), "instance_list")), 1);
	assert_non_null(kit_last(kit, NODE_A, "net/table"));
	assert_value(kit, "instances", "late.0", "state", "NODE_SCHEDULED");
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 1);
}

static void messages_carry_the_revision_of_the_wish(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	int64_t revision = json_get_int(kit_last(kit, NODE_A, "control/sync"), "revision", 0);
	assert_true(revision > 0);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	assert_int_equal(json_get_int(kit_last(kit, NODE_A, "control/deploy"), "revision", 0),
			 revision + 1);
	assert_int_equal(kit_delete(kit, "a"), 0);
	assert_int_equal(json_get_int(kit_last(kit, NODE_A, "control/delete"), "revision", 0),
			 revision + 2);
	kit_register(kit, NODE_A, 1000);
	const struct json *sync = kit_last(kit, NODE_A, "control/sync");
	assert_int_equal(json_get_int(sync, "revision", 0), revision + 2);
	assert_int_equal(json_count(json_get(sync, "instance_list")), 0);
}

static void a_node_that_forgot_a_removal_is_asked_again(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	auto_free char *id = kit_value(kit, "instances", "web.0", "id");
	assert_int_equal(kit_delete(kit, "a"), 0);
	kit_forget(kit);
	kit_register(kit, NODE_A, 1000);
	assert_string_equal(json_get_str(kit_last(kit, NODE_A, "control/delete"), "instance_id"),
			    id);
	kit_report(kit, NODE_A, id, STATE_UNDEPLOYED, "removed");
	assert_int_equal(kit_n(kit, "instances"), 0);
}

static void statistics_of_a_long_life(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	auto_free char *id = kit_value(kit, "instances", "web.0", "id");
	/* Half a year of eight cores, in nanoseconds: beyond what a double holds. */
	auto_free char *payload =
		xasprintf("{\"services\":[{\"instance_id\":\"%s\",\"memory_bytes\":104857600,"
			  "\"cpu_ns\":126144000000000000}],\"used\":{\"memory_mib\":500}}",
			  id);
	struct instance_status status = { .state = STATE_RUNNING, .pid = 7 };
	STR_COPY(status.instance_id, id);
	auto_free char *running = fields_format(&instance_status_table, &status);
	kit_say(kit, NODE_A, "job", running);
	kit_say(kit, NODE_A, "jobs/resources", payload);
	kit_run(kit, 500);
	assert_value(kit, "instances", "web.0", "memory_mib", "100.0");
}

#define WITH_VOLUME ",\"volumes\":[{\"volume_id\":\"data\",\"mount_path\":\"/d\"}]"

/* The first instance decides, whatever the nodes have told by then; others would spread. */
static void a_named_volume_keeps_its_service_on_one_node(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_register(kit, NODE_B, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"replicas\":4")));
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 2);
	assert_int_equal(kit_count(kit, NODE_B, "control/deploy"), 2);
	kit_forget(kit);
	kit_must_apply(kit, APP("b", SERVICE("web", WITH_VOLUME ",\"replicas\":4")));
	size_t on_a = kit_count(kit, NODE_A, "control/deploy");
	assert_true(on_a == 0 || on_a == 4);
	kit_forget(kit);
	kit_must_apply(kit, APP("c", SERVICE("other", WITH_VOLUME)));
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), on_a ? 1 : 0);
}

/* A node that promises more than it has, and other things less. */
static void a_node_is_promised_what_it_offers(void **state)
{
	struct kit *kit = *state;

	kit_say(kit, NODE_A, "register",
		"{\"id\":\"" NODE_A "\",\"host\":\"host-a\",\"architecture\":\"amd64\","
		"\"vcpus\":2,\"memory_mib\":1000,\"pids\":100,\"disk_mib\":500,"
		"\"offer\":{\"memory_mib\":1500,\"cpu_millis\":3000,\"pids\":50,\"disk_mib\":400},"
		"\"virtualization\":[\"docker\"]}");
	strv_add(&kit->beating, NODE_A);
	kit_run(kit, 500);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"memory\":700,\"replicas\":3")));
	assert_value(kit, "instances", "web.1", "state", "NODE_SCHEDULED");
	assert_value(kit, "instances", "web.2", "reason",
		     "no node fits: host-a: needs 700 MiB, 100 free");
	kit_must_apply(kit, APP("b", SERVICE("cpu", ",\"vcpus\":2,\"replicas\":2")));
	assert_value(kit, "instances", "cpu.1", "reason",
		     "no node fits: host-a: needs 2000 millicores, 1000 of 3000 free");
	kit_must_apply(kit, APP("c", SERVICE("pid", ",\"pids\":30,\"replicas\":2")));
	assert_value(kit, "instances", "pid.1", "reason",
		     "no node fits: host-a: needs 30 processes, 20 of 50 free");
	kit_apply(kit, APP("d", SERVICE("disk", ",\"storage\":401")));
	assert_err(kit, -ENOSPC, "needs 401 MiB of disk, 400 of 400 free");
	kit_must_apply(kit, APP("d", SERVICE("disk", ",\"storage\":400")));
	assert_value(kit, "nodes", NODE_A, "promised",
		     "{\"memory_mib\":1400,\"cpu_millis\":2000,\"pids\":30,\"disk_mib\":400}");
	assert_value(kit, "nodes", NODE_A, "capacity",
		     "{\"memory_mib\":1000,\"cpu_millis\":2000,\"pids\":100,\"disk_mib\":500}");
	struct err err;
	auto_free char *view = server_view_node(kit->server, "host-a", &err);
	assert_non_null(strstr(view, "\"offer\":{\"memory_mib\":1500,"));
	assert_null(server_view_node(kit->server, "host-z", &err));
	assert_int_equal(err.code, -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(a_node_is_accepted_with_a_block_and_its_wish),
		KIT_TEST(two_nodes_have_different_blocks),
		KIT_TEST(a_cordoned_node_gets_nothing_new),
		KIT_TEST(a_pool_that_is_used_up),
		KIT_TEST(nonsense_is_ignored),
		KIT_TEST(only_its_node_speaks_for_an_instance),
		KIT_TEST(the_table_follows_the_facts),
		KIT_TEST(many_reports_make_few_tables),
		KIT_TEST(a_silent_node_is_dead_until_it_speaks),
		KIT_TEST(messages_carry_the_revision_of_the_wish),
		KIT_TEST(a_node_that_forgot_a_removal_is_asked_again),
		KIT_TEST(statistics_of_a_long_life),
		KIT_TEST(a_node_is_promised_what_it_offers),
		KIT_TEST(a_named_volume_keeps_its_service_on_one_node),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/nodes", tests, NULL, NULL);
}
