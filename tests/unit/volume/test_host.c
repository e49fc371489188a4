/* Host paths: below the root and nowhere else, whatever links say, and nothing left at any step. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "kit.h"

/* In a mount namespace of its own nothing can be left on the machine. */
static int setup(void **state)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return kit_setup(state);
}

static void needs_root(void **state)
{
	print_message("skipped: mounting takes root\n");
	skip();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

/* A volume of this path below the root. */
static struct sla_volume below(const struct kit *kit, char text[128], const char *name)
{
	snprintf(text, 128, "%s/%s", kit->root, name);
	return (struct sla_volume){ .host_path = text, .mount_path = (char *)"/d" };
}

static void make_dir(const struct kit *kit, const char *name)
{
	auto_free char *path = path_join(kit->root, name);
	struct err err = { 0 };

	if (dir_make(path, 0755, &err) < 0)
		fail_msg("%s", err.msg);
}

static void make_link(const struct kit *kit, const char *to, const char *name)
{
	auto_free char *path = path_join(kit->root, name);

	assert_int_equal(symlink(to, path), 0);
}

static void refuses(struct kit *kit, const char *name, int code, const char *part)
{
	char text[128];
	struct sla_volume v = below(kit, text, name);

	assert_int_equal(kit_prepare(kit, ID_1, &v, 1, NULL), code);
	if (!strstr(kit->err.msg, part))
		fail_msg("%s: \"%s\" does not say \"%s\"", name, kit->err.msg, part);
	assert_int_equal(kit_mounts(kit), 0);
	assert_int_equal(kit_release(kit, ID_1), 0);
	assert_int_equal(kit_left(kit), 0);
}

static void folders_and_files_are_mounted_and_released(void **state)
{
	struct kit *kit = *state;
	struct volume_mounts mounts = { 0 };
	char text[2][128];
	struct stat st;

	make_dir(kit, "a/b");
	kit_put(kit->root, "a/b/inside");
	kit_put(kit->root, "file");
	struct sla_volume v[] = { below(kit, text[0], "a/b"), below(kit, text[1], "file") };
	assert_int_equal(kit_prepare(kit, ID_1, v, 2, &mounts), 0);
	assert_int_equal(kit_mounts(kit), 2);
	assert_true(kit_has(mounts.items[0].source, "inside"));
	assert_int_equal(stat(mounts.items[1].source, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	/* Again, as after a failed start: no second mount on the first. */
	assert_int_equal(kit_prepare(kit, ID_1, v, 2, NULL), 0);
	assert_int_equal(kit_mounts(kit), 2);
	kit_reopen(kit);
	assert_int_equal(kit_release(kit, ID_1), 0);
	assert_int_equal(kit_left(kit), 0);
	volume_mounts_fini(&mounts);
}

static void links_lead_nowhere_else(void **state)
{
	struct kit *kit = *state;

	make_dir(kit, "a");
	make_link(kit, "/etc", "absolute");
	make_link(kit, "..", "up");
	make_link(kit, "../..", "a/far");
	make_link(kit, "/proc/self/root", "magic");
	refuses(kit, "absolute", -EPERM, "leads out of");
	refuses(kit, "up/root", -EPERM, "leads out of");
	refuses(kit, "a/far/etc", -EPERM, "leads out of");
	refuses(kit, "magic/etc", -EPERM, "leads out of");
	refuses(kit, "a/../../etc", -EPERM, "not below");
	refuses(kit, "missing", -ENOENT, "missing: No such file");
	kit_put(kit->root, "a/file");
	make_link(kit, "a", "near");
	char text[128];
	struct volume_mounts mounts = { 0 };
	struct sla_volume v = below(kit, text, "near");
	assert_int_equal(kit_prepare(kit, ID_1, &v, 1, &mounts), 0);
	assert_true(kit_has(mounts.items[0].source, "file"));
	/* What the link says later makes no difference. */
	auto_free char *near = path_join(kit->root, "near");
	assert_int_equal(unlink(near), 0);
	make_link(kit, "/etc", "near");
	assert_true(kit_has(mounts.items[0].source, "file"));
	volume_mounts_fini(&mounts);
	assert_int_equal(kit_release(kit, ID_1), 0);
}

static void other_kinds_of_files_are_refused(void **state)
{
	struct kit *kit = *state;
	auto_free char *fifo = path_join(kit->root, "fifo");

	assert_int_equal(mkfifo(fifo, 0600), 0);
	refuses(kit, "fifo", -ENOTSUP, "neither a folder nor a file");
}

static void without_a_root_there_are_none(void **state)
{
	struct kit *kit = *state;
	char text[128];
	struct sla_volume v = below(kit, text, "a");

	make_dir(kit, "a");
	kit->config.host_root = NULL;
	kit_reopen(kit);
	assert_int_equal(kit_prepare(kit, ID_1, &v, 1, NULL), -EPERM);
	assert_non_null(strstr(kit->err.msg, "this node offers none"));
}

/* The process ends before step N, for every N there is; what comes next finds its way. */
static void crashes_leave_nothing(void **state)
{
	struct kit *kit = *state;
	char text[128];
	struct sla_volume v = below(kit, text, "a");

	make_dir(kit, "a");
	for (unsigned n = 1; n < 100; n++) {
		kit->n_steps = 0;
		kit->crash_at = n;
		int prepared = kit_prepare(kit, ID_1, &v, 1, NULL);
		kit->crash_at = prepared == -EINTR ? 0 : n;
		kit_reopen(kit);
		if (prepared == -EINTR)
			assert_int_equal(kit_prepare(kit, ID_1, &v, 1, NULL), 0);
		assert_int_equal(kit_mounts(kit), 1);
		int released = kit_release(kit, ID_1);
		kit->crash_at = 0;
		kit_reopen(kit);
		assert_int_equal(kit_release(kit, ID_1), 0);
		assert_int_equal(kit_left(kit), 0);
		if (prepared == 0 && released == 0) {
			assert_true(n > 4);
			return;
		}
	}
	fail_msg("the steps have no end");
}

int main(void)
{
	const struct CMUnitTest as_root[] = {
		TEST(folders_and_files_are_mounted_and_released),
		TEST(links_lead_nowhere_else),
		TEST(other_kinds_of_files_are_refused),
		TEST(without_a_root_there_are_none),
		TEST(crashes_leave_nothing),
	};
	const struct CMUnitTest as_user[] = { cmocka_unit_test(needs_root) };

	log_set_level(LOG_LEVEL_ERROR);
	if (geteuid() != 0)
		return cmocka_run_group_tests_name("volume/host", as_user, NULL, NULL);
	return cmocka_run_group_tests_name("volume/host", as_root, NULL, NULL);
}
