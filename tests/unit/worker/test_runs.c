/* One instance's life: failures, ends, updates, crashes of the worker. */
#include "kit.h"

#define MISSING ",\"code\":\"oci:/nonexistent/missing\""

static void a_failing_start_is_tried_again(void **state)
{
	struct kit *kit = *state;

	fake_host_fail_starts(kit->host, 4);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_FAILED);
	const struct instance_status *s = kit_status(kit, ID_1);
	assert_non_null(strstr(s->detail, "a failure on purpose (attempt 1, next in 0."));
	assert_false(s->is_ready);
	assert_int_equal(s->pid, 0);
	uint64_t begun_ms = loop_now_ms(kit->loop);
	kit_await(kit, ID_1, STATE_RUNNING);
	/* 0.2, 0.4, 0.8 and 1.6 s, or up to half of that less. */
	assert_in_range(loop_now_ms(kit->loop) - begun_ms, 1500, 3500);
	assert_true(kit_has_told(kit, ID_1, "(attempt 4, next in "));
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 5);
	auto_free char *states = kit_states(kit, ID_1);
	assert_string_equal(states, "CREATING FAILED CREATING FAILED CREATING FAILED CREATING "
				    "FAILED CREATING RUNNING");
}

static unsigned n_broken_opens;

static int open_flaky(const struct runtime_config *config, void **ret, struct err *err)
{
	if (n_broken_opens && n_broken_opens--)
		return err_set(err, -ENOSPC, "no space left on device");
	return fake_driver.open(config, ret, err);
}

static unsigned n_broken_probes;
static unsigned n_good_probes;

static int probe_flaky(void *state, struct runtime_info *ret, struct err *err)
{
	if (n_broken_probes && n_broken_probes--)
		return err_set(err, -ENOSPC, "no space left on device");
	n_good_probes++;
	return fake_driver.probe(state, ret, err);
}

static void a_runtime_that_failed_is_opened_again(void **state)
{
	struct kit *kit = *state;
	static struct runtime_driver flaky; /* also for the end of a test that failed */

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_crash(kit);
	flaky = fake_driver;
	flaky.open = open_flaky;
	flaky.probe = probe_flaky;
	kit->driver = &flaky;
	n_broken_opens = 3;
	n_broken_probes = 2;
	kit_forget(kit);
	kit_boot(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_3 });
	while (!n_good_probes)
		assert_true(loop_sim_step(kit->loop));
	kit_run(kit, 1000); /* it does not wait for its next attempt */
	assert_int_equal(kit_status(kit, ID_3)->state, STATE_RUNNING);
	assert_int_equal(n_broken_opens, 0);
	assert_int_equal(n_broken_probes, 0);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1); /* adopted */
	assert_int_equal(fake_host_running(kit->host, ID_1), 1);
	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_await(kit, ID_2, STATE_RUNNING);
}

static unsigned n_broken_off;

static int start_broken_off(void *state, const struct runtime_spec *spec,
			    const struct runtime_ctx *ctx, struct runtime_status *ret,
			    struct err *err)
{
	int r = fake_driver.start(state, spec, ctx, ret, err);

	if (r == 0 && n_broken_off && n_broken_off--)
		return err_set(err, -ETIMEDOUT, "start %s: no answer", spec->instance_id);
	return r;
}

static void a_start_that_went_through_after_all_makes_room(void **state)
{
	struct kit *kit = *state;
	static struct runtime_driver driver; /* also for the end of a test that failed */

	kit_crash(kit);
	driver = fake_driver;
	driver.start = start_broken_off;
	kit->driver = &driver;
	n_broken_off = 1;
	kit_boot(kit);
	kit_run(kit, 1000);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_FAILED);
	assert_int_equal(fake_host_running(kit->host, ID_1), 1);
	assert_true(kit_has_told(kit, ID_1, "no answer (attempt 1, "));
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_true(kit_has_told(kit, ID_1, "it exists with incarnation 1 (attempt 2, "));
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 3);
	assert_int_equal(fake_host_running(kit->host, ID_1), 1);
}

static void back_off_has_an_upper_bound(void **state)
{
	struct kit *kit = *state;

	fake_host_fail_starts(kit->host, 1000);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_run(kit, 3600000);
	/* Once a minute at least, at most twice. */
	assert_in_range(kit_status(kit, ID_1)->incarnation, 60, 130);
}

static void deleted_while_it_fails(void **state)
{
	struct kit *kit = *state;

	fake_host_fail_starts(kit->host, 1000);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_run(kit, 300000);
	assert_int_not_equal(fake_network_ip(kit->network, ID_1), 0);
	kit_delete(kit, ID_1);
	kit_run(kit, 1000); /* it does not wait for the next attempt */
	assert_string_equal(kit_status(kit, ID_1)->detail, "removed");
	assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
	assert_int_equal(kit_n_stored(kit), 0);
}

static void what_ends_is_started_again(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	for (unsigned n = 1; n <= 3; n++) {
		kit_await(kit, ID_1, STATE_RUNNING);
		assert_int_equal(kit_status(kit, ID_1)->incarnation, n);
		fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
		kit_await(kit, ID_1, STATE_DEAD);
		auto_free char *words = n == 1 ? xstrdup("exit code 1, next start in ")
					       : xasprintf("exit code 1, %s%u ends in a row, next "
							   "start in ",
							   n == 3 ? "crash loop: " : "", n);
		assert_non_null(strstr(kit_status(kit, ID_1)->detail, words));
		assert_false(kit_status(kit, ID_1)->is_ready);
	}
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_string_equal(kit_status(kit, ID_1)->namespace_ip, "10.18.0.2");
	assert_int_equal(fake_host_running(kit->host, ID_1), 1);
	/* And is measured as another one. */
	kit_run(kit, 12000);
	assert_string_equal(kit->measured.instance_id, ID_1);
	assert_int_equal(kit->measured.incarnation, 4);
}

static void a_clean_end_is_an_end_too(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CLEAN);
	kit_await(kit, ID_1, STATE_DEAD);
	kit_await(kit, ID_1, STATE_RUNNING);
}

static void one_shot_completes(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = ",\"one_shot\":true" });
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_await(kit, ID_1, STATE_DEAD);
	kit_await(kit, ID_1, STATE_RUNNING);
	/* The disk is full at that moment. */
	store_mem_fail(kit->disk, 3);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CLEAN);
	kit_await(kit, ID_1, STATE_COMPLETED);
	kit_forget(kit);
	kit_run(kit, 600000);
	assert_int_equal(kit->n_told, 0);
	assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
	/* It stays so over a restart, which tells it again. */
	kit_crash(kit);
	kit_boot(kit);
	kit_sync(kit, &(struct wish){ .id = ID_1, .spec = ",\"one_shot\":true" }, 1);
	kit_run(kit, 60000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_COMPLETED);
	assert_string_equal(kit_status(kit, ID_1)->detail, "exit code 0");
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	/* A newer spec runs again. */
	kit_deploy(kit,
		   &(struct wish){ .id = ID_1, .generation = 2, .spec = ",\"one_shot\":true" });
	kit_await(kit, ID_1, STATE_RUNNING);
}

static void an_update_replaces(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_forget(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 2 });
	kit_run(kit, 5000);
	const struct instance_status *s = kit_status(kit, ID_1);
	assert_int_equal(s->state, STATE_RUNNING);
	assert_int_equal(s->generation, 2);
	assert_int_equal(s->incarnation, 2);
	assert_string_equal(s->namespace_ip, "10.18.0.2");
	auto_free char *states = kit_states(kit, ID_1);
	assert_string_equal(states, "CREATING RUNNING");
	assert_true(kit_has_told(kit, ID_1, "stopping the earlier version"));
}

static void an_update_without_its_image_keeps_what_runs(void **state)
{
	struct kit *kit = *state;

	fake_host_hide_images(kit->host, "missing");
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_forget(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 2, .spec = MISSING });
	kit_run(kit, 60000);
	const struct instance_status *s = kit_status(kit, ID_1);
	assert_int_equal(s->state, STATE_RUNNING);
	assert_int_equal(s->generation, 1);
	assert_true(s->is_ready);
	assert_true(s->is_update_failed);
	assert_non_null(strstr(s->detail, "update failed: image oci:/nonexistent/missing: "));
	assert_non_null(strstr(s->detail, "the earlier version is kept, next try in "));
	assert_int_equal(s->incarnation, 1);
	auto_free char *states = kit_states(kit, ID_1);
	assert_string_equal(states, "RUNNING");
	/* What runs meanwhile is looked after. */
	fake_host_end(kit->host, ID_1, RUNTIME_END_CRASH);
	kit_await(kit, ID_1, STATE_DEAD);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_1)->generation, 1);
	/* The image comes. */
	fake_host_hide_images(kit->host, NULL);
	kit_run(kit, 120000);
	assert_int_equal(kit_status(kit, ID_1)->generation, 2);
	assert_false(kit_status(kit, ID_1)->is_update_failed);
}

static void an_update_taken_back(void **state)
{
	struct kit *kit = *state;

	fake_host_hide_images(kit->host, "missing");
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 2, .spec = MISSING });
	kit_run(kit, 5000);
	assert_true(kit_status(kit, ID_1)->is_update_failed);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 3 });
	kit_run(kit, 5000);
	assert_int_equal(kit_status(kit, ID_1)->generation, 3);
	assert_false(kit_status(kit, ID_1)->is_update_failed);
	assert_string_equal(kit_status(kit, ID_1)->detail, "");
}

static void no_image_at_first(void **state)
{
	struct kit *kit = *state;

	fake_host_hide_images(kit->host, "missing");
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = MISSING });
	kit_await(kit, ID_1, STATE_FAILED);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail, "image oci:/nonexistent/missing: "));
	fake_host_hide_images(kit->host, NULL);
	kit_await(kit, ID_1, STATE_RUNNING);
}

static void a_download_that_nobody_wants_harms_nobody(void **state)
{
	struct kit *kit = *state;

	fake_host_hide_images(kit->host, "missing");
	for (unsigned steps = 0; steps < 40; steps++) {
		kit_forget(kit);
		kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = MISSING });
		for (unsigned i = 0; i < steps; i++)
			loop_sim_step(kit->loop);
		kit_delete(kit, ID_1);
		kit_deploy(kit, &(struct wish){ .id = ID_2, .spec = MISSING });
		kit_run(kit, 1000);
		assert_string_equal(kit_status(kit, ID_1)->detail, "removed");
		kit_await(kit, ID_2, STATE_FAILED);
		assert_false(kit_has_told(kit, ID_2, "ancel"));
		kit_delete(kit, ID_2);
		kit_run(kit, 1000);
	}
}

static void an_unknown_runtime(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = ",\"virtualization\":\"kata\"" });
	kit_await(kit, ID_1, STATE_FAILED);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail, "this node has no runtime kata"));
}

static void what_runs_is_adopted(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_await(kit, ID_2, STATE_RUNNING);
	int64_t pid = kit_status(kit, ID_1)->pid;
	auto_free char *ip = xstrdup(kit_status(kit, ID_1)->namespace_ip);
	kit_crash(kit);
	fake_host_end(kit->host, ID_2, RUNTIME_END_OOM);
	kit_forget(kit);
	kit->is_deaf = true; /* no server is needed for it */
	kit_boot(kit);
	kit_run(kit, 10000);
	const struct instance_status *s = kit_status(kit, ID_1);
	assert_int_equal(s->state, STATE_RUNNING);
	assert_int_equal(s->pid, pid);
	assert_int_equal(s->incarnation, 1);
	assert_string_equal(s->namespace_ip, ip);
	/* What ended meanwhile is seen to have ended, and runs again. */
	assert_true(
		kit_has_told(kit, ID_2, "killed: out of memory, without a limit of its own, next"));
	assert_int_equal(kit_status(kit, ID_2)->state, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_2)->incarnation, 2);
}

static struct runtime_driver slow;
static bool is_starting;

static int list_slowly(void *state, const char *id, struct runtime_list *ret, struct err *err)
{
	int r = fake_driver.list(state, id, ret, err);

	for (size_t i = 0; r == 0 && is_starting && i < ret->n; i++)
		ret->items[i].phase = RUNTIME_STARTING;
	return r;
}

/* Holm was killed in its start, which goes on: it runs when its runtime says so, and not before. */
static void what_is_being_started_is_adopted(void **state)
{
	struct kit *kit = *state;

	slow = fake_driver;
	slow.list = list_slowly;
	kit->driver = &slow;
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	for (int is_paused = 0; is_paused < 2; is_paused++) {
		kit_crash(kit);
		is_starting = true;
		kit_forget(kit);
		kit_boot(kit);
		kit_sync(kit, &(struct wish){ .id = ID_1, .is_paused = is_paused }, 1);
		kit_run(kit, 10000);
		assert_int_equal(kit_status(kit, ID_1)->state, STATE_CREATING);
		assert_int_equal(kit->n_ready, 0);
		is_starting = false;
		kit_await(kit, ID_1, STATE_RUNNING);
		kit_run(kit, 1000);
		assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
		assert_int_equal(kit_status(kit, ID_1)->is_paused, is_paused);
		assert_int_equal(kit->n_ready, 1);
	}
}

static void what_nobody_remembers_is_stopped(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_crash(kit);
	store_mem_free(kit->disk);
	kit->disk = store_mem_new();
	kit_boot(kit);
	kit_run(kit, 10000);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
	assert_int_equal(kit_n_stored(kit), 0);
}

static void crashes_on_the_way_out(void **state)
{
	struct kit *kit = *state;

	for (unsigned steps = 0; steps < 40; steps++) {
		kit_deploy(kit, &(struct wish){ .id = ID_1 });
		kit_await(kit, ID_1, STATE_RUNNING);
		kit_delete(kit, ID_1);
		for (unsigned i = 0; i < steps; i++)
			loop_sim_step(kit->loop);
		kit_crash(kit);
		kit_boot(kit);
		/* The server wishes nothing, and asks for what it has not heard of. */
		kit_sync(kit, NULL, 0);
		kit_delete(kit, ID_1);
		kit_run(kit, 10000);
		assert_int_equal(fake_host_running(kit->host, ID_1), 0);
		assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
		assert_string_equal(kit_status(kit, ID_1)->detail, "removed");
		assert_int_equal(kit_n_stored(kit), 0);
		kit_forget(kit);
	}
}

static void a_full_disk(void **state)
{
	struct kit *kit = *state;

	store_mem_fail(kit->disk, 2);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_FAILED);
	assert_int_equal(fake_host_running(kit->host, ID_1),
			 0); /* not begun before it is on disk */
	assert_non_null(strstr(kit_status(kit, ID_1)->detail, "no space left"));
	kit_await(kit, ID_1, STATE_RUNNING);
	/* What runs is not told to have failed. */
	kit_forget(kit);
	store_mem_fail(kit->disk, 2);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 2 });
	kit_run(kit, 20000);
	auto_free char *states = kit_states(kit, ID_1);
	assert_string_equal(states, "RUNNING CREATING RUNNING");
	assert_true(kit_has_told(kit, ID_1, "update failed: commit to memory store"));
	assert_int_equal(kit_status(kit, ID_1)->generation, 2);
	store_mem_fail(kit->disk, 5);
	kit_delete(kit, ID_1);
	kit_run(kit, 60000);
	assert_string_equal(kit_status(kit, ID_1)->detail, "removed");
	assert_int_equal(kit_n_stored(kit), 0);
}

/* Each measurement looks at all that run. */
static void what_begins_in_a_burst_is_measured_together(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 1500);
	unsigned n = kit->n_beats;
	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_await(kit, ID_2, STATE_RUNNING);
	kit_run(kit, 100);
	assert_int_equal(kit->n_beats, n + 1);
	kit_deploy(kit, &(struct wish){ .id = ID_3 });
	kit_await(kit, ID_3, STATE_RUNNING);
	kit_run(kit, 100);
	assert_int_equal(kit->n_beats, n + 1);
	kit_run(kit, 1000);
	assert_int_equal(kit->n_beats, n + 2);
	kit_run(kit, 5000);
	assert_int_equal(kit->n_beats, n + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(a_failing_start_is_tried_again),
		KIT_TEST(a_runtime_that_failed_is_opened_again),
		KIT_TEST(a_start_that_went_through_after_all_makes_room),
		KIT_TEST(back_off_has_an_upper_bound),
		KIT_TEST(deleted_while_it_fails),
		KIT_TEST(what_ends_is_started_again),
		KIT_TEST(a_clean_end_is_an_end_too),
		KIT_TEST(one_shot_completes),
		KIT_TEST(an_update_replaces),
		KIT_TEST(an_update_without_its_image_keeps_what_runs),
		KIT_TEST(an_update_taken_back),
		KIT_TEST(no_image_at_first),
		KIT_TEST(a_download_that_nobody_wants_harms_nobody),
		KIT_TEST(an_unknown_runtime),
		KIT_TEST(what_runs_is_adopted),
		KIT_TEST(what_is_being_started_is_adopted),
		KIT_TEST(what_nobody_remembers_is_stopped),
		KIT_TEST(crashes_on_the_way_out),
		KIT_TEST(a_full_disk),
		KIT_TEST(what_begins_in_a_burst_is_measured_together),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/runs", tests, NULL, NULL);
}
