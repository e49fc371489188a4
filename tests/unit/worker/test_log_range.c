/* Parts of a log, against files of many records. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "worker/logs/range.h"

#define BASE_MS   UINT64_C(1795000000000)
#define N_RECORDS 5000

/* Record i is of second i; each third goes to stderr, and each hundredth is long. */
static int make_log(unsigned n)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	auto_free char *filler = xmalloc(20000);
	auto_buf struct buf text;

	memset(filler, 'x', 19999);
	filler[19999] = '\0';
	buf_init(&text, 8u << 20);
	for (unsigned i = 0; i < n; i++) {
		char stamp[LOG_STAMP_SIZE];

		log_stamp(BASE_MS + i * 1000ul, stamp);
		buf_addf(&text, "%s %s F %u %s\n", stamp, i % 3 ? "stdout" : "stderr", i,
			 i % 100 == 99 ? filler : "");
	}
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.data, text.len), text.len);
	return fd;
}

/* The number of the record that begins there; -1: the end. */
static int number_at(int fd, int64_t at)
{
	char head[100] = "";
	uint32_t number;
	ssize_t n = pread(fd, head, sizeof(head) - 1, at);

	assert_true(n >= 0);
	if (!n)
		return -1;
	char *text = strstr(head, " F ");
	assert_non_null(text);
	text[3 + strcspn(text + 3, " ")] = '\0';
	assert_int_equal(parse_u32(text + 3, 0, UINT32_MAX, &number), 0);
	return (int)number;
}

static void stamps_are_ordered(void **state)
{
	char stamp[LOG_STAMP_SIZE];

	log_stamp(UINT64_C(1700000000123), stamp);
	assert_string_equal(stamp, "2023-11-14T22:13:20.123000000Z");
}

static void by_time(void **state)
{
	auto_close int fd = make_log(N_RECORDS);
	char stamp[LOG_STAMP_SIZE];

	for (unsigned i = 0; i < N_RECORDS; i += 7) {
		log_stamp(BASE_MS + i * 1000ul, stamp);
		assert_int_equal(number_at(fd, log_find_since(fd, stamp)), i);
		log_stamp(BASE_MS + i * 1000ul - 1, stamp);
		assert_int_equal(number_at(fd, log_find_since(fd, stamp)), i);
	}
	log_stamp(0, stamp);
	assert_int_equal(log_find_since(fd, stamp), 0);
	log_stamp(BASE_MS + N_RECORDS * 1000ul, stamp);
	assert_int_equal(number_at(fd, log_find_since(fd, stamp)), -1);
}

static void from_the_end(void **state)
{
	static const uint32_t counts[] = { 1, 2, 99, 100, 101, 1000, 4999, 5000 };
	auto_close int fd = make_log(N_RECORDS);
	uint32_t found;

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		int64_t at = log_find_tail(fd, counts[i], &found);

		assert_int_equal(number_at(fd, at), N_RECORDS - counts[i]);
		assert_int_equal(found, counts[i]);
	}
	assert_int_equal(log_find_tail(fd, N_RECORDS + 1, &found), 0);
	assert_int_equal(found, N_RECORDS);
	assert_int_equal(number_at(fd, log_find_tail(fd, 0, &found)), -1);
}

static void of_nothing(void **state)
{
	auto_close int fd = make_log(0);
	uint32_t found;

	assert_int_equal(log_find_since(fd, "2023-11-14T22:13:20.123000000Z"), 0);
	assert_int_equal(log_find_tail(fd, 5, &found), 0);
	assert_int_equal(found, 0);
}

static void filters(void **state)
{
	static const char text[] = "2023-11-14T22:13:20.000000000Z stdout F a\n"
				   "2023-11-14T22:13:21.000000000Z stderr F b\n"
				   "2023-11-14T22:13:22.000000000Z stdout F c\n"
				   "odd\n";
	struct log_filter filter = { .stream = 'o' };
	auto_buf struct buf out;

	buf_init(&out, 1000);
	assert_true(log_filter_add(&filter, text, strlen(text), &out));
	assert_non_null(strstr(out.data, " F a\n"));
	assert_null(strstr(out.data, " F b\n"));
	assert_non_null(strstr(out.data, " F c\n"));
	buf_reset(&out);
	filter = (struct log_filter){ .stream = 'e', .until = "2023-11-14T22:13:21.500000000Z" };
	assert_false(log_filter_add(&filter, text, strlen(text), &out));
	assert_string_equal(out.data, "2023-11-14T22:13:21.000000000Z stderr F b\n");
	buf_reset(&out);
	filter = (struct log_filter){ 0 };
	assert_true(log_filter_add(&filter, text, strlen(text), &out));
	assert_string_equal(out.data, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamps_are_ordered),
		cmocka_unit_test(by_time),
		cmocka_unit_test(from_the_end),
		cmocka_unit_test(of_nothing),
		cmocka_unit_test(filters),
	};

	return cmocka_run_group_tests_name("worker/log_range", tests, NULL, NULL);
}
