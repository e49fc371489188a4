/* Ending the processes of a unikernel, whatever state they are in. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "runtime/qemu/process.h"

static pid_t start_stopped(const char *dir, const char *name)
{
	auto_free char *path = path_join(dir, name);
	char text[PROC_ID_TEXT_MAX];
	struct proc_id proc;
	struct err err;
	pid_t pid = fork();

	if (pid == 0) {
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	assert_int_equal(proc_identify(pid, &proc, &err), 0);
	proc_id_format(&proc, text);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), 0);
	return pid;
}

static void a_hung_supervisor_is_no_obstacle(void **state)
{
	char dir[] = "/tmp/holm-test-XXXXXX";
	struct err err;
	int status;

	assert_non_null(mkdtemp(dir));
	pid_t vm = start_stopped(dir, "vm.pid");
	pid_t helper = start_stopped(dir, "helper.pid");
	assert_int_equal(vm_kill(dir, 100, &err), 0);
	assert_int_equal(waitpid(vm, &status, 0), vm);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(waitpid(helper, &status, 0), helper);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(path_remove(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hung_supervisor_is_no_obstacle),
	};

	return cmocka_run_group_tests_name("runtime/qemu/process", tests, NULL, NULL);
}
