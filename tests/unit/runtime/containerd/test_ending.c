/* How containers end, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "runtime/containerd/ending.h"

static void tells_how_it_ended(void **state)
{
	static const struct {
		uint32_t exit_code;
		uint64_t oom_kills;
		enum runtime_end end;
		const char *detail;
	} cases[] = {
		{ 0, 0, RUNTIME_END_CLEAN, "exit code 0" },
		{ 3, 0, RUNTIME_END_ERROR, "exit code 3" },
		{ 255, 0, RUNTIME_END_ERROR, "exit code 255" },
		{ 128, 0, RUNTIME_END_ERROR, "exit code 128" },
		{ 139, 0, RUNTIME_END_CRASH, "killed by SIGSEGV (exit 139)" },
		{ 137, 0, RUNTIME_END_CRASH, "killed by SIGKILL (exit 137)" },
		{ 128 + 40, 0, RUNTIME_END_CRASH, "killed by signal 40 (exit 168)" },
		{ 137, 1, RUNTIME_END_OOM,
		  "out of memory: killed by the kernel at its memory limit" },
		{ 1, 2, RUNTIME_END_ERROR,
		  "exit code 1, after 2 of its processes ran out of memory" },
		{ 0, 1, RUNTIME_END_CLEAN,
		  "exit code 0, after 1 of its processes ran out of memory" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char detail[256];

		assert_int_equal(ending_of(cases[i].exit_code, cases[i].oom_kills, detail,
					   sizeof(detail)),
				 cases[i].end);
		assert_string_equal(detail, cases[i].detail);
	}
}

static void tells_what_we_did(void **state)
{
	char detail[256];

	ending_stopped(143, false, detail, sizeof(detail));
	assert_string_equal(detail, "stopped (exit code 143)");
	ending_stopped(137, true, detail, sizeof(detail));
	assert_string_equal(detail, "stopped by force (exit code 137)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_how_it_ended),
		cmocka_unit_test(tells_what_we_did),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
