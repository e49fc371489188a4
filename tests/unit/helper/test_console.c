/* Console bytes to text, in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "helper/console.h"

#define RAW    \
	"\x1b" \
	"c\x1b[?7l\x1b[2J\x1b[0m\0SeaBIOS\r\n\x1b(B\x1b[1;31mred\x1b[0m 1\0 2\r\nplain\n"
#define TEXT "SeaBIOS\nred 1 2\nplain\n"

static void removes_control_sequences(void **state)
{
	for (size_t piece = 1; piece < sizeof(RAW); piece++) {
		struct console_filter filter = { 0 };
		auto_buf struct buf out;

		buf_init(&out, 1024);
		for (size_t at = 0; at < sizeof(RAW) - 1; at += piece) {
			char chunk[sizeof(RAW)];
			size_t n = sizeof(RAW) - 1 - at < piece ? sizeof(RAW) - 1 - at : piece;

			memcpy(chunk, &RAW[at], n);
			n = console_filter(&filter, chunk, n);
			assert_int_equal(buf_add(&out, chunk, n), 0);
		}
		assert_string_equal(out.data, TEXT);
	}
}

/* A sequence that never ends must not swallow the log. */
static void a_broken_sequence_ends_with_the_line(void **state)
{
	struct console_filter filter = { 0 };
	char text[] = "\x1b[12;;\nnext\n";

	size_t n = console_filter(&filter, text, sizeof(text) - 1);
	assert_int_equal(n, 6);
	assert_memory_equal(text, "\nnext\n", n);
}

static void keeps_the_tail(void **state)
{
	auto_free struct console_tail *tail = NEW(struct console_tail);
	auto_free char *big = xmalloc(3 * CONSOLE_TAIL_SIZE);

	console_tail_add(tail, "abc", 3);
	console_tail_add(tail, "def", 3);
	assert_int_equal(tail->len, 6);
	assert_memory_equal(tail->data, "abcdef", 6);
	memset(big, 'x', 3 * CONSOLE_TAIL_SIZE);
	console_tail_add(tail, big, CONSOLE_TAIL_SIZE - 2);
	assert_int_equal(tail->len, CONSOLE_TAIL_SIZE);
	assert_memory_equal(tail->data, "efx", 3);
	big[3 * CONSOLE_TAIL_SIZE - 1] = 'z';
	console_tail_add(tail, big, 3 * CONSOLE_TAIL_SIZE);
	assert_int_equal(tail->len, CONSOLE_TAIL_SIZE);
	assert_int_equal(tail->data[0], 'x');
	assert_int_equal(tail->data[CONSOLE_TAIL_SIZE - 1], 'z');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(removes_control_sequences),
		cmocka_unit_test(a_broken_sequence_ends_with_the_line),
		cmocka_unit_test(keeps_the_tail),
	};

	return cmocka_run_group_tests_name("helper/console", tests, NULL, NULL);
}
