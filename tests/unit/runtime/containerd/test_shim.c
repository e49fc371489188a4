/* Finding the shim of one container among all processes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
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
	static const char starter[] = "/usr/libexec/holm-shim\0-namespace\0" NAMESPACE
				      "\0-address\0/run/x.sock\0-id\0" ID "\0start\0";
	static const char editor[] = "vi\0-namespace\0" NAMESPACE "\0-id\0" ID "\0";

	assert_true(shim_is_of(shim, sizeof(shim) - 1, ID));
	assert_false(shim_is_of(shim, sizeof(shim) - 1, OTHER));
	assert_false(shim_is_of(shim, 20, ID));
	assert_false(shim_is_of(foreign, sizeof(foreign) - 1, ID));
	assert_false(shim_is_of(editor, sizeof(editor) - 1, ID));
	assert_false(shim_is_of("", 0, ID));
	assert_true(shim_is_of(starter, sizeof(starter) - 1, ID));
	assert_true(shim_is_at(shim, sizeof(shim) - 1, "/run/x.sock"));
	assert_false(shim_is_at(shim, sizeof(shim) - 1, "/run/y.sock"));
	assert_false(shim_is_at(foreign, sizeof(foreign) - 1, ID));
}

static int bind_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	STR_COPY(addr.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void only_the_socket_of_a_dead_one_goes(void **state)
{
	char dir[] = "/tmp/holm-shim-XXXXXX";
	struct err err;

	assert_non_null(mkdtemp(dir));
	auto_free char *address = path_join(dir, "c.sock");
	auto_free char *sockets = path_join(dir, "s");
	auto_free char *dead = path_join(sockets, ID);
	auto_free char *alive = path_join(sockets, OTHER);
	assert_int_equal(dir_make(sockets, 0700, &err), 0);
	close(bind_at(dead));
	int fd = bind_at(alive);

	shim_remove_socket(address, ID);
	shim_remove_socket(address, OTHER);
	assert_false(path_exists(dead));
	assert_true(path_exists(alive));
	close(fd);
	assert_int_equal(path_remove(dir, &err), 0);
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
		cmocka_unit_test(only_the_socket_of_a_dead_one_goes),
		cmocka_unit_test(a_hung_one_is_killed_and_no_other),
	};

	return cmocka_run_group_tests_name("runtime/containerd/shim", tests, NULL, NULL);
}
