/* Paths, mounts and archives, as hosts give them and as they should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/cpio.h"

struct archive {
	char data[4096];
	size_t size;
};

static void pad(struct archive *a)
{
	while (a->size % 4)
		a->data[a->size++] = '\0';
}

static void add(struct archive *a, const char *name, unsigned mode, const char *body)
{
	a->size += (size_t)snprintf(a->data + a->size, sizeof(a->data) - a->size,
				    "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0,
				    mode, 0, 0, 1, 0, (unsigned)strlen(body), 0, 0, 0, 0,
				    (unsigned)strlen(name) + 1, 0);
	memcpy(a->data + a->size, name, strlen(name) + 1);
	a->size += strlen(name) + 1;
	pad(a);
	memcpy(a->data + a->size, body, strlen(body));
	a->size += strlen(body);
	pad(a);
}

static void fill(struct archive *a)
{
	*a = (struct archive){ 0 };
	add(a, ".", 040755, "");
	add(a, "./etc", 040755, "");
	add(a, "etc/motd", 0100644, "hello");
	add(a, "/link", 0120777, "etc/motd");
	add(a, "etcetera", 0100644, "");
	add(a, "TRAILER!!!", 0, "");
}

enum {
	NAMES_SIZE = 256,
};

static void append(void *arg, const char *name, bool is_folder)
{
	char *names = arg;
	size_t length = strlen(names);

	snprintf(names + length, NAMES_SIZE - length, "%s%s", name, is_folder ? "/ " : " ");
}

static void check_list(const struct fs *fs, const char *path, const char *expected)
{
	char names[NAMES_SIZE] = "";

	assert_int_equal(fs_list(fs, path, append, names), 0);
	assert_string_equal(names, expected);
}

static void normalises_paths(void **state)
{
	char path[FS_PATH_MAX];
	char much[2 * FS_PATH_MAX];

	(void)state;
	assert_int_equal(fs_normalise("//a/./b//", path), 0);
	assert_string_equal(path, "/a/b");
	assert_int_equal(fs_normalise("/", path), 0);
	assert_string_equal(path, "/");
	assert_int_equal(fs_normalise("/a/..b/...", path), 0);
	assert_string_equal(path, "/a/..b/...");
	assert_int_equal(fs_normalise("a", path), -FS_EINVAL);
	assert_int_equal(fs_normalise("", path), -FS_EINVAL);
	assert_int_equal(fs_normalise("/a/../b", path), -FS_EINVAL);
	memset(much, 'a', sizeof(much));
	much[0] = '/';
	much[FS_PATH_MAX - 1] = '\0';
	assert_int_equal(fs_normalise(much, path), 0);
	much[FS_PATH_MAX - 1] = 'a';
	much[FS_PATH_MAX] = '\0';
	assert_int_equal(fs_normalise(much, path), -FS_ENAMETOOLONG);
}

static void reads_an_archive(void **state)
{
	struct archive a;
	struct cpio cpio = { (const uint8_t *)a.data, 0 };
	struct fs fs = { 0 };
	struct fs_mount root = { .path = "/", .driver = &cpio_driver, .arg = &cpio };
	char data[16];

	(void)state;
	fill(&a);
	cpio.size = a.size;
	assert_int_equal(cpio_count(&cpio), 5);
	assert_int_equal(fs_mount(&fs, &root), 0);
	check_list(&fs, "/", "etc/ link etcetera ");
	check_list(&fs, "/etc", "motd ");
	assert_int_equal(fs_read(&fs, "/etc//motd", data, sizeof(data)), 5);
	assert_memory_equal(data, "hello", 5);
	assert_int_equal(fs_read(&fs, "/etc/motd", data, 5), 5);
	assert_int_equal(fs_read(&fs, "/etc/motd", data, 4), -FS_EFBIG);
	assert_int_equal(fs_read(&fs, "/etc", data, sizeof(data)), -FS_EISDIR);
	assert_int_equal(fs_read(&fs, "/link", data, sizeof(data)), -FS_EINVAL);
	assert_int_equal(fs_read(&fs, "/et", data, sizeof(data)), -FS_ENOENT);
	assert_int_equal(fs_write(&fs, "/etc/motd", "x", 1), -FS_EROFS);
	assert_int_equal(fs_list(&fs, "/etc/motd", append, NULL), -FS_ENOTDIR);
	assert_true(fs_is_folder(&fs, "/etc"));
	assert_false(fs_is_folder(&fs, "/etcetera"));
}

static void the_last_of_one_name_counts(void **state)
{
	struct archive a = { 0 };
	struct cpio cpio = { (const uint8_t *)a.data, 0 };
	char data[8];

	(void)state;
	add(&a, "f", 0100644, "old");
	add(&a, "f", 0100644, "newer");
	add(&a, "TRAILER!!!", 0, "");
	cpio.size = a.size;
	assert_int_equal(cpio_driver.read(&cpio, "/f", data, sizeof(data)), 5);
	assert_memory_equal(data, "newer", 5);
}

/* Each in memory of exact size, so that the sanitizer sees a byte too many. */
static long count_copy(const char *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct cpio cpio = { copy, size };
	long count;

	assert_non_null(copy);
	memcpy(copy, data, size);
	count = cpio_count(&cpio);
	free(copy);
	return count;
}

static void refuses_what_is_no_archive(void **state)
{
	struct archive a, bad;

	(void)state;
	fill(&a);
	/* The end mark is the last name; what is behind it does not count. */
	for (size_t n = 0; n + 4 < a.size; n++)
		assert_int_equal(count_copy(a.data, n), -1);
	assert_int_equal(count_copy("\x1f\x8b\x08", 3), -1);
	/* A length beyond the end, and digits that are none. */
	bad = a;
	memcpy(bad.data + 6 + 6 * 8, "ffffffff", 8);
	assert_int_equal(count_copy(bad.data, bad.size), -1);
	bad = a;
	memcpy(bad.data + 6 + 11 * 8, "00000000", 8);
	assert_int_equal(count_copy(bad.data, bad.size), -1);
	bad = a;
	bad.data[6 + 6 * 8] = 'g';
	assert_int_equal(count_copy(bad.data, bad.size), -1);
}

static void leads_out_of_no_archive(void **state)
{
	struct archive a = { 0 };

	(void)state;
	add(&a, "../etc/passwd", 0100644, "x");
	add(&a, "TRAILER!!!", 0, "");
	assert_int_equal(count_copy(a.data, a.size), -1);
}

static long read_name(void *arg, const char *path, char *data, size_t size)
{
	return snprintf(data, size, "%s:%s", (const char *)arg, path);
}

static int write_nothing(void *arg, const char *path, const char *data, size_t length)
{
	(void)arg;
	(void)path;
	(void)data;
	(void)length;
	return 0;
}

static int list_one(void *arg, const char *path, fs_each *each, void *each_arg)
{
	(void)arg;
	if (strcmp(path, "/"))
		return -FS_ENOENT;
	each(each_arg, "data", true);
	return 0;
}

static const struct fs_driver named = { "named", read_name, write_nothing, list_one };

static void check_place(const struct fs *fs, const char *path, const char *expected)
{
	char data[64] = "";

	assert_true(fs_read(fs, path, data, sizeof(data)) > 0);
	assert_string_equal(data, expected);
}

static void takes_the_longest_mount(void **state)
{
	static const char *const paths[] = { "/", "/data", "/mnt/a/b", "/mnt/c", "/data" };
	static char names[] = "ABCDE";
	struct fs fs = { 0 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct fs_mount mount = { .driver = &named };
		char *name = malloc(2);

		assert_non_null(name);
		name[0] = names[i];
		name[1] = '\0';
		mount.arg = name;
		snprintf(mount.path, sizeof(mount.path), "%s", paths[i]);
		assert_int_equal(fs_mount(&fs, &mount), 0);
	}
	check_place(&fs, "/x", "A:/x");
	check_place(&fs, "/database", "A:/database");
	check_place(&fs, "/data", "E:/");
	check_place(&fs, "/data/x/y", "E:/x/y");
	check_place(&fs, "/mnt/a/b/c", "C:/c");
	check_list(&fs, "/", "data/ mnt/ ");
	check_list(&fs, "/mnt", "a/ c/ ");
	check_list(&fs, "/mnt/a", "b/ ");
	assert_int_equal(fs_list(&fs, "/mnt/x", append, NULL), -FS_ENOENT);
	for (size_t i = 0; i < 5; i++)
		free(fs.mounts[i].arg);
}

static void mounts_no_more_than_it_can(void **state)
{
	struct fs_mount mount = { .path = "/", .driver = &named };
	struct fs fs = { 0 };

	(void)state;
	for (int i = 0; i < FS_MOUNTS; i++)
		assert_int_equal(fs_mount(&fs, &mount), 0);
	assert_int_equal(fs_mount(&fs, &mount), -FS_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(normalises_paths),
		cmocka_unit_test(reads_an_archive),
		cmocka_unit_test(the_last_of_one_name_counts),
		cmocka_unit_test(refuses_what_is_no_archive),
		cmocka_unit_test(leads_out_of_no_archive),
		cmocka_unit_test(takes_the_longest_mount),
		cmocka_unit_test(mounts_no_more_than_it_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
