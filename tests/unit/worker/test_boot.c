/* Guests whose boot comes to nothing, on virtual time. */
#include "kit.h"
#include "worker/private.h"

#define IP_1  "10.18.0.2"
#define READY ",\"readiness\":{\"tcp\":{\"port\":80},\"period_s\":1}"

/* The simulated runtime, as one whose instances boot. */
static struct runtime_driver booting;

static int setup(void **state)
{
	int r = kit_setup(state);
	struct kit *kit = *state;

	booting = fake_driver;
	booting.caps |= RUNTIME_CAP_BOOT;
	kit->driver = &booting;
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 1000);
	fake_host_silence(kit->host, true);
	return r;
}

static void a_silent_one_is_ended_and_told(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 29000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
	kit_await(kit, ID_1, STATE_DEAD);
	assert_true(kit_has_told(kit, ID_1, "no byte on the console within 30 s: stopping it"));
	assert_true(kit_has_told(kit, ID_1, "no byte on the console within 30 s, next start in"));
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 2);
	kit_await(kit, ID_1, STATE_DEAD);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail, ", 2 ends in a row"));
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
}

static void its_time_is_the_descriptors(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1,
					.spec = ",\"boot_timeout\":3,"
						"\"restart\":\"never\"" });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 4000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_FAILED);
	assert_string_equal(kit_status(kit, ID_1)->detail,
			    "no byte on the console within 3 s, not started again (restart: "
			    "never)");
}

/* Both may come while a step is under way; what came first is what it was. */
static void the_first_reason_stays(void **state)
{
	struct winst inst = { 0 };

	life_condemn(&inst, true, "liveness %s", "failed");
	life_condemn(&inst, false, "no byte");
	assert_string_equal(inst.life.condemned, "liveness failed");
	assert_true(inst.life.was_healthy);
}

static void one_that_speaks_in_time_goes_on(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 25000);
	fake_host_silence(kit->host, false);
	kit_run(kit, 60000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
}

static void one_that_was_ready_may_be_silent(void **state)
{
	struct kit *kit = *state;

	kit_port(kit, IP_1 ":80", 200);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = READY });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_port(kit, IP_1 ":80", KIT_CLOSED);
	kit_await(kit, ID_1, STATE_CREATED);
	/* Nor does a new Holm forget that it was. */
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 60000);
	assert_int_equal(fake_host_running(kit->host, ID_1), 1);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
}

static void one_that_never_gets_ready_is_ended_if_asked(void **state)
{
	struct kit *kit = *state;

	fake_host_silence(kit->host, false);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = READY ",\"boot_timeout\":5" });
	kit_deploy(kit, &(struct wish){ .id = ID_2, .spec = READY });
	kit_await(kit, ID_1, STATE_DEAD);
	assert_true(kit_has_told(kit, ID_1,
				 "not ready within 5 s of its start: connect to " IP_1
				 ":80 failed: connect: Connection refused"));
	/* Without the field readiness may take any time. */
	kit_run(kit, 60000);
	assert_int_equal(kit_status(kit, ID_2)->incarnation, 1);
}

static void a_new_holm_watches_on(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 10000);
	kit_crash(kit);
	kit_boot(kit);
	kit_forget(kit);
	kit_await(kit, ID_1, STATE_DEAD);
	assert_true(kit_has_told(kit, ID_1, "no byte on the console within 30 s"));
}

/* A delete in the middle of it: nothing of the watch is left behind. */
static void one_that_is_deleted_is_not_judged(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 29900);
	kit_delete(kit, ID_1);
	kit_run(kit, 60000);
	assert_false(kit_has_told(kit, ID_1, "no byte"));
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_silent_one_is_ended_and_told),
		TEST(its_time_is_the_descriptors),
		cmocka_unit_test(the_first_reason_stays),
		TEST(one_that_speaks_in_time_goes_on),
		TEST(one_that_was_ready_may_be_silent),
		TEST(one_that_never_gets_ready_is_ended_if_asked),
		TEST(a_new_holm_watches_on),
		TEST(one_that_is_deleted_is_not_judged),
	};

	return cmocka_run_group_tests_name("worker/boot", tests, NULL, NULL);
}
