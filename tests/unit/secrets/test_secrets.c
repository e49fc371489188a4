/* Files of an instance on a tmpfs of its own. What needs mounts runs where they are allowed. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <cmocka.h>

#include "secrets/secrets.h"

#define ID_1 "111111111111111111111111"
#define ID_2 "222222222222222222222222"

struct fixture {
	char dir[64];
	char *root;
	struct secrets_place place;
	struct secrets_files files;
	struct err err;
};

static void add(struct fixture *f, const char *path, const char *word, unsigned mode)
{
	struct secrets_file *file = ARRAY_ADD(f->files.items, f->files.n);

	file->path = xstrdup(path);
	file->mode = mode;
	secret_set(&file->bytes, word, strlen(word));
}

static int set_up(void **state, bool is_plain)
{
	struct fixture *f = NEW(struct fixture);

	STR_COPY(f->dir, "/tmp/holm-secrets-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->root = xasprintf("%s/run/secrets", f->dir);
	f->place = (struct secrets_place){ .root = f->root, .is_plain = is_plain };
	add(f, "secrets/db", "one", 0400);
	add(f, "secrets/deep/er/key", "two", 0440);
	add(f, "files/0", "three", 0444);
	*state = f;
	return 0;
}

static int set_up_plain(void **state)
{
	return set_up(state, true);
}

static int set_up_mounted(void **state)
{
	return set_up(state, false);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(secrets_down(&f->place, &f->err), 0);
	assert_false(path_exists(f->root));
	assert_int_equal(path_remove(f->dir, &f->err), 0);
	secrets_files_fini(&f->files);
	free(f->root);
	free(f);
	return 0;
}

static bool can_mount(const struct fixture *f)
{
	auto_free char *probe = path_join(f->dir, "probe");
	struct err err;

	assert_int_equal(dir_make(probe, 0700, &err), 0);
	if (mount("probe", probe, "tmpfs", 0, NULL) < 0)
		return false;
	umount2(probe, MNT_DETACH);
	return true;
}

static void must_put(struct fixture *f, const char *id)
{
	if (secrets_put(&f->place, id, &f->files, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

static void assert_file(struct fixture *f, const char *id, const char *path, const char *word,
			unsigned mode)
{
	auto_free char *dir = secrets_path(&f->place, id);
	auto_free char *full = path_join(dir, path);
	auto_free char *text = NULL;
	struct stat st;

	if (file_read(full, 1 << 20, &text, NULL, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	assert_string_equal(text, word);
	assert_int_equal(stat(full, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void files_are_there_and_go(void **state)
{
	struct fixture *f = *state;
	auto_free char *one = secrets_path(&f->place, ID_1);
	auto_strv struct strv ids = { 0 };

	must_put(f, ID_1);
	must_put(f, ID_2);
	assert_file(f, ID_1, "secrets/db", "one", 0400);
	assert_file(f, ID_1, "secrets/deep/er/key", "two", 0440);
	assert_file(f, ID_1, "files/0", "three", 0444);
	assert_int_equal(secrets_list(&f->place, &ids, &f->err), 0);
	assert_int_equal(ids.n, 2);
	assert_int_equal(secrets_remove(&f->place, ID_1, &f->err), 0);
	assert_false(path_exists(one));
	assert_file(f, ID_2, "files/0", "three", 0444);
	assert_int_equal(secrets_remove(&f->place, ID_1, &f->err), 0);
}

static void a_start_makes_them_anew(void **state)
{
	struct fixture *f = *state;
	auto_free char *dir = secrets_path(&f->place, ID_1);
	auto_free char *stale = path_join(dir, "secrets/db");

	must_put(f, ID_1);
	free(f->files.items[0].path);
	f->files.items[0].path = xstrdup("secrets/other");
	must_put(f, ID_1);
	assert_false(path_exists(stale));
	assert_file(f, ID_1, "secrets/other", "one", 0400);
}

static ino_t inode_of(struct fixture *f, const char *path)
{
	auto_free char *dir = secrets_path(&f->place, ID_1);
	auto_free char *full = path_join(dir, path);
	struct stat st;

	assert_int_equal(stat(full, &st), 0);
	return st.st_ino;
}

/* Who has a file open keeps what it had: it was replaced, not written over. */
static void an_update_replaces_what_differs(void **state)
{
	struct fixture *f = *state;
	auto_free char *dir = secrets_path(&f->place, ID_1);
	auto_free char *db = path_join(dir, "secrets/db");
	char old[8] = "";

	assert_int_equal(secrets_update(&f->place, ID_1, &f->files, &f->err), -ENOENT);
	must_put(f, ID_1);
	auto_close int fd = open(db, O_RDONLY | O_CLOEXEC);
	ino_t same = inode_of(f, "secrets/deep/er/key");
	secret_set(&f->files.items[0].bytes, "newer", 5);
	assert_int_equal(secrets_update(&f->place, ID_1, &f->files, &f->err), 0);
	assert_file(f, ID_1, "secrets/db", "newer", 0400);
	assert_int_equal(read(fd, old, sizeof(old)), 3);
	assert_string_equal(old, "one");
	assert_true(inode_of(f, "secrets/deep/er/key") == same);
}

static void it_is_a_small_tmpfs_of_its_own(void **state)
{
	struct fixture *f = *state;
	auto_free char *dir = secrets_path(&f->place, ID_1);
	struct statvfs vfs;
	struct statfs fs;
	struct stat st;

	if (!can_mount(f))
		skip();
	must_put(f, ID_1);
	assert_int_equal(statfs(dir, &fs), 0);
	assert_int_equal(fs.f_type, 0x01021994); /* TMPFS_MAGIC */
	assert_true((uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize <= (16u << 20));
	assert_int_equal(statvfs(dir, &vfs), 0);
	assert_int_equal(vfs.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC),
			 ST_NOSUID | ST_NODEV | ST_NOEXEC);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* Room for 1 MiB in the place of each. */
	auto_free char *large = xcalloc(1, (1 << 20) + 1);
	memset(large, 'x', 1 << 20);
	for (size_t i = 0; i < f->files.n; i++)
		secret_set(&f->files.items[i].bytes, large, 1 << 20);
	assert_int_equal(secrets_update(&f->place, ID_1, &f->files, &f->err), 0);
	/* Without the mount nothing is written to the folder below it. */
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
	assert_int_equal(secrets_update(&f->place, ID_1, &f->files, &f->err), -ENOENT);
}

static void mounted_files_are_there_and_go(void **state)
{
	if (!can_mount(*state))
		skip();
	files_are_there_and_go(state);
	a_start_makes_them_anew(state);
}

static void mounted_files_are_replaced(void **state)
{
	if (!can_mount(*state))
		skip();
	an_update_replaces_what_differs(state);
}

static void a_failure_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	auto_free char *dir = secrets_path(&f->place, ID_1);

	if (!can_mount(f))
		skip();
	add(f, "files/0/below", "x", 0400); /* a file is in the way */
	assert_int_equal(secrets_put(&f->place, ID_1, &f->files, &f->err), -ENOTDIR);
	assert_non_null(strstr(f->err.msg, "files of secrets and configuration: "));
	assert_false(path_exists(dir));
}

static void without_a_place_there_is_nothing(void **state)
{
	const struct secrets_place none = { 0 };
	auto_strv struct strv ids = { 0 };
	struct err err;

	assert_int_equal(secrets_remove(&none, ID_1, &err), 0);
	assert_int_equal(secrets_list(&none, &ids, &err), 0);
	assert_int_equal(ids.n, 0);
	assert_int_equal(secrets_down(&none, &err), 0);
}

int main(void)
{
#define PLAIN(name)   cmocka_unit_test_setup_teardown(name, set_up_plain, tear_down)
#define MOUNTED(name) cmocka_unit_test_setup_teardown(name, set_up_mounted, tear_down)
	const struct CMUnitTest tests[] = {
		PLAIN(files_are_there_and_go),
		PLAIN(a_start_makes_them_anew),
		PLAIN(an_update_replaces_what_differs),
		MOUNTED(it_is_a_small_tmpfs_of_its_own),
		MOUNTED(mounted_files_are_there_and_go),
		MOUNTED(mounted_files_are_replaced),
		MOUNTED(a_failure_leaves_nothing),
		cmocka_unit_test(without_a_place_there_is_nothing),
	};

	return cmocka_run_group_tests_name("secrets", tests, NULL, NULL);
}
