/* Asking for a password on a terminal of the test's own. */
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <termios.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "cli/private.h"

#define PATIENCE_MS 20000

struct terminal_test {
	pid_t pid;
	int main;  /* ours */
	int other; /* the command's */
	struct buf seen;
};

static __attribute__((noreturn)) void run_login(void)
{
	char *argv[] = { (char *)"holm",
			 (char *)"--data-dir",
			 (char *)"/nonexistent",
			 (char *)"registry",
			 (char *)"login",
			 (char *)"-u",
			 (char *)"me",
			 (char *)"registry.example",
			 NULL };
	struct cli_call call = { .out = stdout, .err = stderr };
	int code;

	signal(SIGINT, SIG_DFL);
	code = cli_run((int)ARRAY_LEN(argv) - 1, argv, &call);
	fflush(stdout);
	fflush(stderr);
	_exit(code);
}

static int setup(void **state)
{
	struct terminal_test *t = NEW(struct terminal_test);
	char name[64];

	t->pid = forkpty(&t->main, name, NULL, NULL);
	assert_true(t->pid >= 0);
	if (t->pid == 0)
		run_login();
	t->other = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t->other >= 0);
	buf_init(&t->seen, 1 << 16);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct terminal_test *t = *state;

	if (t->pid > 0) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	close(t->main);
	close(t->other);
	buf_fini(&t->seen);
	free(t);
	return 0;
}

static void await(struct terminal_test *t, const char *text)
{
	uint64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;

	while (!strstr(t->seen.data, text)) {
		struct pollfd fd = { .fd = t->main, .events = POLLIN };
		char piece[256];

		if (clock_poll(&fd, 1, end_ms) != 1)
			fail_msg("no \"%s\" in \"%s\"", text, t->seen.data);
		ssize_t n = read(t->main, piece, sizeof(piece));
		assert_true(n > 0);
		buf_add(&t->seen, piece, (size_t)n);
	}
}

static int end_of(struct terminal_test *t)
{
	int status = 0;

	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	t->pid = 0;
	return status;
}

static bool shows_input(const struct terminal_test *t)
{
	struct termios now;

	assert_int_equal(tcgetattr(t->other, &now), 0);
	return now.c_lflag & ECHO;
}

static void type(const struct terminal_test *t, const char *keys)
{
	assert_int_equal(write(t->main, keys, strlen(keys)), strlen(keys));
}

static void a_password_is_not_shown(void **state)
{
	struct terminal_test *t = *state;

	await(t, "Password: ");
	assert_false(shows_input(t));
	type(t, "correct horse\n");
	await(t, "is not running"); /* nobody is there to be told */
	assert_true(WIFEXITED(end_of(t)));
	assert_null(strstr(t->seen.data, "horse"));
	assert_true(shows_input(t));
}

static void an_interrupt_leaves_the_terminal_as_it_was(void **state)
{
	struct terminal_test *t = *state;

	await(t, "Password: ");
	assert_false(shows_input(t));
	type(t, "half\x03");
	int status = end_of(t);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	assert_true(shows_input(t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_password_is_not_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(an_interrupt_leaves_the_terminal_as_it_was, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("cli/prompt", tests, NULL, NULL);
}
