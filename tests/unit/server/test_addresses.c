/* Service addresses, blocks of the nodes, ports of the host. */
#include "kit.h"

#define WANTS(ip) ",\"addresses\":{\"rr_ip\":\"" ip "\"}"

static void addresses_are_given_in_order(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"replicas\":2") "," SERVICE("db", "")));
	assert_value(kit, "services", "a.t.web.t", "service_address", "10.30.0.1");
	assert_value(kit, "instances", "web.0", "instance_address", "10.30.0.2");
	assert_value(kit, "instances", "web.1", "instance_address", "10.30.0.3");
	assert_value(kit, "services", "a.t.db.t", "service_address", "10.30.0.4");
	const struct json *deploy = kit_last(kit, NODE_A, "control/deploy");
	assert_string_equal(json_get_str(deploy, "RR_ip"), "10.30.0.4");
	assert_string_equal(json_get_str(deploy, "instance_ip"), "10.30.0.5");
}

static void a_wanted_address(void **state)
{
	struct kit *kit = *state;

	kit_must_apply(kit, APP("a", SERVICE("web", WANTS("10.30.7.7"))));
	assert_value(kit, "services", "a.t.web.t", "service_address", "10.30.7.7");
	kit_must_apply(kit, APP("a", SERVICE("web", WANTS("10.30.7.7"))));
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "unchanged service a.t.web.t");
	kit_must_apply(kit, APP("a", SERVICE("web", WANTS("10.30.7.8"))));
	assert_value(kit, "services", "a.t.web.t", "service_address", "10.30.7.8");
	/* Nothing asked for: it stays. */
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	assert_value(kit, "services", "a.t.web.t", "service_address", "10.30.7.8");
}

static void a_taken_address_is_refused_by_name(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", WANTS("10.30.7.7"))));
	kit_apply(kit, APP("b", SERVICE("web", WANTS("10.30.7.7"))));
	assert_err(kit, -EEXIST, "b.t.web.t: address 10.30.7.7: taken by a.t.web.t");
	/* Instances' addresses come from the same pool. */
	auto_free char *taken = kit_value(kit, "instances", "web.0", "instance_address");
	assert_string_equal(taken, "10.30.0.1");
	kit_apply(kit, APP("b", SERVICE("web", WANTS("10.30.0.1"))));
	assert_err(kit, -EEXIST, "taken by a.t.web.t");
	assert_int_equal(kit_n(kit, "services"), 1);
}

static void an_address_moves_in_one_step(void **state)
{
	struct kit *kit = *state;

	kit_must_apply(kit, APP("a", SERVICE("old", WANTS("10.30.7.7"))));
	kit_must_apply(kit, APP("a", SERVICE("new", WANTS("10.30.7.7"))));
	assert_value(kit, "services", "a.t.new.t", "service_address", "10.30.7.7");
}

static void a_small_pool(void **state)
{
	struct kit *kit = *state;

	kit_crash(kit);
	kit->config.service_pool = "10.30.0.0/29"; /* .1 to .6 */
	kit_boot(kit);
	kit_register(kit, NODE_A, 1000);
	kit_apply(kit, APP("a", SERVICE("web", WANTS("10.30.0.8"))));
	assert_err(kit, -EINVAL, "address 10.30.0.8: expected one of 10.30.0.0/29");
	kit_apply(kit, APP("a", SERVICE("web", WANTS("10.30.0.7"))));
	assert_err(kit, -EEXIST, "taken by the pool itself");
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"replicas\":5")));
	kit_apply(kit, APP("b", SERVICE("web", "")));
	assert_err(kit, -ENOSPC, "every address is taken");
	/* One more instance can still be reached by its service's address. */
	assert_int_equal(kit_scale(kit, "web", 6), 0);
	assert_value(kit, "instances", "web.5", "instance_address", "null");
	assert_value(kit, "instances", "web.5", "state", "NODE_SCHEDULED");
}

static void a_removed_instance_keeps_its_address_until_it_is_gone(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"memory\":100")));
	auto_free char *id = kit_value(kit, "instances", "web.0", "id");
	kit_report(kit, NODE_A, id, STATE_RUNNING, "");
	assert_int_equal(kit_delete(kit, "a.t"), 0);
	assert_value(kit, "instances", "web.0", "instance_address", "10.30.0.2");
	assert_int_equal(kit_number(kit, "nodes", NODE_A, "memory_promised_mib"), 100);
	kit_must_apply(kit, APP("b", SERVICE("web", "")));
	assert_value(kit, "services", "b.t.web.t", "service_address", "10.30.0.1");
	kit_report(kit, NODE_A, id, STATE_UNDEPLOYED, "stopping");
	kit_apply(kit, APP("c", SERVICE("web", WANTS("10.30.0.2"))));
	assert_err(kit, -EEXIST, "taken by a.t.web.t");
	kit_report(kit, NODE_A, id, STATE_UNDEPLOYED, "removed");
	kit_must_apply(kit, APP("c", SERVICE("web", WANTS("10.30.0.2"))));
	assert_int_equal(kit_number(kit, "nodes", NODE_A, "memory_promised_mib"), 0);
}

static void ports_of_the_host_are_taken_once(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"port\":\"8080:80;53:53/udp\"")));
	kit_apply(kit, APP("b", SERVICE("web", ",\"port\":\"9090:80;8080:81\"")));
	assert_err(kit, -EEXIST, "b.t.web.t: port 8080/tcp: taken by a.t.web.t");
	kit_apply(kit, APP("b", SERVICE("web", ",\"port\":\"53:53/udp\"")));
	assert_err(kit, -EEXIST, "port 53/udp: taken by a.t.web.t");
	/* The other protocol is another port; instances of one service share theirs. */
	kit_must_apply(kit, APP("b", SERVICE("web", ",\"port\":\"53:53/tcp;8080:80/udp\"")));
	assert_int_equal(kit_scale(kit, "a.t.web.t", 2), 0);
	/* Within one application, and over a change. */
	kit_apply(kit, APP("c", SERVICE("x", ",\"port\":\"7000:1\"") "," SERVICE(
					"y", ",\"port\":\"7000:1\"")));
	assert_err(kit, -EEXIST, "port 7000/tcp: taken by c.t.x.t");
	kit_apply(kit, APP("b", SERVICE("web", ",\"port\":\"8080:80\"")));
	assert_err(kit, -EEXIST, "port 8080/tcp: taken by a.t.web.t");
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	kit_must_apply(kit, APP("b", SERVICE("web", ",\"port\":\"8080:80\"")));
}

static void the_api_has_a_port_too(void **state)
{
	struct kit *kit = *state;

	kit_apply(kit, APP("a", SERVICE("web", ",\"port\":\"10000:80\"")));
	assert_err(kit, -EEXIST, "port 10000/tcp: taken by Holm's own API");
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"port\":\"10000:80/udp\"")));
}

static void ports_are_a_matter_of_placement_on_several_nodes(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_register(kit, NODE_B, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"port\":\"8080:80\"")));
	kit_must_apply(kit, APP("b", SERVICE("web", ",\"port\":\"8080:80\"")));
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 1);
	assert_int_equal(kit_count(kit, NODE_B, "control/deploy"), 1);
	kit_must_apply(kit, APP("c", SERVICE("other", ",\"port\":\"8080:80\"")));
	assert_value(kit, "instances", "other.0", "state", "NO_WORKER_CAPACITY");
	auto_free char *reason = kit_value(kit, "instances", "other.0", "reason");
	assert_non_null(strstr(reason, "8080"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(addresses_are_given_in_order),
		KIT_TEST(a_wanted_address),
		KIT_TEST(a_taken_address_is_refused_by_name),
		KIT_TEST(an_address_moves_in_one_step),
		KIT_TEST(a_small_pool),
		KIT_TEST(a_removed_instance_keeps_its_address_until_it_is_gone),
		KIT_TEST(ports_of_the_host_are_taken_once),
		KIT_TEST(the_api_has_a_port_too),
		KIT_TEST(ports_are_a_matter_of_placement_on_several_nodes),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/addresses", tests, NULL, NULL);
}
