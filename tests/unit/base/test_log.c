/* Log lines: levels, prefix, one line per event. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

/* What log_write() puts on stderr. */
static char *capture(enum log_level level, const char *text)
{
	int fds[2];
	char line[4096];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	int before = dup(STDERR_FILENO);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	log_write(level, "%s", text);
	assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
	close(before);
	ssize_t n = read(fds[0], line, sizeof(line));
	close(fds[0]);
	close(fds[1]);
	return xstrndup(line, n > 0 ? (size_t)n : 0);
}

static void a_level_is_a_threshold(void **state)
{
	enum log_level level;

	assert_int_equal(log_level_parse("warning", &level), 0);
	log_set_level(level);
	auto_free char *shown = capture(LOG_LEVEL_ERROR, "x");
	auto_free char *hidden = capture(LOG_LEVEL_INFO, "x");
	assert_true(str_ends(shown, " error   x\n"));
	assert_string_equal(hidden, "");
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	log_set_level(LOG_LEVEL_INFO);
}

static void the_journal_gets_priorities(void **state)
{
	setenv("JOURNAL_STREAM", "1:2", 1);
	auto_free char *line = capture(LOG_LEVEL_WARNING, "x");
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(line, "<4>x\n");
}

static void an_event_stays_on_its_line(void **state)
{
	char text[5000];

	setenv("JOURNAL_STREAM", "1:2", 1);
	auto_free char *line = capture(LOG_LEVEL_INFO, "name\n<3>forged\033[2J\x7f.");
	assert_string_equal(line, "<6>name <3>forged [2J .\n");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	auto_free char *cut = capture(LOG_LEVEL_INFO, text);
	assert_in_range(strlen(cut), 1000, 2048);
	assert_true(str_ends(cut, "x\n"));
	unsetenv("JOURNAL_STREAM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_level_is_a_threshold),
		cmocka_unit_test(the_journal_gets_priorities),
		cmocka_unit_test(an_event_stays_on_its_line),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
