/* What --wait makes of the news. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "cli/watch/follow.h"

#define ID_A "00000000000000000000000a"
#define ID_B "00000000000000000000000b"

static char full_name[] = "hybrid.demo.web.demo";
static struct follow follow;

/* Views own their strings; these are only read. */
static char *borrowed(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void begin(const char *action)
{
	char *names[] = { full_name, NULL };
	struct plan_item_view items[] = {
		{ .action = borrowed(action), .kind = borrowed("service"), .name = full_name }
	};
	struct plan_view plan = { .items = items, .n_items = 1 };

	if (!str_eq(action, "delete"))
		plan.services = (struct strv){ names, 1 };
	follow_init(&follow, &plan);
}

static struct instance_view view_of(const char *id, const char *state)
{
	struct instance_view v = { .app = borrowed("hybrid.demo"),
				   .service = borrowed("web.demo"),
				   .state = borrowed(state),
				   .reason = borrowed(""),
				   .wished_generation = 1 };

	STR_COPY(v.id, id);
	return v;
}

static void tell(const char *id, const char *state)
{
	struct instance_view v = view_of(id, state);

	if (str_eq(state, "RUNNING"))
		v.generation = 1;
	assert_non_null(follow_instance(&follow, &v));
}

static void service(uint32_t replicas)
{
	struct service_view v = { .name = full_name, .replicas = replicas };

	STR_COPY(v.id, ID_B);
	follow_service(&follow, &v);
}

static int finished(void **state)
{
	follow_fini(&follow);
	return 0;
}

static void expect(enum follow_verdict verdict)
{
	assert_int_equal(follow_verdict(&follow), verdict);
}

static void a_restart_is_done_when_it_runs_anew(void **state)
{
	struct plan_item_view items[] = {
		{ .action = borrowed("restart"),
		  .kind = borrowed("instance"),
		  .name = borrowed("hybrid.demo.web.demo.0") },
	};
	char *names[] = { full_name, NULL };
	struct plan_view plan = { .items = items, .n_items = 1, .services = { names, 1 } };
	struct instance_view v = view_of(ID_A, "RUNNING");

	follow_init(&follow, &plan);
	v.generation = 1;
	v.incarnation = 3;
	follow_before(&follow, &v);
	service(1);
	follow_instance(&follow, &v);
	expect(FOLLOW_PENDING);
	v.incarnation = 4;
	follow_instance(&follow, &v);
	expect(FOLLOW_GOOD);
}

static void a_pause_is_done_when_it_is_paused(void **state)
{
	struct instance_view v = view_of(ID_A, "RUNNING");

	begin("update");
	service(1);
	v.generation = 1;
	v.is_pause_wished = true;
	follow_instance(&follow, &v);
	expect(FOLLOW_PENDING);
	v.is_pause_failed = true;
	follow_instance(&follow, &v);
	expect(FOLLOW_FAILED);
	v.is_pause_failed = false;
	v.is_paused = true;
	follow_instance(&follow, &v);
	expect(FOLLOW_GOOD);
	/* It need not have become ready. */
	v.state = borrowed("CREATED");
	follow_instance(&follow, &v);
	expect(FOLLOW_GOOD);
	v.is_pause_wished = false;
	follow_instance(&follow, &v);
	expect(FOLLOW_PENDING);
	v.is_paused = false;
	follow_instance(&follow, &v);
	expect(FOLLOW_PENDING);
	v.state = borrowed("RUNNING");
	follow_instance(&follow, &v);
	expect(FOLLOW_GOOD);
}

static void of_several_only_the_restarted_one_counts(void **state)
{
	struct plan_item_view items[] = {
		{ .action = borrowed("restart"),
		  .kind = borrowed("instance"),
		  .name = borrowed("hybrid.demo.web.demo.0") },
	};
	char *names[] = { full_name, NULL };
	struct plan_view plan = { .items = items, .n_items = 1, .services = { names, 1 } };
	struct instance_view other = view_of(ID_B, "FAILED");
	struct instance_view v = view_of(ID_A, "RUNNING");

	follow_init(&follow, &plan);
	follow.is_narrow = true;
	other.number = 1;
	v.generation = 1;
	v.incarnation = 3;
	follow_before(&follow, &v);
	service(3);
	follow_instance(&follow, &other);
	follow_instance(&follow, &v);
	expect(FOLLOW_PENDING);
	v.incarnation = 4;
	follow_instance(&follow, &v);
	expect(FOLLOW_GOOD);
	v.state = borrowed("FAILED");
	follow_instance(&follow, &v);
	expect(FOLLOW_FAILED);
}

static void waits_for_every_instance(void **state)
{
	begin("create");
	service(2);
	expect(FOLLOW_PENDING);
	tell(ID_A, "RUNNING");
	expect(FOLLOW_PENDING);
	tell(ID_B, "CREATING");
	expect(FOLLOW_PENDING);
	tell(ID_B, "RUNNING");
	expect(FOLLOW_GOOD);
}

static void other_services_do_not_count(void **state)
{
	struct instance_view v = view_of(ID_B, "FAILED");

	v.service = borrowed("other.demo");
	begin("create");
	service(1);
	assert_null(follow_instance(&follow, &v));
	tell(ID_A, "COMPLETED");
	expect(FOLLOW_GOOD);
}

static void the_old_version_running_is_not_enough(void **state)
{
	struct instance_view v = view_of(ID_A, "RUNNING");

	begin("replace");
	service(1);
	v.generation = 1;
	v.wished_generation = 2;
	follow_instance(&follow, &v);
	expect(FOLLOW_PENDING);
	v.generation = 2;
	follow_instance(&follow, &v);
	expect(FOLLOW_GOOD);
}

static void a_failure_from_before_the_request_is_no_failure_of_it(void **state)
{
	struct instance_view v = view_of(ID_A, "FAILED");

	begin("replace");
	v.reason = borrowed("pull: not found (attempt 3)");
	follow_before(&follow, &v);
	service(1);
	v.wished_generation = 2;
	follow_instance(&follow, &v);
	expect(FOLLOW_PENDING);
	v.reason = borrowed("pull: not found (attempt 1)");
	follow_instance(&follow, &v);
	expect(FOLLOW_FAILED);
}

static void an_unchanged_one_shot_stays_done(void **state)
{
	struct instance_view v = view_of(ID_A, "COMPLETED");

	begin("unchanged");
	v.wished_generation = 2;
	follow_before(&follow, &v);
	service(1);
	follow_instance(&follow, &v);
	expect(FOLLOW_GOOD);
}

static void a_failed_one_may_recover_while_others_are_pending(void **state)
{
	begin("create");
	service(2);
	tell(ID_A, "FAILED");
	tell(ID_B, "CREATING");
	expect(FOLLOW_PENDING);
	tell(ID_A, "RUNNING");
	tell(ID_B, "RUNNING");
	expect(FOLLOW_GOOD);
	tell(ID_B, "FAILED");
	expect(FOLLOW_FAILED);
}

static void three_ends_are_a_failure(void **state)
{
	struct instance_view v = view_of(ID_A, "DEAD");

	begin("create");
	service(1);
	for (uint32_t i = 1; i <= FOLLOW_ENDS_MAX; i++) {
		expect(FOLLOW_PENDING);
		v.incarnation = i;
		follow_instance(&follow, &v);
		follow_instance(&follow, &v); /* told twice is one end */
	}
	expect(FOLLOW_FAILED);
}

static void what_was_started_again_is_told_apart(void **state)
{
	begin("create");
	service(1);
	tell(ID_A, "RUNNING");
	assert_false(follow_has_restarted(&follow));
	tell(ID_A, "DEAD");
	assert_false(follow_has_restarted(&follow));
	tell(ID_A, "RUNNING");
	expect(FOLLOW_GOOD);
	assert_true(follow_has_restarted(&follow));
	tell(ID_A, "COMPLETED");
	assert_false(follow_has_restarted(&follow));
}

static void no_capacity_waits_for_what_leaves(void **state)
{
	struct instance_view leaving = view_of(ID_B, "RUNNING");

	begin("create");
	service(1);
	leaving.is_removed = true;
	follow_instance(&follow, &leaving);
	tell(ID_A, "NO_WORKER_CAPACITY");
	expect(FOLLOW_PENDING);
	follow_instance_gone(&follow, ID_B);
	expect(FOLLOW_FAILED);
}

static void a_failed_update_counts(void **state)
{
	struct instance_view v = view_of(ID_A, "RUNNING");

	begin("replace");
	v.generation = 1;
	follow_before(&follow, &v);
	service(1);
	v.wished_generation = 2;
	v.is_update_failed = true;
	v.reason = borrowed("update failed: no such image");
	follow_instance(&follow, &v);
	expect(FOLLOW_FAILED);
}

static void deletion_waits_until_all_are_gone(void **state)
{
	struct instance_view v = view_of(ID_A, "RUNNING");

	begin("delete");
	follow_before(&follow, &v);
	follow_list_begin(&follow);
	v.is_removed = true;
	follow_instance(&follow, &v);
	follow_list_end(&follow);
	expect(FOLLOW_PENDING);
	v.state = borrowed("UNDEPLOYED");
	follow_instance(&follow, &v);
	expect(FOLLOW_PENDING);
	follow_list_begin(&follow);
	follow_list_end(&follow);
	expect(FOLLOW_GOOD);
}

static void a_service_that_vanishes_is_no_longer_awaited(void **state)
{
	begin("create");
	service(3);
	tell(ID_A, "RUNNING");
	expect(FOLLOW_PENDING);
	follow_service_gone(&follow, ID_B);
	follow_instance_gone(&follow, ID_A);
	expect(FOLLOW_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_restart_is_done_when_it_runs_anew, finished),
		cmocka_unit_test_teardown(a_pause_is_done_when_it_is_paused, finished),
		cmocka_unit_test_teardown(of_several_only_the_restarted_one_counts, finished),
		cmocka_unit_test_teardown(waits_for_every_instance, finished),
		cmocka_unit_test_teardown(other_services_do_not_count, finished),
		cmocka_unit_test_teardown(the_old_version_running_is_not_enough, finished),
		cmocka_unit_test_teardown(a_failure_from_before_the_request_is_no_failure_of_it,
					  finished),
		cmocka_unit_test_teardown(an_unchanged_one_shot_stays_done, finished),
		cmocka_unit_test_teardown(a_failed_one_may_recover_while_others_are_pending,
					  finished),
		cmocka_unit_test_teardown(three_ends_are_a_failure, finished),
		cmocka_unit_test_teardown(what_was_started_again_is_told_apart, finished),
		cmocka_unit_test_teardown(no_capacity_waits_for_what_leaves, finished),
		cmocka_unit_test_teardown(a_failed_update_counts, finished),
		cmocka_unit_test_teardown(deletion_waits_until_all_are_gone, finished),
		cmocka_unit_test_teardown(a_service_that_vanishes_is_no_longer_awaited, finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
