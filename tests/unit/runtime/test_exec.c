/* Whole runs of commands, by a driver that forks. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "runtime/runtime.h"

#define FAR_MS  600000
#define ALARM_S 30
#define TALK    "while :; do echo words; done 2> /dev/null"

/* Whether it has ended is told by its descriptors. */
static int begin(void *state, const struct runtime_exec *exec, struct runtime_exec_process *ret,
		 struct err *err)
{
	int out[2];
	int known[2]; /* closed when it is: the command may be done at once */
	char none;

	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipe2(known, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(known[1]);
		if (read(known[0], &none, 1) == 0)
			dup2(out[1], 1);
		execv(exec->cmd->items[0], exec->cmd->items);
		_exit(127);
	}
	close(out[1]);
	*ret = (struct runtime_exec_process){ .in = -1, .out = out[0], .err = -1 };
	*(pid_t *)state = pid;
	int r = proc_identify(pid, &ret->proc, err);
	close(known[0]);
	close(known[1]);
	return r;
}

static int end(void *state, const struct runtime_exec *exec, bool is_forced, int *ret_exit_code,
	       struct err *err)
{
	pid_t pid = *(pid_t *)state;
	int status;

	if (is_forced)
		kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*ret_exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

static const struct runtime_exec_ops ops = { .begin = begin, .end = end };
static const struct runtime_driver driver = { .name = "forking", .exec = &ops };

static struct runtime_exec_result run(const char *script, uint32_t timeout_ms,
				      const struct cancel *cancel)
{
	char *words[] = { (char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
			  (char *)(uintptr_t)script, NULL };
	const struct strv cmd = { words, 3 };
	const struct runtime_exec exec = { .cmd = &cmd,
					   .timeout_ms = timeout_ms,
					   .cancel = cancel };
	struct runtime_exec_result result;
	struct err err = { 0 };
	pid_t pid;

	alarm(ALARM_S);
	if (runtime_exec_run(&driver, &pid, &exec, &result, &err) < 0)
		fail_msg("%s", err.msg);
	alarm(0);
	return result;
}

static void tells_code_and_output(void **state)
{
	struct runtime_exec_result result = run("echo words; exit 3", FAR_MS, NULL);

	assert_false(result.is_timed_out);
	assert_int_equal(result.exit_code, 3);
	assert_string_equal(result.output, "words\n");
}

static void ends_what_takes_too_long(void **state)
{
	struct runtime_exec_result result = run("exec sleep 600", 100, NULL);

	assert_true(result.is_timed_out);
	assert_int_equal(result.exit_code, 128 + SIGKILL);
}

static void ends_when_it_is_cancelled(void **state)
{
	struct cancel cancel = { 0 };

	cancel_set(&cancel);
	struct runtime_exec_result result = run("exec sleep 600", FAR_MS, &cancel);
	assert_true(result.is_timed_out);
	assert_int_equal(result.exit_code, 128 + SIGKILL);
}

/* There is always something to read. */
static void ends_what_never_stops_talking(void **state)
{
	struct cancel cancel = { 0 };
	struct runtime_exec_result result = run(TALK, 100, NULL);

	assert_true(result.is_timed_out);
	cancel_set(&cancel);
	result = run(TALK, FAR_MS, &cancel);
	assert_true(result.is_timed_out);
}

static void what_holds_its_output_is_left_alone(void **state)
{
	struct runtime_exec_result result = run("sleep 600 & echo $!", FAR_MS, NULL);
	uint32_t pid;

	assert_false(result.is_timed_out);
	assert_int_equal(result.exit_code, 0);
	result.output[strcspn(result.output, "\n")] = '\0';
	assert_int_equal(parse_u32(result.output, 2, INT32_MAX, &pid), 0);
	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_code_and_output),
		cmocka_unit_test(ends_what_takes_too_long),
		cmocka_unit_test(ends_when_it_is_cancelled),
		cmocka_unit_test(ends_what_never_stops_talking),
		cmocka_unit_test(what_holds_its_output_is_left_alone),
	};

	return cmocka_run_group_tests_name("runtime/exec", tests, NULL, NULL);
}
