/* Messages of the server: what the worker makes of them, in any order and number. */
#include "kit.h"

static void deployed_and_deleted(void **state)
{
	struct kit *kit = *state;

	assert_int_equal(kit->n_registered, 1);
	assert_int_equal(kit->n_ready, 0); /* before it knows the whole wish */
	kit_sync(kit, NULL, 0);
	kit_run(kit, 100);
	assert_int_equal(kit->n_ready, 1);
	assert_int_equal(kit->ready_err.code, 0);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	const struct instance_status *s = kit_status(kit, ID_1);
	assert_true(s->is_ready);
	assert_string_equal(s->namespace_ip, "10.18.0.2");
	assert_string_equal(s->runtime, "fake");
	assert_int_equal(s->generation, 1);
	assert_int_equal(s->incarnation, 1);
	assert_true(s->pid > 0);
	assert_string_equal(s->detail, "");
	assert_int_equal(fake_host_running(kit->host, ID_1), 1);
	assert_int_equal(fake_network_ip(kit->network, ID_1), 10u << 24 | 18 << 16 | 2);
	kit_forget(kit);
	kit_delete(kit, ID_1);
	kit_run(kit, 1000);
	auto_free char *states = kit_states(kit, ID_1);
	assert_string_equal(states, "UNDEPLOYED");
	assert_string_equal(kit_status(kit, ID_1)->detail, "removed");
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
	assert_int_equal(kit_n_stored(kit), 0);
	assert_int_equal(kit->n_registered, 1);
}

static void the_same_message_twice(void **state)
{
	struct kit *kit = *state;

	kit_sync(kit, NULL, 0);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	unsigned n = kit->n_registered;
	kit_forget(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .revision = kit->revision });
	kit_run(kit, 1000);
	assert_int_equal(kit->n_registered, n);
	assert_int_equal(kit->n_told, 0);
	assert_int_equal(fake_host_running(kit->host, ID_1), 1);
}

static void an_old_message_late(void **state)
{
	struct kit *kit = *state;

	kit_sync(kit, NULL, 0);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	uint64_t old = kit->revision;
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 2 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 1000);
	assert_int_equal(kit_status(kit, ID_1)->generation, 2);
	unsigned n = kit->n_registered;
	kit_forget(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 1, .revision = old });
	kit_deploy(kit, &(struct wish){ .id = ID_2, .revision = old });
	kit_run(kit, 5000);
	/* It is not believed, but the whole wish is asked for. */
	assert_null(kit_status(kit, ID_1));
	assert_null(kit_status(kit, ID_2));
	assert_true(kit->n_registered > n);
	/* A server whose count went back tells so by a sync. */
	kit->revision = 1;
	kit_sync(kit, &(struct wish){ .id = ID_1, .generation = 2 }, 1);
	kit_run(kit, 100);
	n = kit->n_registered;
	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_await(kit, ID_2, STATE_RUNNING);
	assert_int_equal(kit->n_registered, n);
}

static void a_missed_message(void **state)
{
	struct kit *kit = *state;

	kit_sync(kit, NULL, 0);
	kit_run(kit, 100);
	unsigned n = kit->n_registered;
	kit->revision++;
	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_await(kit, ID_2, STATE_RUNNING);
	assert_int_equal(kit->n_registered, n + 1);
	kit->revision++;
	kit_delete(kit, ID_2);
	kit_await(kit, ID_2, STATE_UNDEPLOYED);
	assert_int_equal(kit->n_registered, n + 2);
}

static void a_sync_is_the_whole_wish(void **state)
{
	struct kit *kit = *state;
	const struct wish first[] = { { .id = ID_1 }, { .id = ID_2 } };
	const struct wish second[] = { { .id = ID_2, .generation = 2 }, { .id = ID_3 } };

	kit_sync(kit, first, 2);
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_await(kit, ID_2, STATE_RUNNING);
	kit_sync(kit, second, 2);
	kit_run(kit, 5000);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	assert_string_equal(kit_status(kit, ID_1)->detail, "removed");
	assert_int_equal(kit_status(kit, ID_2)->generation, 2);
	assert_int_equal(kit_status(kit, ID_3)->state, STATE_RUNNING);
	/* Told again even where nothing is new: the server may have restarted. */
	kit_forget(kit);
	kit_sync(kit, second, 2);
	kit_run(kit, 1000);
	assert_int_equal(kit->n_told, 2);
	assert_int_equal(kit_status(kit, ID_2)->state, STATE_RUNNING);
	kit_sync(kit, NULL, 0);
	kit_run(kit, 5000);
	assert_int_equal(kit_n_stored(kit), 0);
}

static void what_is_unknown_is_gone(void **state)
{
	struct kit *kit = *state;

	kit_delete(kit, ID_3);
	kit_run(kit, 100);
	assert_int_equal(kit_status(kit, ID_3)->state, STATE_UNDEPLOYED);
	assert_string_equal(kit_status(kit, ID_3)->detail, "removed");
	kit_delete(kit, ID_3);
	kit_run(kit, 100);
	assert_int_equal(kit->n_told, 2);
}

static void deleted_before_it_was_there(void **state)
{
	struct kit *kit = *state;

	for (unsigned steps = 0; steps < 80; steps++) {
		kit_deploy(kit, &(struct wish){ .id = ID_1 });
		for (unsigned i = 0; i < steps; i++)
			loop_sim_step(kit->loop);
		kit_delete(kit, ID_1);
		kit_run(kit, 5000);
		assert_int_equal(fake_host_running(kit->host, ID_1), 0);
		assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
		assert_string_equal(kit_status(kit, ID_1)->detail, "removed");
		assert_int_equal(kit_n_stored(kit), 0);
	}
}

static void nonsense_is_ignored(void **state)
{
	struct kit *kit = *state;
	static const char *const topics[] = { "control/deploy", "control/delete", "control/sync",
					      "control/accept", "control/dance",  "net/table" };
	static const char *const payloads[] = {
		"",
		"[]",
		"{}",
		"{\"subnets\":7}",
		"{\"subnets\":[]}",
		"{\"services\":7}",
		"{\"revision\":1,\"instance_list\":[{}]}",
		"{\"services\":[{\"app_name\":\"a.t.b.t\",\"port\":\"x\",\"instance_list\":"
		"[{\"instance_id\":\"" OTHER "\",\"instance_ip\":null}]}]}",
	};

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_forget(kit);
	for (size_t t = 0; t < ARRAY_LEN(topics); t++)
		for (size_t p = 0; p < ARRAY_LEN(payloads); p++)
			kit_say(kit, topics[t], payloads[p]);
	kit_deploy(kit, &(struct wish){ .id = "1./../../../../etc/passwd" });
	kit_deploy(kit, &(struct wish){ .id = "1" });
	kit_run(kit, 5000);
	assert_int_equal(fake_host_running(kit->host, ID_1), 1);
	assert_int_equal(kit->n_told, 0);
}

static void what_needs_no_other_run_is_taken_over(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = ",\"one_shot\":true" });
	kit_run(kit, 1000);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
	/* On disk too. */
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 1000);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CLEAN);
	kit_await(kit, ID_1, STATE_COMPLETED);
}

static void a_server_that_does_not_answer_is_asked_again(void **state)
{
	struct kit *kit = *state;

	kit_crash(kit);
	store_mem_free(kit->disk);
	kit->disk = store_mem_new();
	kit->is_deaf = true;
	kit_boot(kit);
	kit_run(kit, 21000);
	assert_in_range(kit->n_registered, 4, 6);
	assert_in_range(kit->n_beats, 4, 6);
	assert_int_equal(kit->n_ready, 0);
	kit_accept(kit, "\"" BLOCK "\"");
	kit_sync(kit, NULL, 0);
	kit_run(kit, 100);
	assert_int_equal(kit->n_ready, 1);
	unsigned n = kit->n_registered;
	kit_run(kit, 20000);
	assert_int_equal(kit->n_registered, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(deployed_and_deleted),
		KIT_TEST(the_same_message_twice),
		KIT_TEST(an_old_message_late),
		KIT_TEST(a_missed_message),
		KIT_TEST(a_sync_is_the_whole_wish),
		KIT_TEST(what_is_unknown_is_gone),
		KIT_TEST(deleted_before_it_was_there),
		KIT_TEST(nonsense_is_ignored),
		KIT_TEST(what_needs_no_other_run_is_taken_over),
		KIT_TEST(a_server_that_does_not_answer_is_asked_again),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/wishes", tests, NULL, NULL);
}
