/* Process identity: this process, children that end, numbers that are another's. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/proc.h"

/* A child that waits for its end, named so that a careless reader of its stat line stumbles. */
static pid_t start_child(void)
{
	int ready[2];
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "a) Z 1 2 (b");
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void identifies_a_process_whatever_its_name(void **state)
{
	pid_t pid = start_child();
	struct proc_id id;
	struct proc_id self;
	struct err err;

	assert_int_equal(proc_identify(pid, &id, &err), 0);
	assert_int_equal(proc_identify(getpid(), &self, &err), 0);
	assert_int_equal(id.pid, pid);
	assert_true(self.start_time > 0);
	assert_in_range(id.start_time, self.start_time, self.start_time + 100 * 60);
	assert_int_equal(strlen(id.boot_id), 36);
	assert_true(proc_is_alive(&id));
	end_child(pid);
	assert_false(proc_is_alive(&id));
	assert_int_equal(proc_identify(pid, &id, &err), -ESRCH);
}

static void a_zombie_counts_as_none(void **state)
{
	pid_t pid = start_child();
	struct proc_id id;
	struct proc_id untouched = { .pid = 7 };
	siginfo_t info;
	struct err err;

	assert_int_equal(proc_identify(pid, &id, &err), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(proc_is_alive(&id));
	assert_int_equal(proc_open(&id, &err), -ESRCH);
	assert_int_equal(proc_identify(pid, &untouched, &err), -ESRCH);
	assert_int_equal(untouched.pid, 7);
	end_child(pid);
}

static void a_later_process_of_the_same_number_is_another(void **state)
{
	pid_t pid = start_child();
	struct proc_id id;
	struct proc_id earlier;
	struct proc_id other_boot;
	struct err err;

	assert_int_equal(proc_identify(pid, &id, &err), 0);
	earlier = id;
	earlier.start_time--;
	other_boot = id;
	other_boot.boot_id[0] = id.boot_id[0] == '0' ? '1' : '0';
	assert_false(proc_is_alive(&earlier));
	assert_false(proc_is_alive(&other_boot));
	assert_int_equal(proc_open(&earlier, &err), -ESRCH);
	assert_int_equal(proc_kill(&earlier, SIGKILL, &err), 0);
	assert_int_equal(proc_wait(&earlier, 10000, &err), 0);
	assert_true(proc_is_alive(&id)); /* the signal was not for it */
	end_child(pid);
}

static void no_process_has_number_zero(void **state)
{
	struct proc_id none = { 0 };
	struct err err;

	assert_false(proc_is_alive(&none));
	assert_int_equal(proc_open(&none, &err), -ESRCH);
	assert_int_equal(proc_kill(&none, SIGKILL, &err), 0);
	assert_int_equal(proc_identify(0, &none, &err), -ESRCH);
	assert_int_equal(proc_identify(-1, &none, &err), -ESRCH);
}

static void waits_until_it_has_ended(void **state)
{
	pid_t pid = start_child();
	struct proc_id id;
	struct err err;

	assert_int_equal(proc_identify(pid, &id, &err), 0);
	assert_int_equal(proc_wait(&id, 0, &err), -ETIMEDOUT);
	assert_int_equal(proc_wait(&id, 20, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "still running after 20 ms"));
	auto_close int fd = proc_open(&id, &err);
	assert_true(fd >= 0);
	assert_int_equal(proc_kill(&id, SIGKILL, &err), 0);
	assert_int_equal(proc_wait(&id, 10000, &err), 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 10000), 1);
	end_child(pid);
	assert_int_equal(proc_wait(&id, 10000, &err), 0);
	assert_int_equal(proc_kill(&id, SIGKILL, &err), 0);
}

static void text_and_back(void **state)
{
	struct proc_id id;
	struct proc_id back;
	struct err err;
	char text[PROC_ID_TEXT_MAX];

	assert_int_equal(proc_identify(getpid(), &id, &err), 0);
	proc_id_format(&id, text);
	assert_int_equal(proc_id_parse(text, &back), 0);
	assert_int_equal(back.pid, id.pid);
	assert_int_equal(back.start_time, id.start_time);
	assert_string_equal(back.boot_id, id.boot_id);
	auto_free char *line = xasprintf("%s\n", text);
	assert_int_equal(proc_id_parse(line, &back), 0);
}

static void other_texts_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"1 2",
		"1 2 x",
		"0 2 01234567-89ab-cdef-0123-456789abcdef",
		"-1 2 01234567-89ab-cdef-0123-456789abcdef",
		"4294967297 2 01234567-89ab-cdef-0123-456789abcdef",
		"1 -2 01234567-89ab-cdef-0123-456789abcdef",
		"1 2 01234567-89ab-cdef-0123-456789abcdef 3",
		"1 2 01234567-89ab-cdef-0123-456789abcde",
		"1 2 01234567-89ab-cdef-0123-456789abcdeX",
	};
	struct proc_id id = { .pid = 7 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (proc_id_parse(bad[i], &id) != -EINVAL)
			fail_msg("\"%s\" was accepted", bad[i]);
	assert_int_equal(id.pid, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identifies_a_process_whatever_its_name),
		cmocka_unit_test(a_zombie_counts_as_none),
		cmocka_unit_test(a_later_process_of_the_same_number_is_another),
		cmocka_unit_test(no_process_has_number_zero),
		cmocka_unit_test(waits_until_it_has_ended),
		cmocka_unit_test(text_and_back),
		cmocka_unit_test(other_texts_are_refused),
	};

	return cmocka_run_group_tests_name("base/proc", tests, NULL, NULL);
}
