/* The pool without QEMU: names, reasons, what is swept. That it works is seen in
 * tests/system/test_warm.py. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "runtime/qemu/instance.h"
#include "runtime/qemu/machine.h"
#include "runtime/qemu/warm.h"

#define ID "5f0c2a9b1d3e4f5a6b7c8d9e"

struct fixture {
	char dir[32];
	struct qemu qemu;
};

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	STR_COPY(f->dir, "/tmp/holm-warm-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->qemu.dir = f->dir;
	f->qemu.cgroup_parent = (char *)"holm-test";
	f->qemu.warm = warm_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err err;

	f->qemu.warm = warm_free(&f->qemu);
	assert_int_equal(path_remove(f->dir, &err), 0);
	free(f);
	return 0;
}

static void make_folder(const struct fixture *f, const char *name)
{
	auto_free char *path = path_join(f->dir, name);
	auto_free char *lock = path_join(path, "lock");

	assert_int_equal(mkdir(path, 0700), 0);
	auto_close int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
}

static bool exists(const struct fixture *f, const char *name)
{
	auto_free char *path = path_join(f->dir, name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static void link_to(const struct fixture *f, const char *id, const char *name)
{
	auto_free char *path = path_join(f->dir, id);

	assert_int_equal(symlink(name, path), 0);
}

static void an_instance_is_a_name_for_its_machine(void **state)
{
	struct fixture *f = *state;
	struct err err;

	auto_free char *own = instance_cgroup(&f->qemu, ID);
	assert_string_equal(own, "holm-test/" ID);
	make_folder(f, WARM_PREFIX "1");
	link_to(f, ID, WARM_PREFIX "1");
	auto_free char *cgroup = instance_cgroup(&f->qemu, ID);
	auto_free char *path = instance_real_path(&f->qemu, ID);
	assert_string_equal(cgroup, "holm-test/" WARM_PREFIX "1");
	assert_string_equal(strrchr(path, '/'), "/" WARM_PREFIX "1");
	assert_int_equal(machine_remove(&f->qemu, ID, &err), 0);
	assert_false(exists(f, ID));
	assert_false(exists(f, WARM_PREFIX "1"));
	/* Half a removal leaves a name for nothing. */
	link_to(f, ID, WARM_PREFIX "1");
	assert_int_equal(machine_remove(&f->qemu, ID, &err), 0);
	assert_false(exists(f, ID));
}

static void what_waits_for_nobody_is_swept(void **state)
{
	struct fixture *f = *state;

	make_folder(f, WARM_PREFIX "1");
	make_folder(f, WARM_PREFIX "2");
	make_folder(f, "222222222222222222222222");
	link_to(f, ID, WARM_PREFIX "1");
	warm_sweep(&f->qemu);
	assert_true(exists(f, WARM_PREFIX "1"));
	assert_false(exists(f, WARM_PREFIX "2"));
	assert_true(exists(f, "222222222222222222222222"));
}

static void an_empty_pool_has_nothing_and_says_so(void **state)
{
	struct fixture *f = *state;
	const struct runtime_spec spec = { .instance_id = ID, .warm_label = "a.t.web.t" };
	struct runtime_warm_use use = { 1, 1 };
	struct warm_machine machine;
	struct err err;

	assert_int_equal(qemu_warm_ops.reserve(&f->qemu, "a.t.web.t", ID), 0);
	assert_int_equal(warm_claim(&f->qemu, &spec, "key", &machine, &err), -ENOENT);
	assert_string_equal(err.msg, "all are taken");
	assert_int_equal(qemu_warm_ops.trim(&f->qemu, ID, 0, &err), 0);
	qemu_warm_ops.look(&f->qemu, &use);
	assert_int_equal(use.machines, 0);
	assert_int_equal(use.bytes, 0);
}

/* No image, no key: nothing can be made of it, and nothing is kept. */
static void what_cannot_be_is_not_made(void **state)
{
	struct fixture *f = *state;
	const struct strv none = { 0 };
	const struct runtime_spec spec = { .instance_id = ID,
					   .warm_label = "a.t.web.t",
					   .image = f->dir,
					   .cmd = &none,
					   .env = &none,
					   .is_from_snapshot = true };
	const struct runtime_spec *specs[] = { &spec };
	const struct runtime_warm_wish wish = { specs, 1, UINT64_MAX };
	struct err err;

	assert_int_equal(qemu_warm_ops.tend(&f->qemu, &wish, NULL, &err), 0);
	assert_int_equal(warm_bytes(&spec), (uint64_t)(QEMU_MEMORY_DEFAULT_MIB + 32) << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_instance_is_a_name_for_its_machine, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_waits_for_nobody_is_swept, setup, teardown),
		cmocka_unit_test_setup_teardown(an_empty_pool_has_nothing_and_says_so, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_not_made, setup, teardown),
	};

	return cmocka_run_group_tests_name("runtime/qemu/warm", tests, NULL, NULL);
}
