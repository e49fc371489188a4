/* Folders for a program: nothing of their making stays. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "helper/share.h"

#define ROUNDS  40
#define WAIT_MS 10000

/* In a session of its own, with all signals blocked, as the supervisor is. */
static void share_for_ever(const char *dir, int started)
{
	const struct share share = { dir, false };
	struct err err;
	sigset_t all;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		int fd = share_open(&share, 65534, 65534, &err);

		if (fd < 0 || write(started, "x", 1) != 1)
			_exit(1);
		close(fd);
	}
}

/* What it has left comes to us. */
static void expect_no_process(pid_t group)
{
	uint64_t end = clock_monotonic_ms() + WAIT_MS;
	bool is_late = false;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (!pid)
			clock_poll(NULL, 0, clock_monotonic_ms() + 2);
		if (clock_monotonic_ms() <= end)
			continue;
		is_late = true;
		kill(-group, SIGKILL);
	}
	assert_false(is_late);
	assert_int_equal(errno, ECHILD);
}

static void one_that_is_killed_leaves_no_process(void **state)
{
	char dir[] = "/tmp/holm-test-share.XXXXXX";

	if (geteuid() != 0) {
		print_message("not root: nobody to share with\n");
		skip();
	}
	assert_non_null(mkdtemp(dir));
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		int ends[2];
		char c;

		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		pid_t pid = fork();
		if (pid == 0)
			share_for_ever(dir, ends[1]);
		close(ends[1]);
		assert_int_equal(read(ends[0], &c, 1), 1);
		/* At another moment of the making each time. */
		struct timespec pause = { .tv_nsec = i * 37000 % 1000000 };
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		expect_no_process(pid);
		close(ends[0]);
	}
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_is_killed_leaves_no_process),
	};

	return cmocka_run_group_tests_name("helper/share", tests, NULL, NULL);
}
