/* Named volumes: made at first use, kept, and never removed under a user. */
#include <sys/stat.h>

#include "kit.h"

static const struct sla_volume data = { .volume_id = (char *)"data", .mount_path = (char *)"/d" };
static const struct sla_volume two[] = {
	{ .volume_id = (char *)"data", .mount_path = (char *)"/d" },
	{ .volume_id = (char *)"more", .mount_path = (char *)"/m", .read_only = true },
};

static void is_made_at_first_use_and_kept(void **state)
{
	struct kit *kit = *state;
	struct volume_mounts mounts = { 0 };

	assert_int_equal(kit_prepare(kit, ID_1, two, 2, &mounts), 0);
	assert_int_equal(mounts.n, 2);
	assert_string_equal(mounts.items[0].target, "/d");
	assert_false(mounts.items[0].is_read_only);
	assert_string_equal(mounts.items[1].target, "/m");
	assert_true(mounts.items[1].is_read_only);
	assert_true(str_ends(mounts.items[0].source, "/volumes/data/data"));
	kit_put(mounts.items[0].source, "kept");
	assert_int_equal(kit_release(kit, ID_1), 0);
	assert_int_equal(kit_count(kit, "mounts/records"), 0);
	kit_reopen(kit);
	struct volume_mounts again = { 0 };
	assert_int_equal(kit_prepare(kit, ID_2, &data, 1, &again), 0);
	assert_true(kit_has(again.items[0].source, "kept"));
	volume_mounts_fini(&mounts);
	volume_mounts_fini(&again);
}

static void is_not_removed_while_somebody_has_it(void **state)
{
	struct kit *kit = *state;
	char user[ID_SIZE] = "";

	assert_int_equal(kit_prepare(kit, ID_1, &data, 1, NULL), 0);
	kit_reopen(kit);
	assert_int_equal(volume_remove(kit->volumes, "data", user, &kit->err), -EBUSY);
	assert_string_equal(user, ID_1);
	assert_string_equal(kit->err.msg, "remove volume data: instance " ID_1 " has it");
	/* Another spec of the same instance, without it. */
	assert_int_equal(kit_prepare(kit, ID_1, &two[1], 1, NULL), 0);
	assert_int_equal(volume_remove(kit->volumes, "data", user, &kit->err), 0);
	assert_int_equal(volume_remove(kit->volumes, "data", user, &kit->err), -ENOENT);
	assert_int_equal(kit_count(kit, "volumes"), 2); /* more, more/data */
}

static void is_made_once(void **state)
{
	struct kit *kit = *state;
	struct volume_list list = { 0 };

	assert_int_equal(volume_create(kit->volumes, "b", 0, 0, &kit->err), 0);
	assert_int_equal(volume_create(kit->volumes, "a", 0, 0, &kit->err), 0);
	assert_int_equal(volume_create(kit->volumes, "a", 0, 0, &kit->err), -EEXIST);
	assert_int_equal(volume_create(kit->volumes, "../a", 0, 0, &kit->err), -EINVAL);
	assert_int_equal(kit_prepare(kit, ID_1, &data, 1, NULL), 0);
	assert_int_equal(kit_prepare(kit, ID_2, &data, 1, NULL), 0);
	assert_int_equal(volume_list(kit->volumes, &list, &kit->err), 0);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.items[0].name, "a");
	assert_int_equal(list.items[0].users.n, 0);
	assert_string_equal(list.items[2].name, "data");
	assert_int_equal(list.items[2].users.n, 2);
	volume_list_fini(&list);
}

static void belongs_to_whom_it_was_made_for(void **state)
{
	struct kit *kit = *state;
	auto_free char *files = path_join(kit->dir, "volumes/a/data");
	struct stat st;

	/* To whom the test belongs, if it may not give anything away. */
	uid_t uid = geteuid() == 0 ? 1000 : geteuid();
	gid_t gid = geteuid() == 0 ? 1001 : getegid();
	assert_int_equal(volume_create(kit->volumes, "a", uid, gid, &kit->err), 0);
	assert_int_equal(stat(files, &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void a_removal_that_was_cut_off_is_finished(void **state)
{
	struct kit *kit = *state;
	struct volume_info info = { 0 };
	struct err err;
	auto_free char *gone = path_join(kit->dir, "volumes/.removed-x/data");

	assert_int_equal(dir_make(gone, 0755, &err), 0);
	kit_put(gone, "file");
	assert_int_equal(volume_create(kit->volumes, "a", 0, 0, &kit->err), 0);
	volume_probe(kit->volumes, NULL, &info);
	assert_int_equal(info.names.n, 1);
	assert_int_equal(kit_count(kit, "volumes"), 2);
	volume_info_fini(&info);
}

/* Many files take long: a removal of the same name waits for no other. */
static void a_removal_leaves_others_alone(void **state)
{
	struct kit *kit = *state;
	struct volume_info info = { 0 };
	char user[ID_SIZE];
	struct err err;
	auto_free char *gone = path_join(kit->dir, "volumes/.removed-a.0/data");

	assert_int_equal(dir_make(gone, 0755, &err), 0);
	kit_put(gone, "file");
	assert_int_equal(volume_create(kit->volumes, "a", 0, 0, &kit->err), 0);
	assert_int_equal(volume_remove(kit->volumes, "a", user, &kit->err), 0);
	assert_int_equal(kit_count(kit, "volumes"), 3); /* of the other */
	assert_true(path_exists(gone));
	volume_probe(kit->volumes, NULL, &info);
	assert_int_equal(kit_count(kit, "volumes"), 0);
	volume_info_fini(&info);
}

static void holders_are_known_after_a_restart(void **state)
{
	struct kit *kit = *state;
	struct strv holders = { 0 };

	assert_int_equal(kit_prepare(kit, ID_2, &data, 1, NULL), 0);
	kit_reopen(kit);
	volumes_holders(kit->volumes, &holders);
	assert_int_equal(holders.n, 1);
	assert_string_equal(holders.items[0], ID_2);
	assert_int_equal(kit_release(kit, ID_2), 0);
	assert_int_equal(kit_release(kit, ID_2), 0);
	strv_fini(&holders);
	kit_reopen(kit);
	volumes_holders(kit->volumes, &holders);
	assert_int_equal(holders.n, 0);
}

/* Without doing anything for it. */
static void what_an_instance_has_is_found(void **state)
{
	struct kit *kit = *state;
	const struct volume_wish wish = { .instance_id = ID_1, .volumes = two, .n = 2 };
	struct volume_mounts mounts;

	volume_find_mounts(kit->volumes, &wish, &mounts);
	assert_int_equal(mounts.n, 0);
	assert_int_equal(kit_count(kit, "volumes"), 0);
	assert_int_equal(kit_prepare(kit, ID_1, &two[1], 1, NULL), 0);
	kit_reopen(kit);
	volume_find_mounts(kit->volumes, &wish, &mounts);
	assert_int_equal(mounts.n, 1);
	assert_string_equal(mounts.items[0].target, "/m");
	assert_true(mounts.items[0].is_read_only);
	assert_true(str_ends(mounts.items[0].source, "/volumes/more/data"));
	volume_mounts_fini(&mounts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(is_made_at_first_use_and_kept),
		KIT_TEST(is_not_removed_while_somebody_has_it),
		KIT_TEST(is_made_once),
		KIT_TEST(belongs_to_whom_it_was_made_for),
		KIT_TEST(a_removal_that_was_cut_off_is_finished),
		KIT_TEST(a_removal_leaves_others_alone),
		KIT_TEST(holders_are_known_after_a_restart),
		KIT_TEST(what_an_instance_has_is_found),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("volume/named", tests, NULL, NULL);
}
