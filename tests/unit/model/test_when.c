#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/when.h"

#define NOW UINT64_C(1700000000000) /* 2023-11-14T22:13:20Z */

static void moments(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} cases[] = {
		{ "10m", NOW - 600000 },
		{ "1h30m", NOW - 5400000 },
		{ "2d", NOW - 2 * 86400000ul },
		{ "45s", NOW - 45000 },
		{ "0s", NOW },
		{ "36000d", 0 },
		{ "2023-11-14T22:13:20Z", NOW },
		{ "2023-11-14 22:13:20Z", NOW },
		{ "2023-11-14T22:13:20.5Z", NOW + 500 },
		{ "2023-11-14T22:13:20.123456789Z", NOW + 123 },
		{ "2023-11-15T00:13:20+02:00", NOW },
		{ "2023-11-14T16:43:20-05:30", NOW },
		{ "2023-11-14", NOW - (22 * 3600 + 13 * 60 + 20) * 1000 },
	};
	uint64_t ms;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (when_parse(cases[i].text, NOW, &ms) < 0)
			fail_msg("%s", cases[i].text);
		if (ms != cases[i].ms)
			fail_msg("%s: %lu", cases[i].text, ms);
	}
}

static void no_moments(void **state)
{
	static const char *const cases[] = { "",
					     "10",
					     "m",
					     "10x",
					     "-5m",
					     "99999999999999999999s",
					     "2023-11-14T22:13:20",
					     "2023-13-14",
					     "2023-11-14T25:00:00Z",
					     "2023-11-14T22:13:20.Z",
					     "2023-11-14T22:13:20Zx",
					     "2023-11-14T22:13:20+2:00",
					     "1969-12-31",
					     "yesterday" };
	uint64_t ms;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (when_parse(cases[i], NOW, &ms) == 0)
			fail_msg("%s: %lu", cases[i], ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments),
		cmocka_unit_test(no_moments),
	};

	return cmocka_run_group_tests_name("model/when", tests, NULL, NULL);
}
