/* Mounts as containerd's snapshotter describes them, in a mount namespace of the test's own. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cmocka.h>

#include "base/base.h"
#include "shim/shim.h"

#define LAYERS 60

struct place {
	char dir[64];
	char *target;
	char *source;
	bool can_mount;
};

static int setup(void **state)
{
	struct place *p = NEW(struct place);

	STR_COPY(p->dir, "/tmp/holm-rootfs-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->target = path_join(p->dir, "rootfs");
	p->source = path_join(p->dir, "source");
	assert_int_equal(mkdir(p->source, 0755), 0);
	p->can_mount = unshare(CLONE_NEWNS) == 0 &&
		       mount("", "/", "", MS_REC | MS_PRIVATE, NULL) == 0;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err;

	if (p->can_mount)
		assert_int_equal(rootfs_unmount(p->target, &err), 0);
	assert_int_equal(path_remove(p->dir, &err), 0);
	free(p->target);
	free(p->source);
	free(p);
	return 0;
}

static bool is_mounted(const struct place *p)
{
	struct stat inside;
	struct stat outside;

	assert_int_equal(stat(p->target, &inside), 0);
	assert_int_equal(stat(p->dir, &outside), 0);
	return inside.st_dev != outside.st_dev;
}

static void add_file(const char *dir, const char *name, const char *text)
{
	auto_free char *path = path_join(dir, name);
	struct err err;

	assert_int_equal(file_replace(path, text, &err), 0);
}

static bool has_file(const char *dir, const char *name)
{
	auto_free char *path = path_join(dir, name);

	return path_exists(path);
}

static unsigned long flags_of(const char *path)
{
	struct statvfs st;

	assert_int_equal(statvfs(path, &st), 0);
	return st.f_flag;
}

static void options_are_flags_and_data(void **state)
{
	struct place *p = *state;
	char *const options[] = { (char *)"nosuid",   (char *)"dev",  (char *)"nodev",
				  (char *)"noexec",   (char *)"exec", (char *)"size=64k",
				  (char *)"mode=0700" };
	const struct task_mount m = { "tmpfs", "tmpfs", options, ARRAY_LEN(options) };
	struct err err;
	struct stat st;

	if (!p->can_mount)
		skip(); /* takes root */
	if (rootfs_mount(&m, 1, p->target, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(is_mounted(p));
	unsigned long flags = flags_of(p->target);
	assert_true(flags & ST_NOSUID);
	assert_true(flags & ST_NODEV);
	assert_false(flags & ST_NOEXEC);
	assert_int_equal(stat(p->target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(rootfs_unmount(p->target, &err), 0);
	assert_false(is_mounted(p));
}

/* The kernel makes a bind mount read-only only afterwards. */
static void a_bind_mount_is_read_only(void **state)
{
	struct place *p = *state;
	char *const options[] = { (char *)"rbind", (char *)"ro", (char *)"rprivate" };
	const struct task_mount m = { "bind", p->source, options, ARRAY_LEN(options) };
	struct err err;

	if (!p->can_mount)
		skip(); /* takes root */
	add_file(p->source, "a", "");
	if (rootfs_mount(&m, 1, p->target, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(has_file(p->target, "a"));
	assert_true(flags_of(p->target) & ST_RDONLY);
	assert_false(flags_of(p->source) & ST_RDONLY);
}

static void all_that_are_mounted_there_go(void **state)
{
	struct place *p = *state;
	const struct task_mount m[] = { { "tmpfs", "tmpfs", NULL, 0 },
					{ "tmpfs", "tmpfs", NULL, 0 } };
	struct err err;

	if (!p->can_mount)
		skip(); /* takes root */
	assert_int_equal(rootfs_mount(m, 2, p->target, &err), 0);
	assert_true(is_mounted(p));
	assert_int_equal(rootfs_unmount(p->target, &err), 0);
	assert_false(is_mounted(p));
}

static void what_fails_leaves_nothing(void **state)
{
	struct place *p = *state;
	const struct task_mount m[] = { { "tmpfs", "tmpfs", NULL, 0 },
					{ "nosuchfs", "none", NULL, 0 } };
	struct err err;

	if (!p->can_mount)
		skip(); /* takes root */
	assert_int_equal(rootfs_mount(m, 2, p->target, &err), -ENODEV);
	assert_true(str_starts(err.msg, "mount nosuchfs none at "));
	assert_false(is_mounted(p));
}

static void nothing_there_is_unmounted(void **state)
{
	struct place *p = *state;
	struct err err;

	if (!p->can_mount)
		skip(); /* takes root */
	assert_int_equal(rootfs_unmount(p->target, &err), 0);
	assert_int_equal(rootfs_mount(NULL, 0, p->target, &err), 0);
	assert_int_equal(rootfs_unmount(p->target, &err), 0);
}

static void options_have_an_end(void **state)
{
	struct place *p = *state;
	auto_free char *text = xasprintf("size=%05000d", 1);
	char *const options[] = { text };
	const struct task_mount m = { "tmpfs", "tmpfs", options, 1 };
	struct err err;

	assert_int_equal(rootfs_mount(&m, 1, p->target, &err), -E2BIG);
}

/* "lowerdir=…" with so many layers that one page does not hold it; each has a file of its number. */
static char *add_layers(const struct place *p)
{
	auto_buf struct buf text;
	struct err err;

	buf_init(&text, 1 << 20);
	buf_add_str(&text, "lowerdir=");
	for (int i = 0; i < LAYERS; i++) {
		auto_free char *dir = xasprintf("%s/%050d/%d/fs", p->source, 0, i);
		auto_free char *name = xasprintf("f%d", i);

		assert_int_equal(dir_make(dir, 0755, &err), 0);
		add_file(dir, name, "");
		buf_addf(&text, "%s%s", i ? ":" : "", dir);
	}
	return buf_take(&text);
}

static void many_layers_are_mounted(void **state)
{
	struct place *p = *state;
	auto_free char *layers = add_layers(p);
	char *const options[] = { (char *)"index=off", layers };
	const struct task_mount m = { "overlay", "overlay", options, 2 };
	auto_free char *before = getcwd(NULL, 0);
	struct err err;

	if (!p->can_mount)
		skip(); /* takes root */
	assert_true(strlen(layers) > 4096);
	if (rootfs_mount(&m, 1, p->target, &err) < 0)
		fail_msg("%s", err.msg);
	for (int i = 0; i < LAYERS; i++) {
		auto_free char *name = xasprintf("f%d", i);

		assert_true(has_file(p->target, name));
	}
	auto_free char *after = getcwd(NULL, 0);
	assert_string_equal(after, before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_are_flags_and_data),    TEST(a_bind_mount_is_read_only),
		TEST(all_that_are_mounted_there_go), TEST(what_fails_leaves_nothing),
		TEST(nothing_there_is_unmounted),    TEST(options_have_an_end),
		TEST(many_layers_are_mounted),
	};

	return cmocka_run_group_tests_name("shim/rootfs", tests, NULL, NULL);
}
