/* What instances use, as nodes tell it. */
#include "kit.h"
#include "model/stats_view.h"

/* The only view there is; -1: there is none. */
static int read_one(struct kit *kit, struct stats_view *ret)
{
	auto_free char *text = server_list_stats(kit->server, NULL);
	auto_(json_free) struct json *json = NULL;
	struct err err;

	*ret = (struct stats_view){ 0 };
	assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
	if (!json_count(json))
		return -1;
	assert_int_equal(fields_parse(&stats_view_table, json_at(json, 0), ret, FIELD_UNKNOWN_ERROR,
				      &err),
			 0);
	return 0;
}

static void measure(struct kit *kit, const char *id, const char *values)
{
	auto_free char *text = xasprintf("{\"services\":[{\"instance_id\":\"%s\",%s}]}", id,
					 values);

	kit_say(kit, NODE_A, "jobs/resources", text);
	kit_run(kit, 10);
}

static char *deploy(struct kit *kit)
{
	struct instance_status status = { .state = STATE_RUNNING, .pid = 77, .generation = 1 };

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", "")));
	char *id = kit_value(kit, "instances", "web.0", "id");
	STR_COPY(status.instance_id, id);
	auto_free char *text = fields_format(&instance_status_table, &status);
	kit_say(kit, NODE_A, "job", text);
	kit_run(kit, 10);
	return id;
}

static void what_was_measured(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = deploy(kit);
	struct stats_view view;

	assert_int_equal(read_one(kit, &view), -1);
	measure(kit, id,
		"\"memory_bytes\":3145728,\"memory_limit_bytes\":67108864,\"cpu_ns\":1000000000,"
		"\"read_bytes\":1048576,\"written_bytes\":0,\"net_in_bytes\":2097152,"
		"\"net_out_bytes\":524288,\"pids\":5,\"measured_ms\":10000");
	assert_int_equal(read_one(kit, &view), 0);
	assert_false(view.has_cpu); /* one value makes no rate */
	assert_true(view.memory_mib == 3 && view.memory_limit_mib == 64 && view.has_limit);
	assert_true(view.has_io && view.read_mib == 1 && view.written_mib == 0);
	assert_true(view.has_net && view.net_in_mib == 2 && view.net_out_mib == 0.5);
	assert_int_equal(view.pids, 5);
	assert_string_equal(view.service, "web.t");
	fields_fini(&stats_view_table, &view);
	measure(kit, id, "\"memory_bytes\":1048576,\"cpu_ns\":3500000000,\"measured_ms\":15000");
	assert_int_equal(read_one(kit, &view), 0);
	assert_true(view.has_cpu && view.cpu_cores == 0.5);
	assert_false(view.has_io || view.has_net || view.has_limit || view.has_pids);
	fields_fini(&stats_view_table, &view);
}

static void counters_that_begin_anew(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = deploy(kit);
	struct stats_view view;

	measure(kit, id, "\"memory_bytes\":1,\"cpu_ns\":9000000000,\"measured_ms\":10000");
	measure(kit, id, "\"memory_bytes\":1,\"cpu_ns\":1000000,\"measured_ms\":15000");
	assert_int_equal(read_one(kit, &view), 0);
	assert_false(view.has_cpu);
	fields_fini(&stats_view_table, &view);
	/* The node was started again, and its clock with it. */
	measure(kit, id, "\"memory_bytes\":1,\"cpu_ns\":2000000,\"measured_ms\":500");
	assert_int_equal(read_one(kit, &view), 0);
	assert_false(view.has_cpu);
	fields_fini(&stats_view_table, &view);
}

static void by_name(void **state)
{
	static const char *const names[] = { "web",     "web.0",     "web.t",
					     "web.t.0", "a.t.web.t", "a.t.web.t.0" };
	static const char *const others[] = { "we", "web.1", "web.t.1", "t", "a.t", "" };
	struct kit *kit = *state;
	auto_free char *id = deploy(kit);

	measure(kit, id, "\"memory_bytes\":1,\"measured_ms\":10000");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *text = server_list_stats(kit->server, names[i]);

		assert_non_null(strstr(text, id));
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		auto_free char *text = server_list_stats(kit->server, others[i]);

		assert_string_equal(text, "[]");
	}
	id[4] = '\0';
	auto_free char *text = server_list_stats(kit->server, id);
	assert_non_null(strstr(text, id));
}

/* A node tells of what is on it. */
static void another_nodes_measurement_is_none(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = deploy(kit);
	auto_free char *text = xasprintf("{\"services\":[{\"instance_id\":\"%s\","
					 "\"memory_bytes\":1,\"measured_ms\":10000}]}",
					 id);
	struct stats_view view;

	kit_register(kit, NODE_B, 1000);
	kit_say(kit, NODE_B, "jobs/resources", text);
	kit_run(kit, 10);
	assert_int_equal(read_one(kit, &view), -1);
}

/* Its counters may have come farther by now than those of the run before. */
static void another_run_makes_no_rate(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = deploy(kit);
	struct stats_view view;

	measure(kit, id,
		"\"memory_bytes\":1,\"incarnation\":1,\"cpu_ns\":1000000000,\"measured_ms\":10000");
	measure(kit, id,
		"\"memory_bytes\":1,\"incarnation\":2,\"cpu_ns\":4000000000,\"measured_ms\":15000");
	assert_int_equal(read_one(kit, &view), 0);
	assert_false(view.has_cpu);
	fields_fini(&stats_view_table, &view);
	measure(kit, id,
		"\"memory_bytes\":1,\"incarnation\":2,\"cpu_ns\":5000000000,\"measured_ms\":20000");
	assert_int_equal(read_one(kit, &view), 0);
	assert_true(view.has_cpu && view.cpu_cores == 0.2);
	fields_fini(&stats_view_table, &view);
}

static void what_a_silent_node_has_told_is_old(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = deploy(kit);
	struct stats_view view;

	measure(kit, id, "\"memory_bytes\":1,\"cpu_ns\":1,\"measured_ms\":10000");
	strv_fini(&kit->beating);
	kit_run(kit, 30000);
	assert_int_equal(read_one(kit, &view), -1);
	measure(kit, id, "\"memory_bytes\":1,\"cpu_ns\":2,\"measured_ms\":40000");
	assert_int_equal(read_one(kit, &view), 0);
	fields_fini(&stats_view_table, &view);
}

/* Its node is still at it. */
static void one_that_is_removed_is_not_shown(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = deploy(kit);
	struct stats_view view;

	measure(kit, id, "\"memory_bytes\":1,\"cpu_ns\":1,\"measured_ms\":10000");
	assert_int_equal(kit_delete(kit, "a"), 0);
	assert_int_equal(kit_n(kit, "instances"), 1);
	assert_int_equal(read_one(kit, &view), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(what_was_measured),
		KIT_TEST(by_name),
		KIT_TEST(counters_that_begin_anew),
		KIT_TEST(another_run_makes_no_rate),
		KIT_TEST(another_nodes_measurement_is_none),
		KIT_TEST(what_a_silent_node_has_told_is_old),
		KIT_TEST(one_that_is_removed_is_not_shown),
	};

	return cmocka_run_group_tests_name("server/stats", tests, NULL, NULL);
}
