/* The QEMU driver against the contract, with the guest of its unit tests. */
#include <setjmp.h>
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

static int run(struct subject *s, const char *guest, struct err *err)
{
	int r = make_image(s->image, guest, err);

	if (r == 0)
		r = s->driver->open(&s->config, &s->state, err);
	if (r < 0)
		return r;
	r = suite_run(s, NULL, 0);
	s->driver->close(s->state);
	return remove_all(s, err) < 0 ? err->code : r;
}

int main(void)
{
	char dir[] = "/tmp/holm-contract-XXXXXX";
	const char *build = getenv("HOLM_BUILD");
	struct err err = { 0 };

	if (geteuid() != 0 || !build || !mkdtemp(dir)) {
		printf("1..0 # SKIP control groups need root, and HOLM_BUILD names the build\n");
		return 0;
	}
	auto_free char *helper = path_join(build, "src/helper/holm-helper");
	auto_free char *guest = path_join(build, "tests/unit/runtime/qemu/guest.elf");
	auto_free char *image = path_join(dir, "image");
	auto_free char *logs = path_join(dir, "logs");
	auto_free char *cgroup = xasprintf("holm-contract-%d", getpid());
	struct subject subject = {
		.name = "contract/runtime/qemu",
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
