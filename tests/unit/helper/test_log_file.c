/* The bounded log: records, partial lines, rotation, a disk that takes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/base.h"
#include "helper/log_file.h"

struct place {
	char dir[64];
	char *path;
	char *old_path;
};

static int setup(void **state)
{
	struct place *p = NEW(struct place);

	STR_COPY(p->dir, "/tmp/holm-log-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->path = path_join(p->dir, "log");
	p->old_path = path_join(p->dir, "log.1");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err;

	assert_int_equal(path_remove(p->dir, &err), 0);
	free(p->path);
	free(p->old_path);
	free(p);
	return 0;
}

static char *content(const char *path)
{
	struct err err;
	char *text = NULL;

	if (file_read(path, 64 << 20, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

/* The records without their time, which is checked for its form. */
static char *records(const char *path)
{
	auto_free char *text = content(path);
	auto_buf struct buf b;

	buf_init(&b, 64 << 20);
	for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
		assert_int_equal(strcspn(p, " "), 30);
		assert_memory_equal(p, "20", 2);
		assert_memory_equal(p + 10, "T", 1);
		assert_memory_equal(p + 19, ".", 1);
		assert_memory_equal(p + 29, "Z ", 2);
		buf_add(&b, p + 31, strcspn(p + 31, "\n") + 1);
	}
	return buf_take(&b);
}

static void expect(const struct place *p, const char *text)
{
	auto_free char *got = records(p->path);

	assert_string_equal(got, text);
}

static void writes_lines_however_they_are_cut(void **state)
{
	struct place *p = *state;
	struct log_file *log = log_file_new(p->path, 1 << 20);

	log_file_write(log, LOG_STREAM_OUT, "one\ntw", 6);
	log_file_write(log, LOG_STREAM_ERR, "bad\n", 4);
	assert_true(log_file_has_partial(log));
	expect(p, "stdout F one\nstderr F bad\n");
	log_file_write(log, LOG_STREAM_OUT, "o\r", 2);
	log_file_write(log, LOG_STREAM_OUT, "\n\nthree\r\nend", 12);
	log_file_free(log);
	expect(p,
	       "stdout F one\nstderr F bad\nstdout F two\nstdout F \nstdout F three\nstdout F end\n");
}

static void a_prompt_becomes_a_partial_record(void **state)
{
	struct place *p = *state;
	struct log_file *log = log_file_new(p->path, 1 << 20);

	log_file_write(log, LOG_STREAM_OUT, "name? ", 6);
	log_file_flush_partial(log);
	assert_false(log_file_has_partial(log));
	expect(p, "stdout P name? \n");
	log_file_write(log, LOG_STREAM_OUT, "holm\n", 5);
	expect(p, "stdout P name? \nstdout F holm\n");
	log_file_free(log);
}

static void cuts_long_lines(void **state)
{
	struct place *p = *state;
	struct log_file *log = log_file_new(p->path, 1 << 20);
	auto_free char *line = xmalloc(20001);

	memset(line, 'x', 20000);
	line[20000] = '\n';
	log_file_write(log, LOG_STREAM_OUT, line, 20001);
	log_file_free(log);
	auto_free char *got = records(p->path);
	assert_int_equal(strlen(got), 20000 + 3 * strlen("stdout P \n"));
	assert_memory_equal(got, "stdout P xx", 11);
	assert_memory_equal(strchr(got, '\n') + 1, "stdout P xx", 11);
	assert_memory_equal(strrchr(got, ' ') - 8, "stdout F xx", 11);
}

static void rotates_and_stays_below_the_maximum(void **state)
{
	struct place *p = *state;
	struct log_file *log = log_file_new(p->path, 100000);
	struct stat st[2];
	char line[32];

	for (int i = 0; i < 20000; i++) {
		int n = snprintf(line, sizeof(line), "line %d\n", i);

		log_file_write(log, LOG_STREAM_OUT, line, (size_t)n);
	}
	log_file_free(log);
	assert_int_equal(stat(p->path, &st[0]), 0);
	assert_int_equal(stat(p->old_path, &st[1]), 0);
	assert_true(st[0].st_size <= 50000 && st[1].st_size <= 50000);
	assert_true(st[1].st_size > 40000);
	auto_free char *now = records(p->path);
	auto_free char *before = records(p->old_path);
	assert_non_null(strstr(now, "line 19999\n"));
	/* Nothing is missing between the two files. */
	int first = 0;
	int last = 0;
	uint32_t v;
	auto_strv struct strv words = { 0 };
	strv_split(&words, before, " \n");
	assert_int_equal(parse_u32(words.items[words.n - 1], 0, 20000, &v), 0);
	last = (int)v;
	auto_strv struct strv next = { 0 };
	strv_split(&next, now, " \n");
	assert_int_equal(parse_u32(next.items[3], 0, 20000, &v), 0);
	first = (int)v;
	assert_int_equal(first, last + 1);
}

static void appends_to_an_existing_log(void **state)
{
	struct place *p = *state;
	struct log_file *log = log_file_new(p->path, 1 << 20);

	log_file_write(log, LOG_STREAM_OUT, "a\n", 2);
	log_file_free(log);
	log = log_file_new(p->path, 1 << 20);
	log_file_write(log, LOG_STREAM_OUT, "b\n", 2);
	log_file_free(log);
	expect(p, "stdout F a\nstdout F b\n");
}

static void tells_what_could_not_be_written(void **state)
{
	struct place *p = *state;
	struct err err;

	assert_int_equal(mkdir(p->path, 0700), 0); /* a folder in the file's place */
	struct log_file *log = log_file_new(p->path, 1 << 20);
	log_file_write(log, LOG_STREAM_OUT, "lost\n", 5);
	assert_int_equal(path_remove(p->path, &err), 0);
	log_file_write(log, LOG_STREAM_OUT, "kept\n", 5);
	log_file_free(log);
	expect(p, "stderr F holm: 45 bytes of log lost: Is a directory\nstdout F kept\n");
}

static void parses_its_target(void **state)
{
	uint64_t max;
	const char *path;

	assert_int_equal(log_file_parse("65536:/var/log/a:b", &max, &path), 0);
	assert_int_equal(max, 65536);
	assert_string_equal(path, "/var/log/a:b");
	assert_int_equal(log_file_parse("65536", &max, &path), -EINVAL);
	assert_int_equal(log_file_parse("x:/a", &max, &path), -EINVAL);
	assert_int_equal(log_file_parse("1:a", &max, &path), -EINVAL);
	assert_int_equal(log_file_parse("99999999999999999:/a", &max, &path), -EINVAL);
}

/* The log of a machine that waits, until it is somebody's. */
static void a_link_stands_for_where_it_leads(void **state)
{
	struct place *p = *state;
	auto_free char *link = path_join(p->dir, "link");
	auto_free char *line = xmalloc(LOG_LINE_MAX);
	struct stat st;

	assert_int_equal(symlink(".", link), 0);
	struct log_file *log = log_file_new(link, LOG_FILE_MIN);
	log_file_write(log, LOG_STREAM_OUT, "early\n", 6);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(p->path, link), 0);
	log_file_write(log, LOG_STREAM_OUT, "late\n", 5);
	auto_free char *text = content(p->path);
	assert_non_null(strstr(text, "bytes of log lost: Link has been severed"));
	assert_non_null(strstr(text, " stdout F late\n"));
	memset(line, 'x', LOG_LINE_MAX);
	line[LOG_LINE_MAX - 1] = '\n';
	for (int i = 0; i < 3; i++)
		log_file_write(log, LOG_STREAM_OUT, line, LOG_LINE_MAX);
	log_file_free(log);
	assert_true(path_exists(p->old_path));
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_lines_however_they_are_cut),
		TEST(a_prompt_becomes_a_partial_record),
		TEST(cuts_long_lines),
		TEST(rotates_and_stays_below_the_maximum),
		TEST(appends_to_an_existing_log),
		TEST(tells_what_could_not_be_written),
		TEST(a_link_stands_for_where_it_leads),
		cmocka_unit_test(parses_its_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
