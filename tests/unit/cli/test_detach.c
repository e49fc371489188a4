/* The keys that leave an instance, however the bytes come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "cli/session/detach.h"

/* Each part is fed by itself, and its output compared. */
struct part {
	const char *typed;
	const char *passed;
};

static bool feed(const struct part *parts, size_t n)
{
	struct detach detach = { 0 };

	for (size_t i = 0; i < n; i++) {
		char out[64] = "";
		size_t len = detach_feed(&detach, parts[i].typed, strlen(parts[i].typed), out);

		assert_int_equal(len, strlen(parts[i].passed));
		assert_memory_equal(out, parts[i].passed, len);
	}
	return detach.is_done;
}

static void ctrl_p_ctrl_q_leaves(void **state)
{
	const struct part whole[] = { { "ls\x10\x11rest", "ls" } };
	const struct part apart[] = { { "a\x10", "a" }, { "\x11", "" }, { "more", "" } };

	assert_true(feed(whole, ARRAY_LEN(whole)));
	assert_true(feed(apart, ARRAY_LEN(apart)));
}

static void all_else_is_the_programs(void **state)
{
	const struct part alone[] = { { "\x11q", "\x11q" }, { "\x10", "" }, { "x", "\x10x" } };
	const struct part twice[] = { { "\x10\x10", "\x10" }, { "y", "\x10y" } };

	assert_false(feed(alone, ARRAY_LEN(alone)));
	assert_false(feed(twice, ARRAY_LEN(twice)));
}

static void the_last_of_several_counts(void **state)
{
	const struct part parts[] = { { "\x10\x10\x11", "\x10" } };

	assert_true(feed(parts, ARRAY_LEN(parts)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ctrl_p_ctrl_q_leaves),
		cmocka_unit_test(all_else_is_the_programs),
		cmocka_unit_test(the_last_of_several_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
