/* Kept logs back to text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/log_text.h"
#include "base/base.h"

#define T "2026-11-23T13:18:02.123456789Z "

static void check(const char *kept, const char *expected)
{
	for (size_t piece = 1; piece <= strlen(kept); piece++) {
		struct log_text log = { 0 };
		auto_buf struct buf out;

		buf_init(&out, 1 << 16);
		for (size_t at = 0; at < strlen(kept); at += piece) {
			size_t left = strlen(kept) - at;

			log_text_feed(&log, kept + at, left < piece ? left : piece, &out);
		}
		assert_string_equal(out.data, expected);
	}
}

static void whole_lines(void **state)
{
	check(T "stdout F hello world\n" T "stderr F  two\n" T "stdout F \n",
	      "hello world\n two\n\n");
}

static void parts_are_joined(void **state)
{
	check(T "stdout P one \n" T "stdout P two \n" T "stdout F three\n" T "stdout F x\n",
	      "one two three\nx\n");
}

static void streams_do_not_mix_in_a_line(void **state)
{
	check(T "stdout P prompt> \n" T "stderr F error\n" T "stdout F rest\n",
	      "prompt> \nerror\nrest\n");
}

static void rubbish_is_left_out(void **state)
{
	check("rubbish\n\n" T "stdout F a\n", "a\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_lines),
		cmocka_unit_test(parts_are_joined),
		cmocka_unit_test(streams_do_not_mix_in_a_line),
		cmocka_unit_test(rubbish_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
