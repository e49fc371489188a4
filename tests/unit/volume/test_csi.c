/* CSI volumes against the test plugin, which mounts for real: order and number of calls, crashes before
 * every step, failures of every call, plugins that hang, die, leave and come back. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "kit.h"
#include "loop/loop.h"
#include "plugin.h"

#define DRIVER  "csi.example.org"
#define WAIT_MS 10000

static const struct sla_volume world = {
	.volume_id = (char *)"world",
	.csi_driver = (char *)DRIVER,
	.mount_path = (char *)"/w",
	.config = (char *)"{\"size\":\"1\",\"tier\":\"fast\"}",
};
static const struct sla_volume moon = {
	.volume_id = (char *)"moon",
	.csi_driver = (char *)DRIVER,
	.read_only = true,
};

struct fixture {
	struct kit *kit;
	struct strv csi;
	char *dir; /* the plugin's */
	char *socket;
	struct csi_test *plugin;
};

static void start_plugin(struct fixture *f)
{
	f->plugin = csi_test_start(f->socket, f->dir, DRIVER, false);
}

static void stop_plugin(struct fixture *f)
{
	csi_test_stop(TAKE(f->plugin));
}

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);
	struct err err;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    kit_setup((void **)&f->kit) < 0)
		return -1;
	f->dir = path_join(f->kit->dir, "plugin");
	f->socket = path_join(f->kit->dir, "csi.sock");
	if (dir_make(f->dir, 0755, &err) < 0)
		return -1;
	strv_addf(&f->csi, DRIVER "=%s", f->socket);
	f->kit->config.csi = &f->csi;
	kit_reopen(f->kit);
	start_plugin(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->plugin)
		stop_plugin(f);
	f->kit->volumes = volumes_close(f->kit->volumes);
	strv_fini(&f->csi);
	free(f->dir);
	free(f->socket);
	int r = kit_teardown((void **)&f->kit);
	free(f);
	return r;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The plugin's orders, see plugin.h. */
static void order(const struct fixture *f, const char *file, const char *text)
{
	auto_free char *path = path_join(f->dir, file);
	struct err err = { 0 };

	if (file_write_atomic(path, text, strlen(text), 0644, &err) < 0)
		fail_msg("%s", err.msg);
}

static void relieve(const struct fixture *f, const char *file)
{
	auto_free char *path = path_join(f->dir, file);

	assert_int_equal(unlink(path), 0);
}

static char *calls(const struct fixture *f)
{
	auto_free char *path = path_join(f->dir, "calls");
	char *text = NULL;
	struct err err;

	return file_read(path, 1 << 20, &text, NULL, &err) < 0 ? xstrdup("") : text;
}

/* Lines that begin with the word. */
static unsigned count(const struct fixture *f, const char *word)
{
	auto_free char *text = calls(f);
	auto_strv struct strv lines = { 0 };
	unsigned n = 0;

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		n += str_starts(lines.items[i], word);
	return n;
}

static void must(struct fixture *f, int r)
{
	if (r < 0)
		fail_msg("%s", f->kit->err.msg);
}

static void fails(struct fixture *f, int r, const char *part)
{
	if (r == 0)
		fail_msg("no error, expected \"%s\"", part);
	if (!strstr(f->kit->err.msg, part))
		fail_msg("\"%s\" does not say \"%s\"", f->kit->err.msg, part);
}

static int prepare(struct fixture *f, const char *id)
{
	return kit_prepare(f->kit, id, &world, 1, NULL);
}

/* What the container would see. */
static void assert_mounted(struct fixture *f, const char *id)
{
	struct volume_mounts mounts = { 0 };

	must(f, kit_prepare(f->kit, id, &world, 1, &mounts));
	auto_free char *there = xasprintf("%s/volumes/world", f->dir);
	kit_put(there, "file");
	assert_true(kit_has(mounts.items[0].source, "file"));
	volume_mounts_fini(&mounts);
}

static void is_staged_and_published_with_its_context(void **state)
{
	struct fixture *f = *state;
	struct volume_mounts mounts = { 0 };
	const struct sla_volume both[] = { world, moon };

	must(f, kit_prepare(f->kit, ID_1, both, 2, &mounts));
	assert_string_equal(mounts.items[0].target, "/w");
	assert_string_equal(mounts.items[1].target, "/mnt/csi/moon");
	assert_true(mounts.items[1].is_read_only);
	auto_free char *made = path_join(mounts.items[1].source, "x");
	assert_int_equal(open(made, O_CREAT | O_WRONLY | O_CLOEXEC, 0644), -1);
	assert_int_equal(errno, EROFS);
	assert_int_equal(kit_mounts(f->kit), 4);
	auto_free char *text = calls(f);
	auto_free char *expected = xasprintf(
		"NodeStageVolume world %s/mounts/stages/%%s/mount size=1 tier=fast", f->kit->dir);
	assert_true(strncmp(text, expected, strcspn(expected, "%")) == 0);
	assert_non_null(strstr(text, "/mount size=1 tier=fast\nNodePublishVolume world "));
	assert_non_null(strstr(text, "/targets/" ID_1 "/0 size=1 tier=fast\n"));
	must(f, kit_release(f->kit, ID_1));
	assert_int_equal(kit_left(f->kit), 0);
	volume_mounts_fini(&mounts);
}

static void two_instances_share_a_stage(void **state)
{
	struct fixture *f = *state;

	must(f, prepare(f, ID_1));
	kit_reopen(f->kit);
	must(f, prepare(f, ID_2));
	assert_int_equal(count(f, "NodeStageVolume"), 1);
	assert_int_equal(count(f, "NodePublishVolume"), 2);
	must(f, kit_release(f->kit, ID_1));
	assert_int_equal(count(f, "NodeUnstageVolume"), 0);
	assert_mounted(f, ID_2);
	kit_reopen(f->kit);
	must(f, kit_release(f->kit, ID_2));
	assert_int_equal(count(f, "NodeUnpublishVolume"), 2);
	assert_int_equal(count(f, "NodeUnstageVolume"), 1);
	assert_int_equal(kit_left(f->kit), 0);
}

/* Repeated starts ask the driver nothing. */
static void what_is_published_stays_so(void **state)
{
	struct fixture *f = *state;

	must(f, prepare(f, ID_1));
	must(f, prepare(f, ID_1));
	kit_reopen(f->kit);
	must(f, prepare(f, ID_1));
	assert_int_equal(count(f, "Node"), 2);
	must(f, kit_prepare(f->kit, ID_1, &moon, 1, NULL)); /* another version of the service */
	assert_int_equal(count(f, "NodeUnstageVolume world"), 1);
	assert_int_equal(kit_mounts(f->kit), 2);
	must(f, kit_prepare(f->kit, ID_1, NULL, 0, NULL));
	assert_int_equal(kit_left(f->kit), 0);
}

static void a_driver_that_does_not_stage(void **state)
{
	struct fixture *f = *state;

	order(f, "no-stage", "");
	assert_mounted(f, ID_1);
	must(f, kit_release(f->kit, ID_1));
	assert_int_equal(count(f, "Node"), 2);
	assert_int_equal(kit_left(f->kit), 0);
}

static void unmount_all(struct fixture *f)
{
	auto_free char *text = NULL;
	auto_strv struct strv words = { 0 };
	auto_free char *place = path_join(f->kit->dir, "mounts/");
	struct err err;

	assert_int_equal(file_read("/proc/self/mountinfo", 8 << 20, &text, NULL, &err), 0);
	strv_split(&words, text, " \n");
	for (size_t i = 0; i < words.n; i++)
		if (str_starts(words.items[i], place))
			assert_int_equal(umount(words.items[i]), 0);
}

static void after_a_reboot_it_is_staged_and_published_anew(void **state)
{
	struct fixture *f = *state;

	must(f, prepare(f, ID_1));
	must(f, prepare(f, ID_2));
	unmount_all(f);
	kit_reboot(f->kit);
	assert_mounted(f, ID_1);
	assert_mounted(f, ID_2);
	assert_int_equal(count(f, "NodeStageVolume"), 2);
	unmount_all(f);
	kit_reboot(f->kit);
	must(f, kit_release(f->kit, ID_1)); /* deleted while the machine was off */
	must(f, kit_release(f->kit, ID_2));
	assert_int_equal(kit_left(f->kit), 0);
}

static void what_others_unmount_is_published_anew(void **state)
{
	struct fixture *f = *state;

	assert_mounted(f, ID_1);
	unmount_all(f);
	assert_mounted(f, ID_1);
	assert_int_equal(kit_mounts(f->kit), 2);
	unmount_all(f);
	must(f, kit_release(f->kit, ID_1));
	assert_int_equal(kit_left(f->kit), 0);
}

/* One instance comes and goes, with a crash before step `n`, and `goes_on` tells whether it is still
 * wanted afterwards. True if no step is left to crash before. */
static bool crash_at(struct fixture *f, unsigned n, bool goes_on)
{
	struct kit *kit = f->kit;

	kit->n_steps = 0;
	kit->crash_at = n;
	int prepared = prepare(f, ID_1);
	unsigned n_steps = kit->n_steps;
	kit->crash_at = 0;
	if (prepared < 0)
		assert_int_equal(prepared, -EINTR);
	kit_reopen(kit);
	if (goes_on) {
		assert_mounted(f, ID_1);
		assert_int_equal(kit_mounts(kit), 2);
	}
	kit->n_steps = n_steps;
	kit->crash_at = prepared == -EINTR ? 0 : n;
	int released = kit_release(kit, ID_1);
	kit->crash_at = 0;
	kit_reopen(kit);
	must(f, kit_release(kit, ID_1));
	assert_int_equal(kit_left(kit), 0);
	return prepared == 0 && released == 0;
}

static void crashes_before_every_step_leave_nothing(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		unsigned n = 1;

		while (!crash_at(f, n, i == 0))
			assert_true(++n < 100);
		assert_in_range(n, 10, 99);
	}
}

/* The same with a second instance on the stage: it must never lose its mount. */
static void crashes_do_not_touch_who_shares_the_stage(void **state)
{
	struct fixture *f = *state;
	struct kit *kit = f->kit;
	bool is_over = false;

	must(f, prepare(f, ID_2));
	for (unsigned n = 1; !is_over; n++) {
		assert_true(n < 100);
		kit->n_steps = 0;
		kit->crash_at = n;
		int prepared = prepare(f, ID_1);
		kit_reopen(kit);
		is_over = prepared == 0 && kit_release(kit, ID_1) == 0;
		kit->crash_at = 0;
		kit_reopen(kit);
		must(f, kit_release(kit, ID_1));
		assert_mounted(f, ID_2);
		assert_int_equal(kit_mounts(kit), 2);
	}
	assert_int_equal(count(f, "NodeStageVolume"), 1);
	assert_int_equal(count(f, "NodeUnstageVolume"), 0);
	must(f, kit_release(kit, ID_2));
	assert_int_equal(kit_left(kit), 0);
}

/* Place of the last such call among all, 0: there is none. */
static size_t last(const struct fixture *f, const char *word)
{
	auto_free char *text = calls(f);
	auto_strv struct strv lines = { 0 };
	size_t at = 0;

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (str_starts(lines.items[i], word))
			at = i + 1;
	return at;
}

/* A driver whose work does not show in the kernel: the records alone tell what is to be done again. */
static void records_alone_tell_what_a_crash_left(void **state)
{
	struct fixture *f = *state;
	bool is_over = false;

	order(f, "plain", "");
	for (unsigned n = 1; !is_over; n++) {
		assert_true(n < 100);
		must(f, prepare(f, ID_1));
		f->kit->n_steps = 0;
		f->kit->crash_at = n;
		is_over = kit_release(f->kit, ID_1) == 0;
		f->kit->crash_at = 0;
		kit_reopen(f->kit);
		must(f, prepare(f, ID_1));
		assert_true(last(f, "NodeStageVolume") > last(f, "NodeUnstageVolume"));
		assert_true(last(f, "NodePublishVolume") > last(f, "NodeUnpublishVolume"));
		must(f, kit_release(f->kit, ID_1));
		assert_int_equal(kit_left(f->kit), 0);
	}
}

static void records_alone_tell_of_a_reboot(void **state)
{
	struct fixture *f = *state;

	order(f, "plain", "");
	must(f, prepare(f, ID_1));
	kit_reopen(f->kit);
	must(f, prepare(f, ID_1));
	assert_int_equal(count(f, "Node"), 2);
	kit_reboot(f->kit);
	must(f, prepare(f, ID_1));
	assert_int_equal(count(f, "NodeStageVolume"), 2);
	assert_int_equal(count(f, "NodePublishVolume"), 2);
}

static const char *const node_calls[] = { "NodeStageVolume", "NodePublishVolume",
					  "NodeUnpublishVolume", "NodeUnstageVolume" };

/* Tries until both have failed once, and each works the second time. */
static void survive(struct fixture *f, const char *what, size_t call, const char *text)
{
	auto_free char *file = xasprintf("%s%s", what, node_calls[call]);
	bool is_before = call < 2;

	order(f, file, text);
	if (is_before)
		fails(f, prepare(f, ID_1), "world: CSI driver " DRIVER " at ");
	else
		must(f, prepare(f, ID_1));
	if (call >= 2)
		fails(f, kit_release(f->kit, ID_1), "world: CSI driver " DRIVER " at ");
	relieve(f, file);
	if (is_before)
		assert_mounted(f, ID_1);
	must(f, kit_release(f->kit, ID_1));
	assert_int_equal(kit_left(f->kit), 0);
}

static void failures_and_deaths_at_every_call_are_survived(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(node_calls); i++) {
		survive(f, "fail-", i, "13");
		survive(f, "die-", i, "");
		survive(f, "die-after-", i, "");
	}
}

static void what_failed_to_start_is_released(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		auto_free char *file = xasprintf("die-after-%s", node_calls[i]);

		order(f, file, "");
		fails(f, prepare(f, ID_1), "world: CSI driver");
		must(f, kit_release(f->kit, ID_1));
		assert_int_equal(kit_left(f->kit), 0);
		relieve(f, file);
	}
}

static void a_volume_that_the_driver_does_not_know(void **state)
{
	struct fixture *f = *state;
	struct sla_volume missing = world;

	missing.volume_id = (char *)"missing-1";
	fails(f, kit_prepare(f->kit, ID_1, &missing, 1, NULL),
	      "stage volume missing-1: CSI driver " DRIVER " at ");
	assert_non_null(strstr(f->kit->err.msg, "told so"));
	must(f, kit_release(f->kit, ID_1));
	assert_int_equal(kit_left(f->kit), 0);
}

static void hanging_calls_end_in_time(void **state)
{
	struct fixture *f = *state;

	f->kit->config.call_ms = 200;
	kit_reopen(f->kit);
	for (size_t i = 0; i < ARRAY_LEN(node_calls); i++)
		survive(f, "hang-", i, "");
}

struct call {
	struct fixture *f;
	struct cancel cancel;
	int result;
	struct err err;
	unsigned seed;
};

static void *prepare_in_thread(void *arg)
{
	struct call *call = arg;
	struct volume_wish wish = { ID_1, &world, 1, &call->cancel };
	struct volume_mounts mounts = { 0 };

	call->result = volume_prepare(call->f->kit->volumes, &wish, &mounts, &call->err);
	volume_mounts_fini(&mounts);
	return NULL;
}

/* `watch` is an inotify of the plugin's folder, from before the call. */
static void await_call(struct fixture *f, const char *word, int watch)
{
	uint64_t end_ms = clock_monotonic_ms() + WAIT_MS;
	struct pollfd change = { watch, POLLIN, 0 };
	char events[4096];

	while (!count(f, word)) {
		assert_int_equal(clock_poll(&change, 1, end_ms), 1);
		assert_true(read(watch, events, sizeof(events)) > 0);
	}
}

static void a_hanging_call_can_be_cancelled(void **state)
{
	struct fixture *f = *state;
	struct call call = { .f = f };
	pthread_t thread;

	f->kit->config.call_ms = 60000;
	kit_reopen(f->kit);
	order(f, "hang-NodePublishVolume", "");
	auto_close int watch = inotify_init1(IN_CLOEXEC);
	assert_true(inotify_add_watch(watch, f->dir, IN_CREATE | IN_MODIFY) >= 0);
	assert_int_equal(pthread_create(&thread, NULL, prepare_in_thread, &call), 0);
	await_call(f, "hangs", watch);
	cancel_set(&call.cancel);
	pthread_join(thread, NULL);
	assert_int_equal(call.result, -ECANCELED);
	must(f, kit_release(f->kit, ID_1));
	assert_int_equal(kit_left(f->kit), 0);
}

static void a_driver_that_is_gone_is_waited_for(void **state)
{
	struct fixture *f = *state;

	must(f, prepare(f, ID_1));
	stop_plugin(f);
	fails(f, kit_release(f->kit, ID_1), "unpublish volume world: CSI driver " DRIVER " at ");
	fails(f, prepare(f, ID_2), "volume world: CSI driver " DRIVER ": ");
	must(f, kit_release(f->kit, ID_2));
	/* Nobody names it any more, but it is remembered. */
	f->kit->config.csi = NULL;
	kit_reopen(f->kit);
	fails(f, kit_release(f->kit, ID_1), "unpublish volume world: CSI driver " DRIVER " at ");
	start_plugin(f);
	must(f, kit_release(f->kit, ID_1));
	assert_int_equal(kit_left(f->kit), 0);
	fails(f, prepare(f, ID_1), "volume world: this node has no CSI driver " DRIVER);
}

/* Two volumes; the driver of one is gone: the other one is released all the same. */
static void one_driver_does_not_hold_the_rest(void **state)
{
	struct fixture *f = *state;
	const struct sla_volume named = { .volume_id = (char *)"data", .mount_path = (char *)"/d" };
	const struct sla_volume both[] = { world, named };
	char user[ID_SIZE];

	must(f, kit_prepare(f->kit, ID_1, both, 2, NULL));
	stop_plugin(f);
	fails(f, kit_release(f->kit, ID_1), "unpublish volume world");
	must(f, volume_remove(f->kit->volumes, "data", user, &f->kit->err));
	start_plugin(f);
	must(f, kit_release(f->kit, ID_1));
}

static void problem(struct fixture *f, const char *part)
{
	struct volume_info info = { 0 };

	volume_probe(f->kit->volumes, NULL, &info);
	assert_int_equal(info.drivers.n, 0);
	assert_int_equal(info.problems.n, 1);
	if (!str_starts(info.problems.items[0], "csi " DRIVER ": ") ||
	    !strstr(info.problems.items[0], part))
		fail_msg("\"%s\" does not say \"%s\"", info.problems.items[0], part);
	volume_info_fini(&info);
}

static void broken_drivers_are_told_with_the_reason(void **state)
{
	struct fixture *f = *state;
	struct volume_info info = { 0 };

	order(f, "not-ready", "");
	problem(f, "not ready");
	relieve(f, "not-ready");
	order(f, "fail-Probe", "9");
	problem(f, "told so");
	relieve(f, "fail-Probe");
	stop_plugin(f);
	problem(f, "No such file");
	f->plugin = csi_test_start(f->socket, f->dir, "other.example.org", false);
	problem(f, "is other.example.org");
	stop_plugin(f);
	start_plugin(f);
	volume_probe(f->kit->volumes, NULL, &info);
	assert_int_equal(info.problems.n, 0);
	assert_string_equal(info.drivers.items[0], DRIVER);
	volume_info_fini(&info);
}

static void configuration_is_checked(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "csi", "=/csi.sock", "csi=", "csi=csi.sock" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct volume_config config = f->kit->config;
		struct strv words = { 0 };
		struct volumes *volumes = NULL;

		strv_add(&words, bad[i]);
		config.csi = &words;
		assert_int_equal(volumes_open(&config, &volumes, &f->kit->err), -EINVAL);
		strv_fini(&words);
	}
}

#define ROUNDS 20

static void *come_and_go(void *arg)
{
	struct call *call = arg;
	struct volume_wish wish = { call->seed ? ID_1 : ID_2, &world, 1, NULL };

	for (unsigned i = 0; i < ROUNDS && call->result == 0; i++) {
		struct volume_mounts mounts = { 0 };
		struct volumes *volumes = call->f->kit->volumes;

		call->result = volume_prepare(volumes, &wish, &mounts, &call->err);
		/* What was told is mounted, whatever the other one does. */
		if (call->result == 0 && !kit_has(mounts.items[0].source, "file"))
			call->result = err_set(&call->err, -ENOENT, "not mounted");
		volume_mounts_fini(&mounts);
		if (call->result == 0)
			call->result = volume_release(volumes, wish.instance_id, NULL, &call->err);
	}
	return NULL;
}

static void threads_share_a_stage(void **state)
{
	struct fixture *f = *state;
	struct call call[2] = { { .f = f, .seed = 0 }, { .f = f, .seed = 1 } };
	pthread_t threads[2];

	f->kit->config.is_crash = NULL; /* it counts without a lock */
	kit_reopen(f->kit);
	assert_mounted(f, ID_1);
	must(f, kit_release(f->kit, ID_1));
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &call[i]), 0);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < 2; i++)
		if (call[i].result < 0)
			fail_msg("%s", call[i].err.msg);
	assert_int_equal(count(f, "NodePublishVolume"), 2 * ROUNDS + 1);
	assert_int_equal(count(f, "NodeStageVolume"), count(f, "NodeUnstageVolume"));
	assert_int_equal(kit_left(f->kit), 0);
}

static void needs_root(void **state)
{
	print_message("skipped: mounting takes root\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest as_root[] = {
		TEST(is_staged_and_published_with_its_context),
		TEST(two_instances_share_a_stage),
		TEST(what_is_published_stays_so),
		TEST(a_driver_that_does_not_stage),
		TEST(after_a_reboot_it_is_staged_and_published_anew),
		TEST(what_others_unmount_is_published_anew),
		TEST(crashes_before_every_step_leave_nothing),
		TEST(crashes_do_not_touch_who_shares_the_stage),
		TEST(records_alone_tell_what_a_crash_left),
		TEST(records_alone_tell_of_a_reboot),
		TEST(failures_and_deaths_at_every_call_are_survived),
		TEST(what_failed_to_start_is_released),
		TEST(a_volume_that_the_driver_does_not_know),
		TEST(hanging_calls_end_in_time),
		TEST(a_hanging_call_can_be_cancelled),
		TEST(a_driver_that_is_gone_is_waited_for),
		TEST(one_driver_does_not_hold_the_rest),
		TEST(broken_drivers_are_told_with_the_reason),
		TEST(configuration_is_checked),
		TEST(threads_share_a_stage),
	};
	const struct CMUnitTest as_user[] = { cmocka_unit_test(needs_root) };

	log_set_level(LOG_LEVEL_ERROR);
	if (geteuid() != 0)
		return cmocka_run_group_tests_name("volume/csi", as_user, NULL, NULL);
	return cmocka_run_group_tests_name("volume/csi", as_root, NULL, NULL);
}
