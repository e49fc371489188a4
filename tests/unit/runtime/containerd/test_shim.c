/* Finding the shim of one container among all processes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "runtime/containerd/shim.h"

#define ID    "0123456789abcdef01234567"
#define OTHER "0123456789abcdef01234568"

static void is_known_by_its_words(void **state)
{
	static const char shim[] = "/usr/bin/containerd-shim-runc-v2\0-namespace\0" NAMESPACE
				   "\0-id\0" ID "\0-address\0/run/x.sock\0";
	static const char foreign[] = "containerd-shim\0-namespace\0moby\0-id\0" ID "\0";
	static const char editor[] = "vi\0-namespace\0" NAMESPACE "\0-id\0" ID "\0";

	assert_true(shim_is_of(shim, sizeof(shim) - 1, ID));
	assert_false(shim_is_of(shim, sizeof(shim) - 1, OTHER));
	assert_false(shim_is_of(shim, 20, ID));
	assert_false(shim_is_of(foreign, sizeof(foreign) - 1, ID));
	assert_false(shim_is_of(editor, sizeof(editor) - 1, ID));
	assert_false(shim_is_of("", 0, ID));
	assert_true(shim_is_at(shim, sizeof(shim) - 1, "/run/x.sock"));
	assert_false(shim_is_at(shim, sizeof(shim) - 1, "/run/y.sock"));
	assert_false(shim_is_at(foreign, sizeof(foreign) - 1, ID));
}

/* A shell that waits on its input, under a shim's name. */
static pid_t start_stopped(const char *id)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(fds[0], STDIN_FILENO);
		execl("/bin/sh", "containerd-shim-test", "-s", "-", "-namespace", NAMESPACE, "-id",
		      id, NULL);
		_exit(1);
	}
	/* Its words are the new ones once it stops by what the new program reads. */
	assert_true(write(fds[1], "kill -STOP $$\n", 14) == 14);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	return pid;
}

static void a_hung_one_is_killed_and_no_other(void **state)
{
	pid_t hung = start_stopped(ID);
	pid_t other = start_stopped(OTHER);
	struct err err;
	int status;

	assert_int_equal(shim_kill(ID, &err), 0);
	assert_int_equal(waitpid(hung, &status, 0), hung);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(waitpid(other, &status, WNOHANG), 0);
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(shim_kill(ID, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_known_by_its_words),
		cmocka_unit_test(a_hung_one_is_killed_and_no_other),
	};

	return cmocka_run_group_tests_name("runtime/containerd/shim", tests, NULL, NULL);
}
