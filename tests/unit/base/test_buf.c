/* The bounded buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void grows_up_to_its_maximum(void **state)
{
	auto_buf struct buf b = { 0 };
	char block[100];

	memset(block, 'x', sizeof(block));
	buf_init(&b, 250);
	assert_string_equal(b.data, "");
	assert_int_equal(buf_add(&b, block, 100), 0);
	assert_int_equal(buf_add(&b, block, 100), 0);
	assert_int_equal(buf_add(&b, block, 51), -E2BIG);
	assert_int_equal(b.len, 200);
	assert_int_equal(buf_addf(&b, "%051d", 1), -E2BIG);
	assert_int_equal(b.len, 200);
	assert_int_equal(buf_add(&b, block, SIZE_MAX), -E2BIG);
	assert_int_equal(buf_add(&b, block, 50), 0);
	assert_int_equal(strlen(b.data), 250);
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	assert_int_equal(buf_add(&b, "y", 1), -E2BIG);
}

static void formats_behind_what_is_there(void **state)
{
	auto_buf struct buf b = { 0 };

	buf_init(&b, 1000);
	assert_int_equal(buf_add_str(&b, "a"), 0);
	assert_int_equal(buf_addf(&b, "-%d-%s", 12, "three"), 0);
	assert_string_equal(b.data, "a-12-three");
	/* Exactly as much as there is room for. */
	for (int i = 0; i < 200; i++)
		assert_int_equal(buf_addf(&b, "%d", i % 10), 0);
	assert_int_equal(b.len, 210);
	assert_int_equal(b.data[b.len], 0);
}

static void has_room_for_what_is_written_later(void **state)
{
	auto_buf struct buf b = { 0 };

	buf_init(&b, 100);
	buf_add_str(&b, "a");
	assert_int_equal(buf_reserve(&b, 99), 0);
	assert_true(b.room > 100);
	assert_string_equal(b.data, "a");
	assert_int_equal(buf_reserve(&b, 100), -E2BIG);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -E2BIG);
	assert_int_equal(b.len, 1);
}

static void bytes_come_off_the_front(void **state)
{
	auto_buf struct buf b = { 0 };

	buf_init(&b, 1000);
	buf_add_str(&b, "hello");
	buf_drop(&b, 2);
	assert_string_equal(b.data, "llo");
	assert_int_equal(b.len, 3);
	buf_drop(&b, 100);
	assert_string_equal(b.data, "");
	assert_int_equal(b.len, 0);
	buf_add_str(&b, "again");
	buf_reset(&b);
	assert_string_equal(b.data, "");
}

static void zero_bytes_are_bytes(void **state)
{
	auto_buf struct buf b = { 0 };

	buf_init(&b, 10);
	assert_int_equal(buf_add(&b, "a\0b", 3), 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
}

static void taking_leaves_an_empty_one(void **state)
{
	auto_buf struct buf b = { 0 };

	buf_init(&b, 5);
	buf_add_str(&b, "hello");
	auto_free char *text = buf_take(&b);
	assert_string_equal(text, "hello");
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_add_str(&b, "world!"), -E2BIG);
	assert_int_equal(buf_add_str(&b, "world"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_up_to_its_maximum),
		cmocka_unit_test(formats_behind_what_is_there),
		cmocka_unit_test(has_room_for_what_is_written_later),
		cmocka_unit_test(bytes_come_off_the_front),
		cmocka_unit_test(zero_bytes_are_bytes),
		cmocka_unit_test(taking_leaves_an_empty_one),
	};

	return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
