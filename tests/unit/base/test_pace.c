/* A few at once, then at intervals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/pace.h"

static void a_burst_is_at_once(void **state)
{
	struct pace pace = { .interval_ms = 100, .burst = 3 };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pace_take(&pace, 5000), 0);
	assert_int_equal(pace_take(&pace, 5000), 100);
	/* Having asked costs nothing. */
	assert_int_equal(pace_take(&pace, 5040), 60);
	assert_int_equal(pace_take(&pace, 5100), 0);
	assert_int_equal(pace_take(&pace, 5100), 100);
}

static void rest_gives_the_burst_again(void **state)
{
	struct pace pace = { .interval_ms = 100, .burst = 2 };

	(void)state;
	assert_int_equal(pace_take(&pace, 1), 0);
	assert_int_equal(pace_take(&pace, 1), 0);
	assert_int_not_equal(pace_take(&pace, 1), 0);
	assert_int_equal(pace_take(&pace, 1000), 0);
	assert_int_equal(pace_take(&pace, 1000), 0);
	assert_int_not_equal(pace_take(&pace, 1000), 0);
}

static void one_at_a_time(void **state)
{
	struct pace pace = { .interval_ms = 10, .burst = 1 };

	(void)state;
	assert_int_equal(pace_take(&pace, 0), 0);
	assert_int_equal(pace_take(&pace, 4), 6);
	assert_int_equal(pace_take(&pace, 10), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_is_at_once),
		cmocka_unit_test(rest_gives_the_burst_again),
		cmocka_unit_test(one_at_a_time),
	};

	return cmocka_run_group_tests_name("base/pace", tests, NULL, NULL);
}
