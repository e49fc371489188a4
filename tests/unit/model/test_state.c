/* Names of states and what may follow what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/state.h"

static void names_go_both_ways(void **state)
{
	enum instance_state s = STATE_DEAD;

	for (int i = 0; i < STATE_N; i++) {
		assert_int_equal(state_parse(state_name((enum instance_state)i), &s), 0);
		assert_int_equal(s, i);
	}
	assert_string_equal(state_name(STATE_NO_WORKER_CAPACITY), "NO_WORKER_CAPACITY");
	assert_int_equal(state_parse("running", &s), -EINVAL);
	assert_int_equal(state_parse(NULL, &s), -EINVAL);
	assert_int_equal(s, STATE_UNDEPLOYED);
}

static void transitions(void **state)
{
	assert_true(state_may_follow(STATE_REQUESTED, STATE_NODE_SCHEDULED));
	assert_true(state_may_follow(STATE_REQUESTED, STATE_NO_WORKER_CAPACITY));
	assert_true(state_may_follow(STATE_NO_WORKER_CAPACITY, STATE_NODE_SCHEDULED));
	assert_true(state_may_follow(STATE_NODE_SCHEDULED, STATE_RUNNING));
	assert_true(state_may_follow(STATE_RUNNING, STATE_CREATED));
	assert_true(state_may_follow(STATE_DEAD, STATE_CREATING));
	assert_true(state_may_follow(STATE_COMPLETED, STATE_CREATING));
	assert_false(state_may_follow(STATE_REQUESTED, STATE_RUNNING));
	assert_false(state_may_follow(STATE_NO_WORKER_CAPACITY, STATE_CREATING));
	assert_false(state_may_follow(STATE_COMPLETED, STATE_RUNNING));
	for (int i = 0; i < STATE_N; i++) {
		enum instance_state s = (enum instance_state)i;

		assert_true(state_may_follow(s, s));
		assert_true(state_may_follow(s, STATE_UNDEPLOYED));
		if (s != STATE_UNDEPLOYED)
			assert_false(state_may_follow(STATE_UNDEPLOYED, s));
	}
}

static void alive_is_created_and_running(void **state)
{
	for (int i = 0; i < STATE_N; i++)
		assert_int_equal(state_is_alive((enum instance_state)i),
				 i == STATE_CREATED || i == STATE_RUNNING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(transitions),
		cmocka_unit_test(alive_is_created_and_running),
	};

	return cmocka_run_group_tests_name("model/state", tests, NULL, NULL);
}
