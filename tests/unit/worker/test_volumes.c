/* Volumes of instances: mounted before the start, gone after the end, at whatever moment the worker
 * crashes; and what the node tells of them. */
#include "kit.h"
#include "worker/session/private.h"

#define NAMED(name) ",\"volumes\":[{\"volume_id\":\"" name "\",\"mount_path\":\"/d\"}]"
#define CSI         ",\"volumes\":[{\"volume_id\":\"v\",\"csi_driver\":\"csi.example.org\"}]"
#define SEEDS       60

static bool has(const struct kit *kit, const char *name)
{
	auto_free char *path = path_join(kit->dir, name);

	return path_exists(path);
}

#define RECORD(id) "mounts/records/" id ".json"

static void a_volume_is_there_while_its_instance_is(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = NAMED("data") });
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_true(kit_has_told(kit, ID_1, "mounting volumes"));
	assert_true(has(kit, RECORD(ID_1)));
	kit_run(kit, 1000);
	assert_string_equal(kit->node.volumes.items[0], "data");
	kit_delete(kit, ID_1);
	kit_await(kit, ID_1, STATE_UNDEPLOYED);
	kit_run(kit, 60000);
	assert_false(has(kit, RECORD(ID_1)));
	assert_true(has(kit, "volumes/data/data"));
	assert_int_equal(kit_n_stored(kit), 0);
}

static void an_end_leaves_it_and_another_spec_changes_it(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = NAMED("data") });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_forget(kit);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_false(kit_has_told(kit, ID_1, "mounting volumes"));
	kit_forget(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 2, .spec = NAMED("other") });
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_true(has(kit, "volumes/other/data"));
	kit_forget(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 3 });
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_false(has(kit, RECORD(ID_1)));
}

static void what_ran_to_its_end_has_none(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = NAMED("data") ",\"one_shot\":true" });
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CLEAN);
	kit_await(kit, ID_1, STATE_COMPLETED);
	kit_run(kit, 1000);
	assert_false(has(kit, RECORD(ID_1)));
}

static void a_driver_that_is_not_here_is_told_and_does_not_hold_the_end(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = CSI });
	kit_await(kit, ID_1, STATE_FAILED);
	assert_true(kit_has_told(kit, ID_1,
				 "volume v: this node has no CSI driver csi.example.org (attempt"));
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	kit_delete(kit, ID_1);
	kit_run(kit, 5000);
	assert_int_equal(kit_n_stored(kit), 0);
}

/* Left by a worker whose database is gone. */
static void what_nobody_remembers_is_released(void **state)
{
	struct kit *kit = *state;
	const struct sla_volume data = { .volume_id = (char *)"data", .mount_path = (char *)"/d" };
	struct volume_config config = { .data_dir = kit->dir };
	struct volume_wish wish = { .instance_id = ID_3, .volumes = &data, .n = 1 };
	struct volume_mounts mounts = { 0 };
	struct volumes *volumes;
	struct err err = { 0 };

	kit_crash(kit);
	assert_int_equal(volumes_open(&config, &volumes, &err), 0);
	assert_int_equal(volume_prepare(volumes, &wish, &mounts, &err), 0);
	volume_mounts_fini(&mounts);
	volumes_close(volumes);
	assert_true(has(kit, RECORD(ID_3)));
	kit_boot(kit);
	kit_run(kit, 5000);
	assert_false(has(kit, RECORD(ID_3)));
	assert_true(has(kit, "volumes/data/data"));
	assert_int_equal(kit_n_stored(kit), 0);
}

static unsigned random_of(struct kit *kit, unsigned n)
{
	uint8_t byte;

	loop_random(kit->loop, &byte, 1);
	return byte % n;
}

static void step_and_crash(struct kit *kit)
{
	for (unsigned i = random_of(kit, 60); i > 0; i--)
		loop_sim_step(kit->loop);
	kit_crash(kit);
	kit_boot(kit);
}

static void crashes_at_any_moment_leave_nothing(void **state)
{
	struct kit *kit = *state;

	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct wish wish = { .id = ID_1, .spec = NAMED("data") };

		kit_deploy(kit, &wish);
		step_and_crash(kit);
		kit_sync(kit, &wish, 1);
		step_and_crash(kit);
		kit_sync(kit, &wish, 1);
		kit_await(kit, ID_1, STATE_RUNNING);
		assert_true(has(kit, RECORD(ID_1)));
		kit_delete(kit, ID_1);
		step_and_crash(kit);
		kit_sync(kit, NULL, 0);
		kit_run(kit, 120000);
		assert_false(has(kit, RECORD(ID_1)));
		assert_int_equal(fake_host_running(kit->host, ID_1), 0);
		assert_int_equal(kit_n_stored(kit), 0);
		kit_forget(kit);
	}
}

static void on_down(void *arg, const struct err *err)
{
	struct kit *kit = arg;

	kit->is_down = true;
	kit->down_err = *err;
}

static void down_releases_and_keeps_the_wish(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = NAMED("data") });
	kit_await(kit, ID_1, STATE_RUNNING);
	worker_down_begin(kit->worker, on_down, kit);
	kit_run(kit, 130000);
	assert_true(kit->is_down);
	assert_int_equal(kit->down_err.code, 0);
	assert_false(has(kit, RECORD(ID_1)));
	kit_crash(kit);
	kit_forget(kit);
	kit_boot(kit);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_true(has(kit, RECORD(ID_1)));
}

static const struct sla_volume of_a_unikernel[] = {
	{ .volume_id = (char *)"data", .mount_path = (char *)"/srv/data/" },
	{ .volume_id = (char *)"deep", .mount_path = (char *)"/srv/data/deep", .read_only = true },
};

struct place {
	const char *path;
	bool is_put;
	int result;
	const char *folder; /* its end */
	const char *rest;
	const char *name;
};

static void assert_place(const struct winst *inst, const struct place *place)
{
	struct copy_root root = { 0 };
	struct err err = { 0 };

	if (copy_root_find(inst, place->path, place->is_put, &root, &err) != place->result)
		fail_msg("%s: %s", place->path, err.msg);
	if (place->result < 0)
		return;
	assert_true(str_ends(root.folder, place->folder));
	assert_string_equal(root.path, place->rest);
	assert_true(str_eq(root.name, place->name) || (!root.name && !place->name));
	copy_root_fini(&root);
}

/* Copies reach a unikernel's volumes alone, the deepest one that holds the path. */
static void a_copy_leads_into_a_volume(void **state)
{
	static const struct place places[] = {
		{ "/srv/data/a/b", true, 0, "/volumes/data/data", "/a/b", NULL },
		{ "//srv//data//a", false, 0, "/volumes/data/data", "/a", NULL },
		{ "/srv/data", false, 0, "/volumes/data/data", "/", "data" },
		{ "/srv/data/.", false, 0, "/volumes/data/data", "/.", NULL },
		{ "/srv/data/../x", false, 0, "/volumes/data/data", "/../x", NULL },
		{ "/srv/data/deep/x", false, 0, "/volumes/deep/data", "/x", NULL },
		{ "/srv/data/deeper", true, 0, "/volumes/data/data", "/deeper", NULL },
		{ "/srv/data/deep/x", true, -EROFS, NULL, NULL, NULL },
		{ "/srv/database", false, -ENOTSUP, NULL, NULL, NULL },
		{ "/srv", false, -ENOTSUP, NULL, NULL, NULL },
		{ "/", true, -ENOTSUP, NULL, NULL, NULL },
	};
	struct kit *kit = *state;
	const struct runtime_driver driver = { .name = "qemu" };
	struct runtime_slot slot = { .driver = &driver };
	struct winst inst = { .worker = kit->worker, .id = ID_1, .slot = &slot };
	const struct volume_wish wish = { .instance_id = ID_1, .volumes = of_a_unikernel, .n = 2 };
	struct volume_mounts mounts;
	struct copy_root root;
	struct err err;

	assert_int_equal(copy_root_find(&inst, "/srv/data", false, &root, &err), -ENOTSUP);
	assert_true(str_ends(err.msg, "those of its volumes: it has none"));
	assert_int_equal(volume_prepare(kit->worker->volumes, &wish, &mounts, &err), 0);
	volume_mounts_fini(&mounts);
	inst.current.spec.volumes = (struct sla_volume *)(uintptr_t)of_a_unikernel;
	inst.current.spec.n_volumes = 2;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		assert_place(&inst, &places[i]);
	assert_int_equal(copy_root_find(&inst, "/etc", false, &root, &err), -ENOTSUP);
	assert_true(str_ends(err.msg, "those of its volumes: /srv/data/, /srv/data/deep"));
	assert_int_equal(volume_release(kit->worker->volumes, ID_1, NULL, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(a_volume_is_there_while_its_instance_is),
		KIT_TEST(an_end_leaves_it_and_another_spec_changes_it),
		KIT_TEST(what_ran_to_its_end_has_none),
		KIT_TEST(a_driver_that_is_not_here_is_told_and_does_not_hold_the_end),
		KIT_TEST(what_nobody_remembers_is_released),
		KIT_TEST(crashes_at_any_moment_leave_nothing),
		KIT_TEST(down_releases_and_keeps_the_wish),
		KIT_TEST(a_copy_leads_into_a_volume),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/volumes", tests, NULL, NULL);
}
