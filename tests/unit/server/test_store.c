/* Commits that fail, and servers that start again on what is on disk. */
#include "kit.h"

#define ONE APP("a", SERVICE("web", ",\"memory\":100"))

static void a_failed_commit_changes_nothing(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	uint64_t revision = server_revision(kit->server);
	kit_forget(kit);
	store_mem_fail(kit->disk, 1);
	kit_apply(kit, ONE);
	assert_err(kit, -ENOSPC, "no space left");
	assert_int_equal(kit_n(kit, "apps") + kit_n(kit, "services") + kit_n(kit, "instances"), 0);
	assert_int_equal(server_revision(kit->server), revision);
	assert_int_equal(kit->n_messages, 0);
	kit_must_apply(kit, ONE);
	assert_value(kit, "instances", "web.0", "instance_address", "10.30.0.2");
	store_mem_fail(kit->disk, 1);
	kit_apply(kit, APP("a", SERVICE("web", ",\"memory\":200")));
	assert_err(kit, -ENOSPC, "no space left");
	assert_value(kit, "services", "a.t.web.t", "generation", "1");
	store_mem_fail(kit->disk, 1);
	assert_int_equal(kit_delete(kit, "a"), -ENOSPC);
	assert_value(kit, "instances", "web.0", "is_removed", "false");
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"memory\":200")));
	assert_value(kit, "services", "a.t.web.t", "generation", "2");
	assert_int_equal(kit_delete(kit, "a"), 0);
}

struct answers {
	int codes[3];
	size_t n;
};

static void on_answer(void *arg, const struct plan_view *plan, const struct err *err)
{
	struct answers *a = arg;

	a->codes[a->n++] = err->code;
}

static void begin(struct kit *kit, const char *descriptor, struct answers *answers)
{
	struct sla sla = { 0 };
	struct err err = { 0 };

	assert_int_equal(sla_parse(descriptor, strlen(descriptor), &sla, NULL, &err), 0);
	const struct server_apply request = { .take_sla = &sla };
	server_apply_begin(kit->server, &request, on_answer, answers);
}

static void requests_of_one_commit_fail_alone_or_together(void **state)
{
	struct kit *kit = *state;
	struct answers answers = { 0 };

	kit_register(kit, NODE_A, 1000);
	/* The second is refused, and the third sees what the first has done. */
	begin(kit, APP("a", SERVICE("web", ",\"port\":\"80:80\"")), &answers);
	begin(kit, APP("b", SERVICE("ok", "") "," SERVICE("web", ",\"port\":\"80:80\"")), &answers);
	begin(kit, APP("a", SERVICE("web", ",\"port\":\"80:80\",\"replicas\":2")), &answers);
	assert_int_equal(answers.n, 0);
	kit_run(kit, 500);
	assert_int_equal(answers.n, 3);
	assert_int_equal(answers.codes[0], -EEXIST); /* refusals need no commit */
	assert_int_equal(answers.codes[1], 0);
	assert_int_equal(answers.codes[2], 0);
	assert_int_equal(kit_n(kit, "services"), 1);
	assert_int_equal(kit_n(kit, "instances"), 2);
	answers.n = 0;
	store_mem_fail(kit->disk, 1);
	begin(kit, APP("c", SERVICE("x", "")), &answers);
	begin(kit, APP("d", SERVICE("x", "")), &answers);
	kit_run(kit, 500);
	assert_int_equal(answers.n, 2);
	assert_int_equal(answers.codes[0], -ENOSPC);
	assert_int_equal(answers.codes[1], -ENOSPC);
	assert_int_equal(kit_n(kit, "apps"), 1);
}

static void a_server_that_goes_answers_nobody(void **state)
{
	struct kit *kit = *state;
	struct answers answers = { 0 };

	begin(kit, ONE, &answers);
	begin(kit, APP("b", SERVICE("x", "")), &answers);
	server_delete_app_begin(kit->server, "b", on_answer, &answers);
	for (int i = 0; i < 3; i++)
		loop_sim_step(kit->loop);
	kit_crash(kit);
	assert_int_equal(answers.n, 0);
}

static void a_removal_that_could_not_be_noted_is_noted_later(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, ONE);
	auto_free char *id = kit_value(kit, "instances", "web.0", "id");
	assert_int_equal(kit_delete(kit, "a"), 0);
	store_mem_fail(kit->disk, 2);
	kit_report(kit, NODE_A, id, STATE_UNDEPLOYED, "removed");
	assert_int_equal(kit_n(kit, "instances"), 1);
	kit_run(kit, 20000);
	assert_int_equal(kit_n(kit, "instances"), 0);
}

static void a_placement_that_could_not_be_noted_is_made_later(void **state)
{
	struct kit *kit = *state;

	kit_must_apply(kit, ONE);
	assert_value(kit, "instances", "web.0", "state", "NO_WORKER_CAPACITY");
	kit_register(kit, NODE_A, 50); /* too small */
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 0);
	kit_say(kit, NODE_B, "register",
		"{\"id\":\"" NODE_B "\",\"host\":\"b\",\"architecture\":\"amd64\",\"vcpus\":1,"
		"\"memory_mib\":1000,\"virtualization\":[\"docker\"]}");
	strv_add(&kit->beating, NODE_B);
	while (kit_n(kit, "nodes") < 2)
		assert_true(loop_sim_step(kit->loop));
	store_mem_fail(kit->disk, 1);
	kit_run(kit, 1000);
	assert_int_equal(kit_count(kit, NODE_B, "control/deploy"), 0);
	kit_run(kit, 10000);
	assert_int_equal(kit_count(kit, NODE_B, "control/deploy"), 1);
	assert_value(kit, "instances", "web.0", "state", "NODE_SCHEDULED");
}

static void a_registration_that_could_not_be_noted(void **state)
{
	struct kit *kit = *state;

	store_mem_fail(kit->disk, 1);
	kit_register(kit, NODE_A, 1000);
	assert_int_equal(kit_n(kit, "nodes"), 0);
	assert_int_equal(kit_count(kit, NODE_A, "control/accept"), 0);
	kit_run(kit, 10000); /* it beats, but is nobody yet */
	assert_int_equal(kit_n(kit, "nodes"), 0);
	kit_register(kit, NODE_A, 1000);
	assert_int_equal(kit_count(kit, NODE_A, "control/accept"), 1);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What of a view is not a fact that a node reports. */
static char *row_of(const struct json *view, bool is_instance)
{
	static const char *const members[] = { "id",
					       "name",
					       "service",
					       "app",
					       "number",
					       "code",
					       "created_at",
					       "memory_limit_mib",
					       "service_address",
					       "instance_address",
					       "is_removed",
					       "subnets",
					       "hostname",
					       "node",
					       "generation" };
	auto_buf struct buf row;

	buf_init(&row, 1 << 16);
	for (size_t m = 0; m < ARRAY_LEN(members) - is_instance; m++) {
		const struct json *value = json_get(view, members[m]);
		auto_free char *text = value ? json_format(value) : xstrdup("-");

		buf_addf(&row, "%s ", text);
	}
	return buf_take(&row);
}

/* All objects, in any order. */
static char *stored(struct kit *kit)
{
	static const char *const lists[] = { "apps", "services", "instances", "nodes" };
	auto_strv struct strv rows = { 0 };

	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		auto_(json_free) struct json *list = kit_list(kit, lists[l]);

		for (size_t i = 0; i < json_count(list); i++)
			strv_take(&rows, row_of(json_at(list, i), l == 2));
	}
	qsort(rows.items, rows.n, sizeof(char *), compare);
	return strv_join(&rows, "\n");
}

static void a_restart_loses_nothing(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(
		kit,
		SLA(APPLICATION(
			"a",
			SERVICE("web",
				",\"memory\":100,\"replicas\":3,\"port\":"
				"\"80:80\"") "," SERVICE("db",
							 "")) "," APPLICATION("b",
									      SERVICE("web",
										      ",\"cmd\":[\"a b\",\"\\\"c\\\"\"]"))));
	kit_must_apply(kit, APP("b", SERVICE("web", ",\"cmd\":[\"x\"]")));
	assert_int_equal(kit_scale(kit, "a.t.web.t", 2), 0);
	auto_free char *before = stored(kit);
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 100);
	auto_free char *after = stored(kit);
	assert_string_equal(before, after);
	kit_must_apply(kit, APP("b", SERVICE("web", ",\"cmd\":[\"x\"]")));
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "unchanged service b.t.web.t");
	/* Numbers go on from where they were. */
	assert_int_equal(kit_scale(kit, "a.t.web.t", 3), 0);
	assert_value(kit, "instances", "web.3", "number", "3");
}

static void a_known_node_is_welcome_after_a_restart(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, ONE);
	int64_t revision = json_get_int(kit_last(kit, NODE_A, "control/deploy"), "revision", 0);
	strv_fini(&kit->beating);
	kit_crash(kit);
	kit_boot(kit);
	kit_must_apply(kit, APP("b", SERVICE("late", "")));
	assert_value(kit, "instances", "late.0", "state", "NO_WORKER_CAPACITY");
	kit_forget(kit);
	/* It does not know of the restart and only goes on beating. */
	strv_add(&kit->beating, NODE_A);
	kit_run(kit, 6000);
	const struct json *sync = kit_last(kit, NODE_A, "control/sync");
	assert_int_equal(json_count(json_get(sync, "instance_list")), 1);
	assert_true(json_get_int(sync, "revision", 0) > revision);
	assert_value(kit, "instances", "late.0", "state", "NODE_SCHEDULED");
	/* And where it registers with what is known already, too. */
	kit_crash(kit);
	kit_boot(kit);
	kit_must_apply(kit, APP("c", SERVICE("later", "")));
	kit_register(kit, NODE_A, 1000);
	assert_value(kit, "instances", "later.0", "state", "NODE_SCHEDULED");
}

static int refuse(void *state, store_load_fn fn, void *arg, struct err *err)
{
	return fn(arg, "revision", "server", "many", err);
}

static int refuse_service(void *state, store_load_fn fn, void *arg, struct err *err)
{
	return fn(arg, "service", "0123", "{\"id\":7}", err);
}

static void damaged_documents_are_named(void **state)
{
	struct kit *kit = *state;
	struct store_driver driver = store_mem;
	struct err err = { 0 };

	kit_crash(kit);
	kit->loop = loop_sim_new(1);
	kit->bus = bus_local_new(kit->loop);
	kit->config.loop = kit->loop;
	kit->config.bus = kit->bus;
	kit->config.store = &driver;
	driver.load = refuse;
	assert_null(server_new(&kit->config, &err));
	assert_string_equal(err.msg,
			    "load the server's state: revision: expected a number, got many");
	driver.load = refuse_service;
	assert_null(server_new(&kit->config, &err));
	assert_non_null(strstr(err.msg, "load the server's state: service 0123: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(a_failed_commit_changes_nothing),
		KIT_TEST(requests_of_one_commit_fail_alone_or_together),
		KIT_TEST(a_server_that_goes_answers_nobody),
		KIT_TEST(a_removal_that_could_not_be_noted_is_noted_later),
		KIT_TEST(a_placement_that_could_not_be_noted_is_made_later),
		KIT_TEST(a_registration_that_could_not_be_noted),
		KIT_TEST(a_restart_loses_nothing),
		KIT_TEST(a_known_node_is_welcome_after_a_restart),
		KIT_TEST(damaged_documents_are_named),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/store", tests, NULL, NULL);
}
