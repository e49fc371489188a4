/* The QEMU driver against the contract, with the guest of its unit tests, or with the one for arm64: on
 * an emulated machine, which is slow, so only what the architecture decides, and fewer guests. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cgroup.h"
#include "suite.h"

static bool command(enum program program, struct strv *ret)
{
	/* A guest has no exit codes but success and crash, and cannot take more memory than it has
	 * got. An empty word cannot be written on a guest's command line. */
	static const char *const words[PROGRAM_N] = {
		[PROGRAM_IDLE] = "run",  [PROGRAM_DEAF] = "run",    [PROGRAM_CLEAN] = "exit",
		[PROGRAM_SPIN] = "spin", [PROGRAM_HELLO] = "hello", [PROGRAM_ABSENT] = "",
	};

	if (!words[program])
		return false;
	strv_add(ret, words[program]);
	return true;
}

static void check_gone(const struct subject *s, const char *instance_id)
{
	static const char *const groups[] = { "memory", "pids", "cpu", "cpuacct", "unified", "." };
	auto_free char *dir = xasprintf("%s/qemu/%s", s->config.data_dir, instance_id);

	assert_false(path_exists(dir));
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		auto_free char *group = xasprintf("/sys/fs/cgroup/%s/%s/%s", groups[i],
						  s->config.cgroup_parent, instance_id);

		assert_false(path_exists(group));
	}
}

static int make_image(const char *dir, const char *guest, struct err *err)
{
	auto_free char *kernel = path_join(dir, "kernel");
	auto_free char *data = NULL;
	size_t len;

	if (dir_make(dir, 0755, err) < 0 || file_read(guest, 1 << 24, &data, &len, err) < 0)
		return err->code;
	return file_write_atomic(kernel, data, len, 0644, err);
}

static int remove_all(const struct subject *s, struct err *err)
{
	struct cgroup_fs fs;

	if (cgroup_detect("/sys/fs/cgroup", &fs, err) < 0 ||
	    cgroup_remove(&fs, s->config.cgroup_parent, err) < 0)
		return err->code;
	return path_remove(s->config.data_dir, err);
}

#define MANY       30
#define MANY_OTHER 4

/* What runs has its kernel; what is started anew does without one that was damaged or removed. */
static void does_without_its_image(void **state)
{
	const struct subject *s = *state;
	auto_free char *kernel = path_join(s->image, "kernel");
	auto_free char *data = NULL;
	struct runtime_status status;
	struct instance i;
	struct err err;
	size_t len;

	instance_init(&i, s, PROGRAM_IDLE);
	must(file_read(kernel, 1 << 24, &data, &len, &err), &err);
	start(s, &i, &status);
	must(file_write_atomic(kernel, data, len / 2, 0644, &err), &err);
	assert_true(proc_is_alive(&status.proc));
	stop(s, &i, &status);
	assert_int_equal(s->driver->start(s->state, &i.spec, NULL, &status, &err), -EIO);
	print_message("# %s\n", err.msg); /* QEMU's words */
	check_gone(s, i.id);
	must(file_write_atomic(kernel, data, 40, 0644, &err), &err);
	assert_int_equal(s->driver->start(s->state, &i.spec, NULL, &status, &err), -ENOEXEC);
	check_gone(s, i.id);
	assert_int_equal(unlink(kernel), 0);
	assert_int_equal(s->driver->start(s->state, &i.spec, NULL, &status, &err), -ENOENT);
	check_gone(s, i.id);
	must(file_write_atomic(kernel, data, len, 0644, &err), &err);
	start(s, &i, &status);
	stop(s, &i, &status);
	instance_fini(&i);
}

/* Its monitor answers nobody any more, and it listens to no signal but one. */
static void ends_one_that_hangs(void **state)
{
	const struct subject *s = *state;
	struct runtime_status status;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_SPIN);
	start(s, &i, &status);
	struct proc_id qemu = status.proc;
	must(proc_kill(&qemu, SIGSTOP, &err), &err);
	assert_int_equal(s->driver->set_paused(s->state, i.id, true, &err), -ETIMEDOUT);
	stop(s, &i, &status);
	assert_int_equal(status.end, RUNTIME_END_STOPPED);
	assert_false(proc_is_alive(&qemu));
	check_gone(s, i.id);
	instance_fini(&i);
}

/* There is one way to power off: only its own words tell that it crashed. */
static void tells_a_crash_by_its_console(void **state)
{
	const struct subject *s = *state;
	struct runtime_status status;
	struct instance i;

	instance_init(&i, s, PROGRAM_IDLE);
	strv_fini(&i.cmd);
	strv_add(&i.cmd, "crash");
	start(s, &i, &status);
	wait_ended(s, &i, &status);
	assert_int_equal(status.end, RUNTIME_END_CRASH);
	assert_non_null(strstr(status.detail, "Unhandled Trap 6"));
	stop(s, &i, NULL);
	instance_fini(&i);
}

static void runs_many_at_once(void **state)
{
	const struct subject *s = *state;
	const size_t many = s->is_another_guest ? MANY_OTHER : MANY;
	struct instance i[MANY];
	struct runtime_status status[MANY];

	for (size_t n = 0; n < many; n++) {
		instance_init(&i[n], s, PROGRAM_HELLO);
		i[n].spec.memory_mib = 8;
		start(s, &i[n], &status[n]);
	}
	assert_int_equal(count_listed(s), many);
	for (size_t n = 0; n < many; n++) {
		wait_log(&i[n], "hello");
		assert_true(proc_is_alive(&status[n].proc));
	}
	for (size_t n = 0; n < many; n++) {
		stop(s, &i[n], &status[n]);
		check_gone(s, i[n].id);
		instance_fini(&i[n]);
	}
	assert_int_equal(count_listed(s), 0);
}

static int run(struct subject *s, const char *guest, struct err *err)
{
	const struct CMUnitTest own[] = {
		cmocka_unit_test_prestate(runs_many_at_once, s),
		cmocka_unit_test_prestate(ends_one_that_hangs, s),
		cmocka_unit_test_prestate(does_without_its_image, s),
	};
	const struct CMUnitTest others[] = {
		cmocka_unit_test_prestate(runs_many_at_once, s),
		cmocka_unit_test_prestate(ends_one_that_hangs, s),
		cmocka_unit_test_prestate(tells_a_crash_by_its_console, s),
	};
	int r = make_image(s->image, guest, err);

	if (r == 0)
		r = s->driver->open(&s->config, &s->state, err);
	if (r < 0)
		return r;
	r = s->is_another_guest ? suite_run(s, others, ARRAY_LEN(others))
				: suite_run(s, own, ARRAY_LEN(own));
	s->driver->close(s->state);
	return remove_all(s, err) < 0 ? err->code : r;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/holm-contract-XXXXXX";
	const char *build = getenv("HOLM_BUILD");
	bool is_arm64 = argc > 1 && str_eq(argv[1], "arm64");
	struct err err = { 0 };

	if (geteuid() != 0 || !build || !mkdtemp(dir)) {
		printf("1..0 # SKIP control groups need root, and HOLM_BUILD names the build\n");
		return 0;
	}
	auto_free char *helper = path_join(build, "src/helper/holm-helper");
	auto_free char *guest = path_join(build,
					  is_arm64 ? "tests/unit/runtime/qemu/guest-arm64.image"
						   : "tests/unit/runtime/qemu/guest.elf");
	auto_free char *image = path_join(dir, "image");
	auto_free char *logs = path_join(dir, "logs");
	auto_free char *cgroup = xasprintf("holm-contract-%d", getpid());
	struct subject subject = {
		.name = is_arm64 ? "contract/runtime/qemu/arm64" : "contract/runtime/qemu",
		.is_another_guest = is_arm64,
		.driver = &qemu_driver,
		.config = { .node_id = "000000000000000000000001",
			    .data_dir = dir,
			    .helper_path = helper,
			    .cgroup_parent = cgroup,
			    .log_max_bytes = 1 << 20,
			    .first_user = 0x70000000,
			    .n_users = 0x08000000 },
		.image = image,
		.digest = "sha256:test",
		.command = command,
		.check_gone = check_gone,
		.has_no_stop_signal = true,
		.log_dir = logs,
	};
	int r = run(&subject, guest, &err);

	if (r < 0)
		fprintf(stderr, "%s\n", err.msg);
	return r != 0;
}
