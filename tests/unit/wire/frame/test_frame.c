/* Frames through pieces of any length, and what is no frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/frame/frame.h"

struct pair {
	struct buf bytes;
	struct frame_reader reader;
};

static void init(struct pair *p)
{
	buf_init(&p->bytes, 1 << 20);
	frame_reader_init(&p->reader);
}

static void fini(struct pair *p)
{
	buf_fini(&p->bytes);
	frame_reader_fini(&p->reader);
}

static struct frame next(struct pair *p)
{
	struct frame frame = { 0 };
	struct err err;

	if (frame_next(&p->reader, &frame, &err) != 1)
		fail_msg("no frame");
	return frame;
}

static void assert_no_more(struct pair *p)
{
	struct frame frame;
	struct err err;

	assert_int_equal(frame_next(&p->reader, &frame, &err), 0);
}

static void put_one_of_each(struct buf *out)
{
	frame_put(out, FRAME_BEGUN, NULL, 0);
	frame_put(out, FRAME_INPUT, "typed", 5);
	frame_put(out, FRAME_INPUT, NULL, 0);
	frame_put(out, FRAME_INPUT_END, NULL, 0);
	frame_put_size(out, 24, 300);
	frame_put_signal(out, 15);
	frame_put(out, FRAME_OUTPUT, "out\0put", 7);
	frame_put(out, FRAME_ERRORS, "bad", 3);
	frame_put_end(out, 255, "it broke");
}

static void expect_bytes(struct pair *p, enum frame_type type, const char *data, size_t len)
{
	struct frame frame = next(p);

	assert_int_equal(frame.type, type);
	assert_int_equal(frame.len, len);
	assert_memory_equal(frame.data, data, len);
}

static void expect_one_of_each(struct pair *p)
{
	const char *words = NULL;
	uint32_t rows = 0;
	uint32_t columns = 0;
	int number = 0;

	expect_bytes(p, FRAME_BEGUN, "", 0);
	expect_bytes(p, FRAME_INPUT, "typed", 5);
	expect_bytes(p, FRAME_INPUT_END, "", 0);
	struct frame frame = next(p);
	assert_true(frame_get_size(&frame, &rows, &columns));
	assert_int_equal(rows, 24);
	assert_int_equal(columns, 300);
	frame = next(p);
	assert_true(frame_get_signal(&frame, &number));
	assert_int_equal(number, 15);
	expect_bytes(p, FRAME_OUTPUT, "out\0put", 7);
	expect_bytes(p, FRAME_ERRORS, "bad", 3);
	frame = next(p);
	assert_true(frame_get_end(&frame, &number, &words));
	assert_int_equal(number, 255);
	assert_string_equal(words, "it broke");
}

static void one_of_each(void **state)
{
	struct pair p;

	init(&p);
	put_one_of_each(&p.bytes);
	frame_feed(&p.reader, p.bytes.data, p.bytes.len);
	expect_one_of_each(&p);
	assert_no_more(&p);
	fini(&p);
}

static void byte_by_byte(void **state)
{
	struct pair p;
	struct pair whole;
	struct frame frame;
	struct err err;

	init(&p);
	init(&whole);
	put_one_of_each(&p.bytes);
	for (size_t i = 0; i < p.bytes.len; i++) {
		frame_feed(&p.reader, p.bytes.data + i, 1);
		if (frame_next(&p.reader, &frame, &err) != 1)
			continue;
		frame_put(&whole.bytes, frame.type, frame.data, frame.len);
		assert_no_more(&p);
	}
	frame_feed(&whole.reader, whole.bytes.data, whole.bytes.len);
	expect_one_of_each(&whole);
	fini(&p);
	fini(&whole);
}

static void much_goes_in_several(void **state)
{
	size_t size = 2 * FRAME_MAX + 10;
	auto_free char *much = xcalloc(1, size);
	struct pair p;

	init(&p);
	frame_put(&p.bytes, FRAME_OUTPUT, much, size);
	assert_int_equal(p.bytes.len, size + 3 * FRAME_HEAD);
	frame_feed(&p.reader, p.bytes.data, p.bytes.len);
	assert_int_equal(next(&p).len, FRAME_MAX);
	assert_int_equal(next(&p).len, FRAME_MAX);
	assert_int_equal(next(&p).len, 10);
	assert_no_more(&p);
	fini(&p);
}

static void what_is_none(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "\x04\0\0\0", 4 },       { "\x0f\0\0\0", 4 },   { "\x14\0\0\0", 4 },
		{ "\xff\xff\xff\xff", 4 }, { "\0\x01\0\x01", 4 }, { "GET / HTTP/1.1", 14 },
	};
	auto_free char *much = xcalloc(1, FRAME_FEED_MAX);
	struct frame frame = { 0 };
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p;

		init(&p);
		frame_feed(&p.reader, cases[i].bytes, cases[i].len);
		assert_int_equal(frame_next(&p.reader, &frame, &err), -EBADMSG);
		/* It stays so, however much more of it comes. */
		for (size_t fed = 0; fed < 3 * FRAME_FEED_MAX; fed += FRAME_FEED_MAX) {
			frame_feed(&p.reader, much, FRAME_FEED_MAX);
			assert_int_equal(frame_next(&p.reader, &frame, &err), 0);
		}
		fini(&p);
	}
}

static void lengths_are_checked(void **state)
{
	const struct frame none = { FRAME_SIZE, "", 0 };
	const struct frame five = { FRAME_SIZE, "abcde", 5 };
	const struct frame zero = { FRAME_SIGNAL, "\0", 1 };
	const struct frame high = { FRAME_SIGNAL, "\x41", 1 };
	const char *words;
	uint32_t number;
	int n;

	assert_false(frame_get_size(&none, &number, &number));
	assert_false(frame_get_size(&five, &number, &number));
	assert_false(frame_get_signal(&none, &n));
	assert_false(frame_get_signal(&zero, &n));
	assert_false(frame_get_signal(&high, &n));
	assert_false(frame_get_end(&none, &n, &words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_each),          cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(much_goes_in_several), cmocka_unit_test(what_is_none),
		cmocka_unit_test(lengths_are_checked),
	};

	return cmocka_run_group_tests_name("wire/frame", tests, NULL, NULL);
}
