/* Exit records: what is written is read, damage is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/exit_record.h"

static void is_read_as_written(void **state)
{
	auto_free char *path = xasprintf("/tmp/holm-test-exit.%d", getpid());
	auto_free char *big = xcalloc(1, EXIT_TAIL_MAX + 11);
	struct exit_record record = { .code = 85,
				      .signal = 6,
				      .is_timeout = true,
				      .ended_ms = 1795460660218,
				      .cause = "guest-reset",
				      .output = big };
	struct exit_record read = { 0 };
	struct err err;

	memset(big, 'x', EXIT_TAIL_MAX + 10);
	big[EXIT_TAIL_MAX + 9] = '\n';
	assert_int_equal(exit_record_write(path, &record, &err), 0);
	assert_int_equal(exit_record_read(path, &read, &err), 0);
	assert_int_equal(read.code, 85);
	assert_int_equal(read.signal, 6);
	assert_true(read.is_timeout);
	assert_int_equal(read.ended_ms, record.ended_ms);
	assert_string_equal(read.cause, "guest-reset");
	assert_string_equal(read.errors, "");
	assert_string_equal(read.output, big + 10);
	exit_record_fini(&read);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(exit_record_read(path, &read, &err), -ENOENT);
}

/* Of a supervisor that has run since before there was a cause. */
static void an_earlier_one_has_no_cause(void **state)
{
	auto_free char *path = xasprintf("/tmp/holm-test-exit.%d", getpid());
	struct exit_record read;
	struct err err;

	assert_int_equal(file_write_atomic(path, "0 0 0 1 0 2\nhi", 14, 0600, &err), 0);
	assert_int_equal(exit_record_read(path, &read, &err), 0);
	assert_string_equal(read.cause, "");
	assert_string_equal(read.output, "hi");
	exit_record_fini(&read);
	unlink(path);
}

static void damage_is_told(void **state)
{
	static const char *const bad[] = {
		"",
		"83 0 0 1 0 0",
		"83 0 0 1 0\n",
		"83 0 0 1 4 0\nabc",
		"83 0 0 1 0 0\nabc",
		"83 x 0 1 0 0\n",
		"83 0 0 1 0 0 guest-reset x\n",
		"83 0 0 1 99999999999 0\n",
	};
	auto_free char *path = xasprintf("/tmp/holm-test-exit.%d", getpid());
	struct exit_record read;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(file_write_atomic(path, bad[i], strlen(bad[i]), 0600, &err), 0);
		assert_int_equal(exit_record_read(path, &read, &err), -EBADMSG);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_read_as_written),
		cmocka_unit_test(an_earlier_one_has_no_cause),
		cmocka_unit_test(damage_is_told),
	};

	return cmocka_run_group_tests_name("base/exit_record", tests, NULL, NULL);
}
