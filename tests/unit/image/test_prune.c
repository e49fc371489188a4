/* What goes when a disk fills, and the unikernels on it. */
#include <fcntl.h>
#include <sys/stat.h>

#include "kit.h"

#define GIB ((uint64_t)1 << 30)

static struct prune_disk disk(uint64_t used_gib, uint32_t high, uint32_t low)
{
	return (struct prune_disk){ used_gib * GIB, 100 * GIB, high, low };
}

static void needs_nothing_below_the_high_mark(void **state)
{
	const struct prune_disk below = disk(84, 85, 80), at = disk(85, 85, 80);
	const struct prune_disk over = disk(93, 85, 80), never = disk(99, 0, 0);
	const struct prune_disk same = disk(85, 85, 85), none = { 0, 0, 85, 80 };

	assert_int_equal(prune_need(&below), 0);
	assert_int_equal(prune_need(&at), 5 * GIB);
	assert_int_equal(prune_need(&over), 13 * GIB);
	assert_int_equal(prune_need(&never), 0);
	assert_true(prune_need(&same) > 0);
	assert_int_equal(prune_need(&none), 0);
	assert_int_equal(prune_percent(&over), 93);
	assert_int_equal(prune_percent(&none), 0);
}

static void shows_percents_as_df_does(void **state)
{
	const struct prune_disk little = { 1, 1000, 85, 80 }, full = { 1000, 1000, 85, 80 };

	assert_int_equal(prune_percent(&little), 1);
	assert_int_equal(prune_percent(&full), 100);
}

static void takes_the_least_recently_used(void **state)
{
	struct prune_image images[] = {
		{ .bytes = 10, .used_ms = 300 },
		{ .bytes = 20, .used_ms = 100 },
		{ .bytes = 30, .used_ms = 200 },
	};

	assert_int_equal(prune_plan(images, ARRAY_LEN(images), 21), 50);
	assert_false(images[0].is_chosen);
	assert_true(images[1].is_chosen);
	assert_true(images[2].is_chosen);
}

static void takes_no_more_than_it_has_to(void **state)
{
	struct prune_image images[] = {
		{ .bytes = 20, .used_ms = 100 },
		{ .bytes = 30, .used_ms = 200 },
	};

	assert_int_equal(prune_plan(images, ARRAY_LEN(images), 20), 20);
	assert_true(images[0].is_chosen);
	assert_false(images[1].is_chosen);
	images[0].is_chosen = false;
	assert_int_equal(prune_plan(images, ARRAY_LEN(images), 0), 0);
	assert_false(images[0].is_chosen);
}

static void never_takes_what_is_kept(void **state)
{
	struct prune_image images[] = {
		{ .bytes = 1000, .used_ms = 1, .is_kept = true },
		{ .bytes = 10, .used_ms = 300 },
	};

	assert_int_equal(prune_plan(images, ARRAY_LEN(images), UINT64_MAX), 10);
	assert_false(images[0].is_chosen);
	assert_int_equal(prune_plan(NULL, 0, 1), 0);
}

static void make_folder(const struct kit *kit, const char *name, size_t size)
{
	auto_free char *dir = path_join(kit->store, name);
	auto_free char *sub = path_join(dir, "files");
	auto_free char *kernel = path_join(sub, "kernel");
	auto_free char *noise = xcalloc(1, size);
	struct err err;

	assert_int_equal(dir_make(sub, 0755, &err), 0);
	assert_int_equal(file_write_atomic(kernel, noise, size, 0644, &err), 0);
}

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void lists_and_removes_unikernels(void **state)
{
	const struct kit *kit = *state;
	struct unikernel_list list;
	struct err err = { 0 };

	make_folder(kit, A, 100000);
	make_folder(kit, ".get-abcdef.d", 10);
	make_folder(kit, ".gone-" B, 10); /* a removal that was broken off */
	assert_int_equal(image_unikernel_list(&kit->config, &list, &err), 0);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.items[0].digest, "sha256:" A);
	assert_true(list.items[0].bytes >= 100000 && list.items[0].bytes < 200000);
	assert_true(list.items[0].created_ms > 0);
	assert_true(str_ends(list.items[0].dir, "/" A));
	unikernel_list_fini(&list);
	auto_free char *gone = path_join(kit->store, ".gone-" B);
	auto_free char *dir = path_join(kit->store, A);
	assert_false(path_exists(gone));
	assert_int_equal(image_unikernel_remove(&kit->config, "sha256:" A, &err), 0);
	assert_false(path_exists(dir));
	assert_int_equal(image_unikernel_remove(&kit->config, "sha256:" A, &err), 0);
	assert_int_equal(image_unikernel_touch(&kit->config, "sha256:" A, &err), -ENOENT);
}

static void notes_the_use_of_unikernels(void **state)
{
	const struct kit *kit = *state;
	const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	auto_free char *dir = path_join(kit->store, A);
	struct unikernel_list list;
	struct err err = { 0 };

	make_folder(kit, A, 10);
	assert_int_equal(utimensat(AT_FDCWD, dir, long_ago, 0), 0);
	assert_int_equal(image_unikernel_list(&kit->config, &list, &err), 0);
	assert_int_equal(list.items[0].used_ms, 1000000);
	unikernel_list_fini(&list);
	assert_int_equal(image_unikernel_touch(&kit->config, "sha256:" A, &err), 0);
	assert_int_equal(image_unikernel_list(&kit->config, &list, &err), 0);
	assert_true(list.items[0].used_ms > 1000000);
	unikernel_list_fini(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs_nothing_below_the_high_mark),
		cmocka_unit_test(shows_percents_as_df_does),
		cmocka_unit_test(takes_the_least_recently_used),
		cmocka_unit_test(takes_no_more_than_it_has_to),
		cmocka_unit_test(never_takes_what_is_kept),
		KIT_TEST(lists_and_removes_unikernels),
		KIT_TEST(notes_the_use_of_unikernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
