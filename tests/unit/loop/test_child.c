/* Children: their surroundings, their end, and whom they outlive. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/base.h"
#include "loop/child.h"

#define LONG_MS 20000
#define PAGE    ((size_t)4096)
#define PAGES   4096

#define ARGV(...) ((char *const *)(const char *const[]){ __VA_ARGS__, NULL })
#define LONG_ARGV ARGV("tail", "-f", "/dev/null")

static int run_script(const char *script, struct child_spec *spec, char **ret_output)
{
	char *const *argv = ARGV("sh", "-c", script);
	struct err err = { 0 };

	spec->argv = argv;
	int r = child_run(spec, LONG_MS, ret_output, &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	return r;
}

static void assert_output(const char *script, struct child_spec *spec, const char *expected)
{
	auto_free char *output = NULL;

	assert_int_equal(run_script(script, spec, &output), 0);
	assert_string_equal(output, expected);
}

static void output_and_code_are_returned(void **state)
{
	struct child_spec spec = { 0 };
	auto_free char *output = NULL;

	assert_int_equal(run_script("echo out; echo err >&2; exit 3", &spec, &output), 3);
	assert_string_equal(output, "out\nerr\n");
	assert_int_equal(run_script("kill -9 $$", &spec, NULL), 128 + 9);
}

static void only_the_last_of_much_output_is_kept(void **state)
{
	struct child_spec spec = { 0 };
	auto_free char *output = NULL;

	assert_int_equal(run_script("seq 1 100000", &spec, &output), 0);
	assert_int_equal(strlen(output), 64 << 10);
	assert_true(str_ends(output, "\n99999\n100000\n"));
}

static void surroundings_are_clean(void **state)
{
	struct child_spec spec = { 0 };
	auto_close int leak = open("/dev/null", O_RDONLY); /* on purpose without CLOEXEC */
	sigset_t set;

	assert_true(leak >= 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	assert_output(
		"pwd; cat; ls /proc/self/fd | tr '\\n' ' '; grep -E 'Sig(Blk|Ign)' /proc/self/status"
		" | tr -d '\\t\\n'; readlink /proc/self/fd/0",
		&spec, "/\n0 1 2 3 SigBlk:0000000000000000SigIgn:0000000000000000/dev/null\n");
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	setenv("HOLM_TEST_SECRET", "1", 1);
	assert_output("env | grep -v -e ^PATH= -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=", &spec,
		      "LANG=C\n");
	unsetenv("HOLM_TEST_SECRET");
}

static void folder_and_environment_are_given(void **state)
{
	char *const *env = ARGV("A=1", "PATH=/bin:/usr/bin");
	struct child_spec spec = { .dir = "/proc/self", .env = env };

	assert_output("test -e status && echo $A", &spec, "1\n");
}

static void descriptors_are_passed_in_order(void **state)
{
	int pipes[3][2];
	int keep[3];

	/* The sources stand in each other's places. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
		assert_int_equal(write(pipes[i][1], &"012"[i], 1), 1);
		close(pipes[i][1]);
	}
	for (int i = 0; i < 3; i++)
		keep[i] = pipes[2 - i][0];
	struct child_spec spec = { .keep_fds = keep, .n_keep_fds = 3 };
	assert_output("cat <&3; cat <&4; cat <&5", &spec, "210");
	for (int i = 0; i < 3; i++)
		close(pipes[i][0]);
}

static void a_late_one_is_killed_with_its_session(void **state)
{
	char *const *argv = ARGV("sh", "-c", "tail -f /dev/null & echo $!; wait");
	struct child_spec spec = { .argv = argv };
	struct err err = { 0 };
	char mark[] = "x";
	char *untouched = mark;
	int fds[2];
	char c;

	/* The write end is open in the grandchild too: end of file means that it is gone. */
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.keep_fds = &fds[1];
	spec.n_keep_fds = 1;
	assert_int_equal(child_run(&spec, 200, &untouched, &err), -ETIMEDOUT);
	assert_string_equal(untouched, "x");
	assert_string_equal(err.msg, "run sh: not done in time, killed");
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
}

static void a_grandchild_with_the_pipe_delays_nobody(void **state)
{
	struct child_spec spec = { 0 };
	auto_free char *output = NULL;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.keep_fds = &fds[0];
	spec.n_keep_fds = 1;
	assert_int_equal(run_script("cat <&3 & echo done", &spec, &output), 0);
	assert_string_equal(output, "done\n");
	close(fds[0]);
	close(fds[1]); /* which ends the cat */
}

static void what_cannot_start_is_an_error(void **state)
{
	char *const *argv = ARGV("holm-no-such-program");
	char *const *missing = ARGV("/nowhere/x");
	char *const *folder = ARGV("/proc");
	char *const *fine = ARGV("true");
	struct child_spec spec = { .argv = argv };
	struct proc_id id = { .pid = 7 };
	struct err err = { 0 };

	assert_int_equal(child_spawn(&spec, &id, &err), -ENOENT);
	assert_true(str_starts(err.msg, "start holm-no-such-program: not found in "));
	spec.argv = missing;
	assert_int_equal(child_run(&spec, LONG_MS, NULL, &err), -ENOENT);
	assert_string_equal(err.msg,
			    "start /nowhere/x: execute /nowhere/x: No such file or directory");
	spec.argv = folder;
	spec.is_detached = true;
	assert_int_equal(child_spawn(&spec, &id, &err), -EACCES);
	spec.argv = fine;
	spec.dir = "/nowhere";
	assert_int_equal(child_spawn(&spec, &id, &err), -ENOENT);
	assert_string_equal(err.msg,
			    "start true: change to folder /nowhere: No such file or directory");
	spec.dir = NULL;
	spec.output_path = "/nowhere/log";
	assert_int_equal(child_spawn(&spec, &id, &err), -ENOENT);
	spec.output_path = NULL;
	spec.join_netns = "/nowhere/ns";
	assert_int_equal(child_spawn(&spec, &id, &err), -ENOENT);
	spec.join_netns = "/dev/null";
	assert_int_equal(child_spawn(&spec, &id, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "start true: enter network namespace /dev/null: Invalid argument");
	assert_int_equal(id.pid, 7);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void an_attached_child_is_waited_for(void **state)
{
	struct child_spec spec = { .argv = LONG_ARGV };
	struct proc_id id;
	struct err err = { 0 };

	assert_int_equal(child_spawn(&spec, &id, &err), 0);
	assert_true(proc_is_alive(&id));
	assert_int_equal(getsid(id.pid), id.pid);
	assert_int_equal(child_wait(&id, 0, &err), -ETIMEDOUT);
	assert_int_equal(proc_kill(&id, SIGTERM, &err), 0);
	assert_int_equal(child_wait(&id, LONG_MS, &err), 128 + SIGTERM);
	assert_int_equal(child_wait(&id, 0, &err), -ECHILD);
}

static void a_child_that_ends_at_once_has_an_identity(void **state)
{
	char *const *argv = ARGV("true");
	struct child_spec spec = { .argv = argv };
	struct proc_id id;
	struct err err = { 0 };

	for (int i = 0; i < 20; i++) {
		spec.is_detached = i % 2;
		assert_int_equal(child_spawn(&spec, &id, &err), 0);
		assert_true(id.pid > 0 && id.start_time > 0);
		assert_int_equal(proc_wait(&id, LONG_MS, &err), 0);
		if (!spec.is_detached)
			assert_int_equal(child_wait(&id, LONG_MS, &err), 0);
	}
}

/* A process that starts one child of each kind, tells their identities and ends. */
static void run_parent(int out)
{
	struct child_spec spec = { .argv = LONG_ARGV };
	struct proc_id ids[2];
	struct err err;

	if (child_spawn(&spec, &ids[0], &err) < 0)
		_exit(1);
	spec.is_detached = true;
	if (child_spawn(&spec, &ids[1], &err) < 0)
		_exit(1);
	_exit(write(out, ids, sizeof(ids)) == sizeof(ids) ? 0 : 1);
}

static void only_a_detached_child_outlives_its_parent(void **state)
{
	struct proc_id ids[2];
	struct err err;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t parent = fork();
	assert_true(parent >= 0);
	if (parent == 0)
		run_parent(fds[1]);
	assert_int_equal(read(fds[0], ids, sizeof(ids)), sizeof(ids));
	waitpid(parent, NULL, 0);
	assert_int_equal(proc_wait(&ids[0], LONG_MS, &err), 0);
	assert_true(proc_is_alive(&ids[1]));
	assert_int_equal(getsid(ids[1].pid), ids[1].pid);
	assert_int_equal(proc_kill(&ids[1], SIGKILL, &err), 0);
	assert_int_equal(proc_wait(&ids[1], LONG_MS, &err), 0);
	close(fds[0]);
	close(fds[1]);
}

static void output_is_appended_to_a_file(void **state)
{
	char path[] = "/tmp/holm-test-child.XXXXXX";
	char *const *argv = ARGV("echo", "one");
	struct child_spec spec = { .argv = argv, .output_path = path };
	auto_free char *text = NULL;
	struct proc_id id;
	struct err err;

	close(mkstemp(path));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(child_spawn(&spec, &id, &err), 0);
		assert_int_equal(child_wait(&id, LONG_MS, &err), 0);
	}
	assert_int_equal(file_read(path, 100, &text, NULL, &err), 0);
	assert_string_equal(text, "one\none\n");
	unlink(path);
}

/* A process in a network namespace of its own, which holds it until stdin of it ends. */
static pid_t start_in_namespace(int hold[2])
{
	int ready[2];
	char c = 0;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(hold[1]);
		c = unshare(CLONE_NEWNET) == 0;
		if (write(ready[1], &c, 1) != 1 || read(hold[0], &c, 1) != 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	if (c)
		return pid;
	close(hold[0]);
	close(hold[1]);
	waitpid(pid, NULL, 0);
	return -1;
}

static long faults(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_minflt;
}

static void write_pages(char *memory, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)memory)[i * PAGE]++;
}

/* A fork has a fault at every page that is written to after it. */
static void our_memory_is_not_copied(void **state)
{
	struct child_spec spec = { .argv = LONG_ARGV };
	struct proc_id id;
	struct err err;
	char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE), 0);
	for (int is_detached = 0; is_detached < 2; is_detached++) {
		spec.is_detached = is_detached;
		write_pages(memory, PAGES);
		assert_int_equal(child_spawn(&spec, &id, &err), 0);
		long before = faults();
		write_pages(memory, PAGES);
		assert_true(faults() - before < PAGES / 2);
		assert_int_equal(proc_kill(&id, SIGKILL, &err), 0);
		assert_int_equal(proc_wait(&id, LONG_MS, &err), 0);
	}
	munmap(memory, PAGES * PAGE);
}

static void a_network_namespace_is_joined(void **state)
{
	int hold[2];
	pid_t pid = start_in_namespace(hold);
	char link[64];
	char expected[64];

	if (pid < 0) {
		print_message("# no right to make a network namespace\n");
		skip();
	}
	auto_free char *path = xasprintf("/proc/%d/ns/net", pid);
	ssize_t n = readlink(path, link, sizeof(link) - 1);
	assert_true(n > 0);
	snprintf(expected, sizeof(expected), "%.*s\n", (int)n, link);
	struct child_spec spec = { .join_netns = path };
	assert_output("readlink /proc/self/ns/net", &spec, expected);
	close(hold[0]);
	close(hold[1]);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_code_are_returned),
		cmocka_unit_test(only_the_last_of_much_output_is_kept),
		cmocka_unit_test(surroundings_are_clean),
		cmocka_unit_test(folder_and_environment_are_given),
		cmocka_unit_test(descriptors_are_passed_in_order),
		cmocka_unit_test(a_late_one_is_killed_with_its_session),
		cmocka_unit_test(a_grandchild_with_the_pipe_delays_nobody),
		cmocka_unit_test(what_cannot_start_is_an_error),
		cmocka_unit_test(an_attached_child_is_waited_for),
		cmocka_unit_test(a_child_that_ends_at_once_has_an_identity),
		cmocka_unit_test(only_a_detached_child_outlives_its_parent),
		cmocka_unit_test(output_is_appended_to_a_file),
		cmocka_unit_test(our_memory_is_not_copied),
		cmocka_unit_test(a_network_namespace_is_joined),
	};

	return cmocka_run_group_tests_name("loop/child", tests, NULL, NULL);
}
