/* From a folder to its disk, with a folder in the place of /sys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/disk.h"

struct place {
	char dir[64];
	char *sys;
	char *mounts;
};

static void write_text(const char *path, const char *text)
{
	struct err err;

	assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, &err), 0);
}

static int setup(void **state)
{
	struct place *p = NEW(struct place);

	STR_COPY(p->dir, "/dev/shm/holm-disk-XXXXXX"); /* on tmpfs, which has no disk */
	assert_non_null(mkdtemp(p->dir));
	p->sys = path_join(p->dir, "sys");
	p->mounts = path_join(p->dir, "mountinfo");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err;

	assert_int_equal(path_remove(p->dir, &err), 0);
	free(p->sys);
	free(p->mounts);
	free(p);
	return 0;
}

/* The device that the folder is on, as the first partition of 8:32. */
static void make_partition(const struct place *p, const struct stat *st)
{
	auto_free char *disk = path_join(p->sys, "devices/sdc");
	auto_free char *partition = path_join(disk, "sdc1");
	auto_free char *block = path_join(p->sys, "dev/block");
	auto_free char *mark = path_join(partition, "partition");
	auto_free char *dev = path_join(disk, "dev");
	auto_free char *link = xasprintf("%s/%u:%u", block, major(st->st_dev), minor(st->st_dev));
	struct err err;

	assert_int_equal(dir_make(partition, 0755, &err), 0);
	assert_int_equal(dir_make(block, 0755, &err), 0);
	assert_int_equal(symlink("../../devices/sdc/sdc1", link), 0);
	write_text(mark, "1\n");
	write_text(dev, "8:32\n");
}

static void a_partition_is_of_its_disk(void **state)
{
	struct place *p = *state;
	struct disk disk = { 0 };
	struct stat st;
	struct err err;

	assert_int_equal(stat("/", &st), 0);
	if (major(st.st_dev) == 0)
		skip(); /* where the root is an overlay */
	assert_int_equal(disk_find(p->sys, p->mounts, "/", &disk, &err), 0);
	assert_int_equal(disk.major, major(st.st_dev));
	assert_int_equal(disk.minor, minor(st.st_dev));
	make_partition(p, &st);
	assert_int_equal(disk_find(p->sys, p->mounts, "/", &disk, &err), 0);
	assert_int_equal(disk.major, 8);
	assert_int_equal(disk.minor, 32);
}

static void some_have_none(void **state)
{
	struct place *p = *state;
	struct disk disk = { .major = 1 };
	struct err err;

	write_text(p->mounts, "1 0 0:1 / / rw - overlay overlay rw\n"
			      "2 1 0:2 / /dev/shm rw shared:1 - tmpfs tmpfs rw\n"
			      "3 1 0:3 / /dev/shmother rw - ext4 /dev/sda rw\n"
			      "nonsense\n");
	assert_int_equal(disk_find(p->sys, p->mounts, p->dir, &disk, &err), -ENOTSUP);
	auto_free char *expected = xasprintf("find the disk of %s: it is on tmpfs, which has none",
					     p->dir);
	assert_string_equal(err.msg, expected);
	assert_int_equal(disk_find(p->sys, p->mounts, "/dev/shm/none", &disk, &err), -ENOENT);
	assert_int_equal(disk.major, 1);
}

/* As btrfs is: its number is made up, what is mounted is a disk. */
static void a_disk_by_what_is_mounted(void **state)
{
	struct place *p = *state;
	auto_free char *node = path_join(p->dir, "sdx");
	auto_free char *text = xasprintf("1 0 0:1 / / rw - overlay overlay rw\n"
					 "2 1 0:2 /sub %s rw shared:1 - btrfs %s rw\n",
					 p->dir, node);
	struct disk disk = { 0 };
	struct err err;

	write_text(p->mounts, text);
	if (mknod(node, S_IFBLK | 0600, makedev(8, 240)) < 0)
		skip(); /* takes root */
	assert_int_equal(disk_find(p->sys, p->mounts, p->dir, &disk, &err), 0);
	assert_int_equal(disk.major, 8);
	assert_int_equal(disk.minor, 240);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_partition_is_of_its_disk),
		TEST(some_have_none),
		TEST(a_disk_by_what_is_mounted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
