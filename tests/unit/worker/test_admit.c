/* Nothing is started that the node has no room for. */
#include "kit.h"

static void deploy(struct kit *kit, const char *id, const char *spec)
{
	const struct wish wish = { .id = id, .spec = spec };

	kit_deploy(kit, &wish);
}

static void reboot(struct kit *kit, struct resources offer)
{
	kit_crash(kit);
	kit->offer = offer;
	kit_boot(kit);
	kit_run(kit, 1000);
}

static void what_does_not_fit_is_refused_until_it_does(void **state)
{
	struct kit *kit = *state;

	reboot(kit, (struct resources){ .memory_mib = 1000 });
	deploy(kit, ID_1, ",\"memory\":700");
	kit_await(kit, ID_1, STATE_RUNNING);
	deploy(kit, ID_2, ",\"memory\":301");
	kit_await(kit, ID_2, STATE_FAILED);
	assert_true(kit_has_told(kit, ID_2,
				 "start: no room on this node: it needs 301 MiB of memory, 300 of "
				 "1000 free"));
	assert_int_equal(fake_host_running(kit->host, ID_2), 0);
	/* What asks for nothing, and what fits, goes beside it. */
	deploy(kit, ID_3, NULL);
	kit_await(kit, ID_3, STATE_RUNNING);
	kit_delete(kit, ID_1);
	kit_await(kit, ID_2, STATE_RUNNING);
}

static void a_larger_offer_admits_it(void **state)
{
	struct kit *kit = *state;

	reboot(kit, (struct resources){ .memory_mib = 1000, .pids = 100 });
	deploy(kit, ID_1, ",\"memory\":700");
	deploy(kit, ID_2, ",\"memory\":700");
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_await(kit, ID_2, STATE_FAILED);
	reboot(kit, (struct resources){ .memory_mib = 1500, .pids = 100 });
	kit_await(kit, ID_2, STATE_RUNNING);
	deploy(kit, ID_3, ",\"pids\":101");
	kit_await(kit, ID_3, STATE_FAILED);
	assert_true(kit_has_told(kit, ID_3, "needs 101 processes, 100 of 100 free"));
}

static void what_runs_goes_on_after_a_stricter_setting(void **state)
{
	struct kit *kit = *state;

	deploy(kit, ID_1, ",\"memory\":700");
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_forget(kit);
	reboot(kit, (struct resources){ .memory_mib = 100 });
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(fake_host_running(kit->host, ID_1), 1);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_run(kit, 5000);
	kit_await(kit, ID_1, STATE_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(what_does_not_fit_is_refused_until_it_does),
		KIT_TEST(a_larger_offer_admits_it),
		KIT_TEST(what_runs_goes_on_after_a_stricter_setting),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/admit", tests, NULL, NULL);
}
