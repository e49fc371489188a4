/* Following reconcile_next() step by step from many starting points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "reconcile/reconcile.h"

/* What carrying an action out does to the facts when all goes well. */
static void carry_out(struct reconcile_facts *f, enum reconcile_action action)
{
	switch (action) {
	case ACTION_FETCH:
		f->fetched_generation = f->wish_generation;
		break;
	case ACTION_REFETCH:
		f->fetched_generation = f->current_generation;
		break;
	case ACTION_ADVANCE:
		f->current_generation = f->wish_generation;
		f->is_completed = false;
		break;
	case ACTION_RENEW:
		f->is_restart_wished = false;
		f->is_completed = false;
		f->is_waiting = false;
		break;
	case ACTION_ATTACH:
		f->is_attached = true;
		break;
	case ACTION_MOUNT:
		f->needs_mounts = false;
		f->has_mounts = true;
		break;
	case ACTION_UNMOUNT:
		f->has_mounts = false;
		break;
	case ACTION_START:
		f->run = RUN_ALIVE;
		f->run_generation = f->current_generation;
		break;
	case ACTION_PAUSE:
	case ACTION_RESUME:
		f->is_pause_due = false;
		break;
	case ACTION_STOP:
		f->run = RUN_ABSENT;
		break;
	case ACTION_DETACH:
		f->is_attached = false;
		break;
	case ACTION_NONE:
	case ACTION_FORGET:
	case ACTION_N:
		break;
	}
}

static void follow(struct reconcile_facts f, const char *expected)
{
	auto_buf struct buf path;

	buf_init(&path, 1000);
	for (int i = 0; i < 12; i++) {
		enum reconcile_action action = reconcile_next(&f);

		buf_addf(&path, "%s%s", i ? " " : "", reconcile_action_name(action));
		if (action == ACTION_NONE || action == ACTION_FORGET)
			break;
		carry_out(&f, action);
	}
	assert_string_equal(path.data, expected);
}

static void new_instance_is_started(void **state)
{
	follow((struct reconcile_facts){ .is_wished = true, .wish_generation = 1 },
	       "fetch advance attach start none");
}

static void volumes_are_mounted_last_and_released_last(void **state)
{
	struct reconcile_facts f = { .is_wished = true,
				     .wish_generation = 1,
				     .needs_mounts = true };

	follow(f, "fetch advance attach mount start none");
	f.fetched_generation = f.current_generation = f.wish_generation;
	f.is_waiting = true; /* the driver does not answer */
	follow(f, "none");
	f = (struct reconcile_facts){ .run = RUN_ALIVE, .is_attached = true, .has_mounts = true };
	follow(f, "stop detach unmount forget");
	f.is_kept = true;
	follow(f, "stop detach unmount none");
}

static void volumes_stay_over_an_end_and_go_with_completion(void **state)
{
	struct reconcile_facts f = { .is_wished = true,
				     .wish_generation = 1,
				     .current_generation = 1,
				     .fetched_generation = 1,
				     .run_generation = 1,
				     .run = RUN_ENDED,
				     .is_attached = true,
				     .has_mounts = true };

	follow(f, "stop start none");
	f.is_completed = true;
	follow(f, "stop detach unmount none");
	f.is_completed = false;
	f.run = RUN_ALIVE; /* adopted: what it sees is mounted, known or not */
	f.needs_mounts = true;
	follow(f, "none");
}

static void image_is_had_before_the_old_one_stops(void **state)
{
	follow((struct reconcile_facts){ .is_wished = true,
					 .wish_generation = 2,
					 .current_generation = 1,
					 .fetched_generation = 1,
					 .run_generation = 1,
					 .run = RUN_ALIVE,
					 .is_attached = true },
	       "fetch stop advance start none");
}

static void old_one_is_kept_while_the_new_image_cannot_be_had(void **state)
{
	struct reconcile_facts f = { .is_wished = true,
				     .wish_generation = 2,
				     .current_generation = 1,
				     .fetched_generation = 1,
				     .run_generation = 1,
				     .run = RUN_ALIVE,
				     .is_attached = true,
				     .is_update_waiting = true };

	follow(f, "none");
	f.run = RUN_ENDED;
	follow(f, "stop start none");
	f.run = RUN_ABSENT;
	f.fetched_generation = 0;
	follow(f, "refetch start none");
	f.is_update_waiting = false;
	follow(f, "fetch advance start none");
}

static void adopted_instance_is_left_alone(void **state)
{
	follow((struct reconcile_facts){ .is_wished = true,
					 .wish_generation = 3,
					 .current_generation = 3,
					 .run_generation = 3,
					 .run = RUN_ALIVE },
	       "attach none");
}

static void ended_instance_is_cleared_and_started_again(void **state)
{
	follow((struct reconcile_facts){ .is_wished = true,
					 .wish_generation = 1,
					 .current_generation = 1,
					 .fetched_generation = 1,
					 .run_generation = 1,
					 .run = RUN_ENDED,
					 .is_attached = true },
	       "stop start none");
}

static void condemned_instance_is_stopped_and_started_again(void **state)
{
	struct reconcile_facts f = { .is_wished = true,
				     .wish_generation = 1,
				     .current_generation = 1,
				     .fetched_generation = 1,
				     .run_generation = 1,
				     .run = RUN_ALIVE,
				     .is_condemned = true,
				     .is_attached = true };

	assert_int_equal(reconcile_next(&f), ACTION_STOP);
	f.is_condemned = false;
	assert_int_equal(reconcile_next(&f), ACTION_NONE);
}

static void restart_that_somebody_asked_for(void **state)
{
	struct reconcile_facts f = { .is_wished = true,
				     .wish_generation = 1,
				     .current_generation = 1,
				     .fetched_generation = 1,
				     .run_generation = 1,
				     .run = RUN_ALIVE,
				     .is_restart_wished = true,
				     .is_attached = true };

	follow(f, "stop renew start none");
	f.run = RUN_ABSENT;
	f.is_completed = true;
	f.is_attached = false;
	follow(f, "renew attach start none");
	f.is_completed = false;
	f.is_waiting = true;
	follow(f, "renew attach start none");
}

static void what_runs_is_paused_and_resumed(void **state)
{
	struct reconcile_facts f = { .is_wished = true,
				     .wish_generation = 1,
				     .current_generation = 1,
				     .fetched_generation = 1,
				     .run_generation = 1,
				     .run = RUN_ALIVE,
				     .is_pause_wished = true,
				     .is_pause_due = true };

	follow(f, "pause attach none");
	f.is_pause_wished = false;
	follow(f, "resume attach none");
	f.is_restart_wished = true;
	f.is_pause_wished = true;
	f.is_pause_due = true;
	f.is_attached = true;
	/* What is to be stopped need not be paused before. */
	assert_int_equal(reconcile_next(&f), ACTION_STOP);
	f.is_restart_wished = false;
	f.is_wished = false;
	assert_int_equal(reconcile_next(&f), ACTION_STOP);
}

static void completed_instance_stays_ended_until_its_spec_changes(void **state)
{
	struct reconcile_facts f = { .is_wished = true,
				     .wish_generation = 1,
				     .current_generation = 1,
				     .fetched_generation = 1,
				     .is_completed = true,
				     .is_attached = true };

	follow(f, "detach none");
	f.wish_generation = 2;
	follow(f, "fetch advance start none");
}

static void leftover_of_another_generation_is_stopped(void **state)
{
	follow((struct reconcile_facts){ .is_wished = true,
					 .wish_generation = 2,
					 .current_generation = 2,
					 .run_generation = 1,
					 .run = RUN_ALIVE },
	       "stop fetch attach start none");
}

static void unwished_instance_leaves_nothing(void **state)
{
	struct reconcile_facts f = { .wish_generation = 1,
				     .current_generation = 1,
				     .run = RUN_ALIVE,
				     .run_generation = 1,
				     .is_attached = true };

	follow(f, "stop detach forget");
	f.is_kept = true;
	follow(f, "stop detach none");
}

static void ends_by_policy(void **state)
{
	static const struct {
		enum sla_restart policy;
		bool is_clean;
		enum reconcile_ending expected;
	} cases[] = {
		{ RESTART_ALWAYS, true, ENDING_RESTART },
		{ RESTART_ALWAYS, false, ENDING_RESTART },
		{ RESTART_ON_FAILURE, true, ENDING_COMPLETED },
		{ RESTART_ON_FAILURE, false, ENDING_RESTART },
		{ RESTART_NEVER, true, ENDING_COMPLETED },
		{ RESTART_NEVER, false, ENDING_FAILED },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(reconcile_ending(cases[i].policy, cases[i].is_clean),
				 cases[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_instance_is_started),
		cmocka_unit_test(volumes_are_mounted_last_and_released_last),
		cmocka_unit_test(volumes_stay_over_an_end_and_go_with_completion),
		cmocka_unit_test(image_is_had_before_the_old_one_stops),
		cmocka_unit_test(old_one_is_kept_while_the_new_image_cannot_be_had),
		cmocka_unit_test(adopted_instance_is_left_alone),
		cmocka_unit_test(ended_instance_is_cleared_and_started_again),
		cmocka_unit_test(condemned_instance_is_stopped_and_started_again),
		cmocka_unit_test(restart_that_somebody_asked_for),
		cmocka_unit_test(what_runs_is_paused_and_resumed),
		cmocka_unit_test(completed_instance_stays_ended_until_its_spec_changes),
		cmocka_unit_test(leftover_of_another_generation_is_stopped),
		cmocka_unit_test(unwished_instance_leaves_nothing),
		cmocka_unit_test(ends_by_policy),
	};

	return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
