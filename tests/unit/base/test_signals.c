/* Signals by name and number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/signals.h"

static void knows_signals(void **state)
{
	int sig = 0;

	assert_int_equal(signal_parse("SIGTERM", &sig), 0);
	assert_int_equal(sig, 15);
	assert_int_equal(signal_parse("QUIT", &sig), 0);
	assert_int_equal(sig, 3);
	assert_int_equal(signal_parse("9", &sig), 0);
	assert_int_equal(sig, 9);
	assert_int_equal(signal_parse("SIGRTMIN+3", &sig), 0);
	assert_int_equal(sig, 37);
	assert_int_equal(signal_parse("", &sig), -EINVAL);
	assert_int_equal(signal_parse("0", &sig), -EINVAL);
	assert_int_equal(signal_parse("SIGRTMIN+99", &sig), -EINVAL);
	assert_int_equal(signal_parse("SIGNONE", &sig), -EINVAL);
	assert_string_equal(signal_name(11), "SIGSEGV");
	assert_null(signal_name(63));
	assert_null(signal_name(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
