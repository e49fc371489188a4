/* What belongs to what, as objects come and go and after a server that starts again on what is on disk:
 * seen by the numbers that applications and services show of theirs. */
#include "kit.h"

#define TWO                                                                         \
	SLA(APPLICATION("a", SERVICE("web", ",\"replicas\":2") "," SERVICE(         \
				     "db", "")) "," APPLICATION("b", SERVICE("web", \
									     ",\"replicas\":3")))

static void check(struct kit *kit, int64_t a_services, int64_t a_instances, int64_t b_instances)
{
	assert_int_equal(kit_number(kit, "apps", "a.t", "services"), a_services);
	assert_int_equal(kit_number(kit, "apps", "a.t", "instances"), a_instances);
	assert_int_equal(kit_number(kit, "apps", "b.t", "services"), 1);
	assert_int_equal(kit_number(kit, "apps", "b.t", "instances"), b_instances);
	assert_int_equal(kit_number(kit, "services", "b.t.web.t", "replicas"), b_instances);
}

static void restart(struct kit *kit)
{
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 500);
}

static void what_is_made_belongs_to_its_own(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, TWO);
	check(kit, 2, 3, 3);
	assert_int_equal(kit_number(kit, "services", "a.t.web.t", "replicas"), 2);
	assert_int_equal(kit_number(kit, "services", "a.t.db.t", "replicas"), 1);
}

static void it_is_the_same_after_a_load(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, TWO);
	restart(kit);
	check(kit, 2, 3, 3);
	assert_int_equal(kit_number(kit, "services", "a.t.web.t", "replicas"), 2);
	/* And goes on from there. */
	assert_int_equal(kit_scale(kit, "b.t.web.t", 4), 0);
	assert_int_equal(kit_scale(kit, "a.t.db.t", 2), 0);
	check(kit, 2, 4, 4);
	restart(kit);
	check(kit, 2, 4, 4);
}

static void what_a_node_is_told_is_the_same_after_a_load(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, TWO);
	restart(kit);
	kit_forget(kit);
	kit_register(kit, NODE_A, 1000);
	const struct json *services = json_get(kit_last(kit, NODE_A, "net/table"), "services");
	size_t n = 0;
	assert_int_equal(json_count(services), 3);
	for (size_t i = 0; i < json_count(services); i++)
		n += json_count(json_get(json_at(services, i), "instance_list"));
	assert_int_equal(n, 6);
}

static void what_goes_belongs_to_nobody(void **state)
{
	struct kit *kit = *state;

	kit_must_apply(kit, TWO);
	kit_must_apply(kit, APP("a", SERVICE("db", "")));
	check(kit, 1, 1, 3);
	restart(kit);
	check(kit, 1, 1, 3);
	assert_int_equal(kit_delete(kit, "a"), 0);
	assert_int_equal(kit_n(kit, "apps"), 1);
	assert_int_equal(kit_n(kit, "services"), 1);
	assert_int_equal(kit_number(kit, "apps", "b.t", "instances"), 3);
	restart(kit);
	assert_int_equal(kit_number(kit, "apps", "b.t", "instances"), 3);
}

static void on_scaled(void *arg, const struct plan_view *plan, const struct err *err)
{
	(void)plan;
	*(bool *)arg = !err->code;
}

/* In one commit, and what comes is looked at first. */
static void one_comes_while_another_goes(void **state)
{
	struct kit *kit = *state;
	struct instance_status gone = { .state = STATE_UNDEPLOYED };
	bool is_scaled = false;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("b", SERVICE("web", ",\"replicas\":3")));
	auto_free char *id = kit_value(kit, "instances", "web.2", "id");
	assert_int_equal(kit_scale(kit, "b.t.web.t", 2), 0);
	STR_COPY(gone.instance_id, id);
	STR_COPY(gone.detail, "removed");
	auto_free char *payload = fields_format(&instance_status_table, &gone);
	kit_say(kit, NODE_A, "job", payload);
	server_scale_begin(kit->server, "b.t.web.t", 3, on_scaled, &is_scaled);
	kit_run(kit, 500);
	assert_true(is_scaled);
	assert_int_equal(kit_number(kit, "apps", "b.t", "instances"), 3);
	auto_free char *other = kit_value(kit, "instances", "web.3", "id");
	assert_string_not_equal(other, id);
	restart(kit);
	assert_int_equal(kit_number(kit, "apps", "b.t", "instances"), 3);
}

static void what_could_not_be_committed_belongs_to_nobody(void **state)
{
	struct kit *kit = *state;

	kit_must_apply(kit, TWO);
	store_mem_fail(kit->disk, 1);
	assert_int_equal(kit_scale(kit, "b.t.web.t", 5), -ENOSPC);
	check(kit, 2, 3, 3);
	store_mem_fail(kit->disk, 1);
	assert_int_equal(kit_delete(kit, "a"), -ENOSPC);
	check(kit, 2, 3, 3);
	assert_int_equal(kit_scale(kit, "b.t.web.t", 5), 0);
	check(kit, 2, 3, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(what_is_made_belongs_to_its_own),
		KIT_TEST(it_is_the_same_after_a_load),
		KIT_TEST(what_a_node_is_told_is_the_same_after_a_load),
		KIT_TEST(what_goes_belongs_to_nobody),
		KIT_TEST(one_comes_while_another_goes),
		KIT_TEST(what_could_not_be_committed_belongs_to_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
