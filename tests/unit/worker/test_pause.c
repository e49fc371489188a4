/* Instances that are halted and go on, on virtual time. */
#include "kit.h"

#define IP_1 "10.18.0.2"
#define RR   0x0a1e0001 /* 10.30.0.1 */
#define READY                                                                          \
	",\"readiness\":{\"tcp\":{\"port\":80},\"period_s\":1},\"liveness\":{\"tcp\":" \
	"{\"port\":80},\"period_s\":1,\"failure_threshold\":2}"

static struct runtime_driver special;

static void deploy(struct kit *kit, bool is_paused)
{
	kit_deploy(kit, &(struct wish){ .id = ID_1, .is_paused = is_paused });
}

static bool is_paused(struct kit *kit)
{
	struct runtime_list list = { 0 };
	void *state;
	struct err err;
	const struct runtime_config config = { .data_dir = fake_host_dir(kit->host) };

	assert_int_equal(fake_driver.open(&config, &state, &err), 0);
	assert_int_equal(fake_driver.list(state, ID_1, &list, &err), 0);
	assert_int_equal(list.n, 1);
	bool is = list.items[0].is_paused;
	runtime_list_fini(&list);
	return is;
}

/* And is told so. */
static void expect(struct kit *kit, bool wanted, const char *detail)
{
	const struct instance_status *status = kit_status(kit, ID_1);

	assert_int_equal(is_paused(kit), wanted);
	assert_int_equal(status->is_paused, wanted);
	assert_int_equal(status->is_ready, !wanted && status->state == STATE_RUNNING);
	assert_string_equal(status->detail, detail);
}

static void it_is_halted_without_traffic_and_goes_on(void **state)
{
	struct kit *kit = *state;

	deploy(kit, false);
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 1000);
	assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
	kit_forget(kit);
	deploy(kit, true);
	kit_run(kit, 1000);
	expect(kit, true, "paused");
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
	assert_null(fake_network_connect(kit->network, RR));
	kit_run(kit, 600000);
	expect(kit, true, "paused");
	deploy(kit, false);
	kit_run(kit, 1000);
	expect(kit, false, "");
	assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
	auto_free char *states = kit_states(kit, ID_1);
	assert_string_equal(states, "RUNNING");
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
}

static void a_new_holm_leaves_it_so(void **state)
{
	struct kit *kit = *state;

	deploy(kit, false);
	kit_await(kit, ID_1, STATE_RUNNING);
	deploy(kit, true);
	kit_run(kit, 1000);
	kit_crash(kit);
	kit_boot(kit);
	kit_forget(kit);
	kit_sync(kit, &(struct wish){ .id = ID_1, .is_paused = true }, 1);
	kit_run(kit, 5000);
	expect(kit, true, "paused");
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
	assert_null(fake_network_connect(kit->network, RR));
	assert_int_equal(kit->n_ready, 1);
	/* What was wished while it was away is done by the next. */
	kit_crash(kit);
	kit_boot(kit);
	kit_sync(kit, &(struct wish){ .id = ID_1 }, 1);
	kit_run(kit, 5000);
	expect(kit, false, "");
	assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
}

/* Killed before it could halt it, or before it could note that it did. */
static void a_new_holm_makes_it_so(void **state)
{
	struct kit *kit = *state;

	deploy(kit, false);
	kit_await(kit, ID_1, STATE_RUNNING);
	deploy(kit, true);
	for (int i = 0; i < 20; i++) {
		kit_run(kit, 1);
		kit_crash(kit);
		kit_boot(kit);
		bool wanted = i % 2 == 0;
		kit_sync(kit, &(struct wish){ .id = ID_1, .is_paused = wanted }, 1);
		kit_run(kit, 5000);
		expect(kit, wanted, wanted ? "paused" : "");
		deploy(kit, !wanted);
		kit_run(kit, (uint64_t)i);
	}
}

static void its_probes_stand_still(void **state)
{
	struct kit *kit = *state;

	kit_port(kit, IP_1 ":80", 200);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = READY });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = READY, .is_paused = true });
	kit_run(kit, 1000);
	kit_port(kit, IP_1 ":80", KIT_SILENT);
	unsigned n_asked = kit->n_asked_by_probes;
	kit_run(kit, 60000);
	expect(kit, true, "paused");
	assert_int_equal(kit->n_asked_by_probes, n_asked);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
	/* Nor do they begin with a new Holm. */
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 60000);
	expect(kit, true, "paused");
	assert_int_equal(kit->n_asked_by_probes, n_asked);
	kit_port(kit, IP_1 ":80", 200);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = READY });
	kit_run(kit, 5000);
	expect(kit, false, "");
	assert_true(kit->n_asked_by_probes > n_asked);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
}

static void one_that_is_not_ready_is_paused_as_such(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = READY, .is_paused = true });
	kit_run(kit, 60000);
	expect(kit, true, "paused");
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_CREATED);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
}

static void its_boot_is_not_watched(void **state)
{
	struct kit *kit = *state;

	special = fake_driver;
	special.caps |= RUNTIME_CAP_BOOT;
	kit->driver = &special;
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 1000);
	fake_host_silence(kit->host, true);
	deploy(kit, false);
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 20000);
	deploy(kit, true);
	kit_run(kit, 120000);
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 120000);
	expect(kit, true, "paused");
	deploy(kit, false);
	kit_run(kit, 29000);
	expect(kit, false, "");
	kit_await(kit, ID_1, STATE_DEAD); /* its time anew, and over */
}

static void it_is_stopped_in_every_way(void **state)
{
	struct kit *kit = *state;

	deploy(kit, true);
	kit_run(kit, 5000);
	expect(kit, true, "paused");
	/* A restart, which lets go on. */
	kit_deploy(kit, &(struct wish){ .id = ID_1, .restarts = 1 });
	kit_run(kit, 5000);
	expect(kit, false, "");
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 2);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .restarts = 1, .is_paused = true });
	kit_run(kit, 5000);
	expect(kit, true, "paused");
	/* A newer version, which is paused too. */
	kit_deploy(kit,
		   &(struct wish){ .id = ID_1, .generation = 2, .restarts = 1, .is_paused = true });
	kit_run(kit, 5000);
	expect(kit, true, "paused");
	assert_int_equal(kit_status(kit, ID_1)->generation, 2);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 3);
	/* An end of its own. */
	fake_host_end(kit->host, ID_1, RUNTIME_END_OOM);
	kit_run(kit, 10000);
	expect(kit, true, "paused");
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 4);
	kit_delete(kit, ID_1);
	kit_run(kit, 5000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_UNDEPLOYED);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	assert_int_equal(kit_n_stored(kit), 0);
}

static void what_cannot_be_paused_goes_on_and_is_told(void **state)
{
	struct kit *kit = *state;

	fake_host_deny_pauses(kit->host, true);
	deploy(kit, false);
	kit_await(kit, ID_1, STATE_RUNNING);
	deploy(kit, true);
	kit_run(kit, 60000);
	expect(kit, false, "cannot be paused: pause " ID_1 ": denied on purpose");
	assert_true(kit_status(kit, ID_1)->is_pause_failed);
	assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
	/* Asked again, it is tried again. */
	deploy(kit, false);
	kit_run(kit, 1000);
	expect(kit, false, "");
	fake_host_deny_pauses(kit->host, false);
	deploy(kit, true);
	kit_run(kit, 1000);
	expect(kit, true, "paused");
	assert_false(kit_status(kit, ID_1)->is_pause_failed);
}

static unsigned n_failing;

static int fail_first(void *state, const char *id, bool wanted, struct err *err)
{
	if (n_failing && n_failing--)
		return err_set(err, -ETIMEDOUT, "no answer");
	return fake_driver.set_paused(state, id, wanted, err);
}

static int with_failing_pauses(struct kit *kit)
{
	special = fake_driver;
	special.set_paused = fail_first;
	kit->driver = &special;
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 1000);
	return 0;
}

static void a_runtime_that_does_not_answer_is_asked_again(void **state)
{
	struct kit *kit = *state;

	with_failing_pauses(kit);
	deploy(kit, false);
	kit_await(kit, ID_1, STATE_RUNNING);
	n_failing = 3;
	deploy(kit, true);
	kit_run(kit, 100);
	expect(kit, false, "cannot be paused: no answer");
	assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
	kit_run(kit, 60000);
	expect(kit, true, "paused");
	/* Whether it was halted by the try that failed is not known: it is let go on. */
	deploy(kit, false);
	kit_run(kit, 1000);
	n_failing = 1;
	deploy(kit, true);
	kit_run(kit, 100);
	n_failing = 1;
	deploy(kit, false);
	kit_run(kit, 100);
	assert_int_equal(n_failing, 0);
	kit_run(kit, 60000);
	expect(kit, false, "");
}

static void a_runtime_without_it_says_so(void **state)
{
	struct kit *kit = *state;

	with_failing_pauses(kit);
	special.set_paused = NULL;
	deploy(kit, true);
	kit_run(kit, 60000);
	expect(kit, false, "cannot be paused: fake cannot do that");
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(it_is_halted_without_traffic_and_goes_on),
		KIT_TEST(a_new_holm_leaves_it_so),
		KIT_TEST(a_new_holm_makes_it_so),
		KIT_TEST(its_probes_stand_still),
		KIT_TEST(one_that_is_not_ready_is_paused_as_such),
		KIT_TEST(its_boot_is_not_watched),
		KIT_TEST(it_is_stopped_in_every_way),
		KIT_TEST(what_cannot_be_paused_goes_on_and_is_told),
		KIT_TEST(a_runtime_that_does_not_answer_is_asked_again),
		KIT_TEST(a_runtime_without_it_says_so),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/pause", tests, NULL, NULL);
}
