/* A user for each machine. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "runtime/qemu/process.h"
#include "runtime/qemu/user.h"

#define FIRST 0x70001000u

static int setup(void **state)
{
	char dir[] = "/tmp/holm-test-XXXXXX";
	struct qemu *qemu = NEW(struct qemu);

	if (!mkdtemp(dir))
		return -1;
	qemu->dir = xstrdup(dir);
	qemu->first_user = FIRST;
	qemu->n_users = 3;
	*state = qemu;
	return 0;
}

static int teardown(void **state)
{
	struct qemu *qemu = *state;
	struct err err;
	int r = path_remove(qemu->dir, &err);

	free(qemu->dir);
	free(qemu);
	return r;
}

static int make(const struct qemu *qemu, const char *name, uint32_t *ret, struct err *err)
{
	auto_free char *path = path_join(qemu->dir, name);
	auto_vm_dir struct vm_dir dir = { .lock = -1 };
	int r = vm_dir_make(qemu, path, &dir, err);

	if (r == 0)
		*ret = dir.user;
	return r;
}

static void need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("not root: no users to choose from\n");
	skip();
}

static void each_machine_has_its_own(void **state)
{
	struct qemu *qemu = *state;
	uint32_t users[3] = { 0 }, again;
	uint32_t seen = 0;
	struct err err;
	struct stat st;

	need_root();
	for (int i = 0; i < 3; i++) {
		const char name[] = { (char)('a' + i), '\0' };

		assert_int_equal(make(qemu, name, &users[i], &err), 0);
		assert_in_range(users[i], FIRST, FIRST + 2);
		seen |= 1u << (users[i] - FIRST);
	}
	assert_int_equal(seen, 7);
	assert_int_equal(make(qemu, "d", &again, &err), -EUSERS);
	auto_free char *vm = path_join(qemu->dir, "b/vm");
	assert_int_equal(stat(vm, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_gid, users[1]);
	assert_int_equal(st.st_mode & 0777, 0750);
	auto_free char *b = path_join(qemu->dir, "b");
	assert_int_equal(path_remove(b, &err), 0);
	assert_int_equal(make(qemu, "e", &again, &err), 0);
	assert_int_equal(again, users[1]);
}

static void one_that_has_processes_is_not_given(void **state)
{
	struct qemu *qemu = *state;
	uint32_t user;
	struct err err;
	int ready[2];
	char c;

	need_root();
	qemu->n_users = 1;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (setuid(FIRST) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(make(qemu, "a", &user, &err), -EUSERS);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(make(qemu, "b", &user, &err), 0);
	assert_int_equal(user, FIRST);
	close(ready[0]);
	close(ready[1]);
}

static void without_root_there_is_no_choice(void **state)
{
	struct qemu *qemu = *state;
	uint32_t user;
	struct err err;

	qemu->n_users = 0;
	assert_int_equal(make(qemu, "a", &user, &err), 0);
	assert_int_equal(user, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_machine_has_its_own),
		TEST(one_that_has_processes_is_not_given),
		TEST(without_root_there_is_no_choice),
	};

	return cmocka_run_group_tests_name("runtime/qemu/user", tests, NULL, NULL);
}
