/* Ends by themselves: restart policies, what is told of them, and what stays over a crash of the
 * worker. */
#include "kit.h"
#include "worker/life/life.h"

#define NEVER      ",\"restart\":\"never\""
#define ON_FAILURE ",\"restart\":\"on-failure\""
#define AT         "2026-11-23T13:18:02.123456789Z "

static void write_log(struct kit *kit, const char *id, const char *text)
{
	auto_free char *dir = xasprintf("%s/logs", kit->dir);
	auto_free char *path = xasprintf("%s/%s.log", dir, id);
	struct err err = { 0 };

	if (dir_make(dir, 0700, &err) < 0 || file_replace(path, text, &err) < 0)
		fail_msg("%s", err.msg);
}

static void run_and_end(struct kit *kit, const struct wish *wish, enum runtime_end end)
{
	kit_deploy(kit, wish);
	kit_await(kit, wish->id, STATE_RUNNING);
	fake_host_end(kit->host, wish->id, end);
}

static void a_failure_is_final_without_restarts(void **state)
{
	struct kit *kit = *state;
	const struct wish wish = { .id = ID_1, .spec = NEVER };

	write_log(kit, ID_1, AT "stdout F tried\n" AT "stderr F no config\n");
	run_and_end(kit, &wish, RUNTIME_END_ERROR);
	kit_await(kit, ID_1, STATE_FAILED);
	kit_forget(kit);
	kit_run(kit, 600000);
	assert_int_equal(kit->n_told, 0);
	assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
	for (int i = 0; i < 2; i++) {
		kit_crash(kit);
		kit_boot(kit);
		kit_sync(kit, &wish, 1);
		kit_run(kit, 60000);
		assert_int_equal(kit_status(kit, ID_1)->state, STATE_FAILED);
		assert_string_equal(kit_status(kit, ID_1)->detail,
				    "exit code 1, not started again (restart: never); last output: "
				    "tried | no config");
		assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	}
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 2, .spec = NEVER });
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CLEAN);
	kit_await(kit, ID_1, STATE_COMPLETED);
	assert_string_equal(kit_status(kit, ID_1)->detail, "exit code 0");
}

static void only_failures_are_started_again(void **state)
{
	struct kit *kit = *state;
	const struct wish wish = { .id = ID_1, .spec = ON_FAILURE };

	run_and_end(kit, &wish, RUNTIME_END_CRASH);
	kit_await(kit, ID_1, STATE_DEAD);
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CLEAN);
	kit_await(kit, ID_1, STATE_COMPLETED);
	kit_crash(kit);
	kit_boot(kit);
	kit_sync(kit, &wish, 1);
	kit_run(kit, 60000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_COMPLETED);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
}

static void an_end_that_nobody_saw_counts_too(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = NEVER });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_crash(kit);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_boot(kit);
	kit_await(kit, ID_1, STATE_FAILED);
	kit_run(kit, 60000);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
}

static void another_policy_starts_it_again(void **state)
{
	struct kit *kit = *state;

	run_and_end(kit, &(struct wish){ .id = ID_1, .spec = NEVER }, RUNTIME_END_ERROR);
	kit_await(kit, ID_1, STATE_FAILED);
	kit_run(kit, 5000);
	/* In place: the same generation. */
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = ON_FAILURE });
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CLEAN);
	kit_await(kit, ID_1, STATE_COMPLETED);
	kit_run(kit, 5000);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
}

static void somebody_restarts_what_runs(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	for (unsigned steps = 0; steps < 30; steps++) {
		kit_deploy(kit, &(struct wish){ .id = ID_1, .restarts = steps + 1 });
		for (unsigned i = 0; i < steps; i++)
			loop_sim_step(kit->loop);
		kit_crash(kit);
		kit_boot(kit);
		kit_sync(kit, &(struct wish){ .id = ID_1, .restarts = steps + 1 }, 1);
		kit_run(kit, 20000);
		assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
		assert_string_equal(kit_status(kit, ID_1)->namespace_ip, "10.18.0.2");
		/* Once, however often it is told and whenever holm is killed. */
		assert_int_equal(kit_status(kit, ID_1)->incarnation, steps + 2);
	}
	assert_true(kit_has_told(kit, ID_1, "stopping it for a restart"));
}

static void somebody_restarts_what_had_ended(void **state)
{
	struct kit *kit = *state;

	run_and_end(kit, &(struct wish){ .id = ID_1, .spec = NEVER }, RUNTIME_END_ERROR);
	kit_await(kit, ID_1, STATE_FAILED);
	kit_run(kit, 5000);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = NEVER, .restarts = 1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CLEAN);
	kit_await(kit, ID_1, STATE_COMPLETED);
	kit_run(kit, 60000);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 2);
	/* It does not wait for the back-off either. */
	fake_host_fail_starts(kit->host, 10);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = NEVER, .restarts = 2 });
	kit_run(kit, 60000);
	fake_host_fail_starts(kit->host, 0);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = NEVER, .restarts = 3 });
	kit_run(kit, 500);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
}

static void a_full_disk_at_the_end(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = NEVER });
	kit_await(kit, ID_1, STATE_RUNNING);
	store_mem_fail(kit->disk, 3);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_await(kit, ID_1, STATE_FAILED);
	kit_run(kit, 60000);
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 60000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_FAILED);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
}

static void a_loop_tells_count_next_try_and_output(void **state)
{
	struct kit *kit = *state;

	write_log(kit, ID_1, AT "stdout F \x1b[31mred\x1b[0m alert\n");
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	for (unsigned n = 1; n <= 4; n++) {
		kit_await(kit, ID_1, STATE_RUNNING);
		fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
		kit_await(kit, ID_1, STATE_DEAD);
	}
	const char *detail = kit_status(kit, ID_1)->detail;
	assert_non_null(strstr(detail, "exit code 1, crash loop: 4 ends in a row, next start in "));
	assert_non_null(strstr(detail, " s; last output: red alert"));
}

static void end_in_a_row(struct kit *kit, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		kit_await(kit, ID_1, STATE_RUNNING);
		fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
		kit_await(kit, ID_1, STATE_DEAD);
	}
}

static void a_loop_stays_one_over_a_crash_of_the_worker(void **state)
{
	struct kit *kit = *state;
	const struct wish wish = { .id = ID_1 };

	kit_deploy(kit, &wish);
	end_in_a_row(kit, 7);
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 2 * KIT_BOOT_MS - loop_now_ms(kit->loop) - 1000);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_run(kit, 500); /* the next start is some 25 s away */
	kit_crash(kit);
	kit_boot(kit);
	kit_sync(kit, &wish, 1);
	kit_forget(kit);
	kit_run(kit, 5000);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_DEAD);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail, "crash loop: 8 ends in a row"));
	end_in_a_row(kit, 1);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail, "crash loop: 9 ends in a row"));
	/* A newer wish begins anew, for a worker after this one too. */
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 2 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_crash(kit);
	kit_boot(kit);
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_await(kit, ID_1, STATE_DEAD);
	assert_null(strstr(kit_status(kit, ID_1)->detail, "in a row"));
}

static void memory_as_the_cause_is_told(void **state)
{
	struct kit *kit = *state;

	run_and_end(kit, &(struct wish){ .id = ID_1, .spec = ",\"memory\":64" }, RUNTIME_END_OOM);
	kit_await(kit, ID_1, STATE_DEAD);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail,
			       "killed: out of memory, limit 64 MiB, next start in "));
}

static void a_child_that_is_killed_for_memory_is_told(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = ",\"memory\":64" });
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_host_oom(kit->host, ID_1);
	kit_run(kit, 10000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
	assert_string_equal(kit_status(kit, ID_1)->detail,
			    "1 of its processes was killed: out of memory, limit 64 MiB");
	kit_forget(kit);
	kit_run(kit, 60000);
	assert_int_equal(kit->n_told, 0);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_await(kit, ID_1, STATE_DEAD);
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 10000);
	assert_string_equal(kit_status(kit, ID_1)->detail, "");
}

static void a_reason_fits_its_place(void **state)
{
	struct ending ending = { .n = 7, .delay_ms = 12800 };
	char detail[DETAIL_MAX];

	STR_COPY(ending.words, "exit code 3");
	STR_COPY(ending.output, "no");
	ending_format(&ending, detail);
	assert_string_equal(detail,
			    "exit code 3, crash loop: 7 ends in a row, next start in 12.8 s; "
			    "last output: no");
	memset(ending.words, 'x', sizeof(ending.words) - 1);
	memset(ending.output, 'y', sizeof(ending.output) - 1);
	ending_format(&ending, detail);
	assert_int_equal(strlen(detail), DETAIL_MAX - 1);
}

static void check_words(const char *log, uint64_t since_ms, const char *expected)
{
	char out[LAST_WORDS_MAX + 1];

	last_words(log, strlen(log), since_ms, out);
	assert_string_equal(out, expected);
}

static void last_lines_of_a_log(void **state)
{
	const uint64_t at_ms = 1795439882123; /* AT */

	check_words("", 0, "");
	check_words("garbage\n\n", 0, "");
	check_words("18:02Z stdout F cut\n" AT "stdout F whole\n", 0, "whole");
	check_words(AT "stdout F 1\n" AT "stderr F 2\n" AT "stdout F \n" AT "stdout F 3\n" AT
		       "stdout F 4\n",
		    0, "2 | 3 | 4");
	check_words(AT "stdout P one \n" AT "stdout F line\n", 0, "one line");
	check_words(AT "stdout F whole\n" AT "stdout F no end", 0, "whole | no end");
	check_words(AT "stdout F a\tb\rc\x07"
		       "d\x1b[1;31mE\x1b[0m\xc2\x9b"
		       "f\xc3\xa9\n",
		    0, "a bcdEf\xc3\xa9");
	/* Of this run only. */
	check_words(AT "stdout F now\n", at_ms, "now");
	check_words(AT "stdout F before\n", at_ms + 1, "");
}

static void last_lines_are_bounded(void **state)
{
	auto_free char *row = xasprintf("%0*d", 290, 0);
	auto_free char *two = xasprintf(AT "stdout F %s too long\n" AT "stdout F short\n", row);
	auto_free char *accents = xasprintf("%s\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
					    row);
	auto_free char *one = xasprintf(AT "stdout F %s\n", accents);
	char out[LAST_WORDS_MAX + 1];

	check_words(two, 0, "short");
	last_words(one, strlen(one), 0, out);
	assert_in_range(strlen(out), LAST_WORDS_MAX - 3, LAST_WORDS_MAX);
	assert_true(str_ends(out, "0\xc3\xa9\xc3\xa9\xc3\xa9\xe2\x80\xa6"));
}

static void last_lines_after_a_rotation(void **state)
{
	struct kit *kit = *state;
	auto_free char *path = xasprintf("%s/x.log", kit->dir);
	auto_free char *older = xasprintf("%s.1", path);
	char out[LAST_WORDS_MAX + 1];
	struct err err = { 0 };

	last_words_read(path, 0, out);
	assert_string_equal(out, "");
	assert_int_equal(file_replace(older, AT "stdout F 1\n" AT "stdout F 2\n", &err), 0);
	assert_int_equal(file_replace(path, AT "stdout F 3\n", &err), 0);
	last_words_read(path, 0, out);
	assert_string_equal(out, "1 | 2 | 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(a_failure_is_final_without_restarts),
		KIT_TEST(only_failures_are_started_again),
		KIT_TEST(an_end_that_nobody_saw_counts_too),
		KIT_TEST(another_policy_starts_it_again),
		KIT_TEST(somebody_restarts_what_runs),
		KIT_TEST(somebody_restarts_what_had_ended),
		KIT_TEST(a_full_disk_at_the_end),
		KIT_TEST(a_loop_tells_count_next_try_and_output),
		KIT_TEST(a_loop_stays_one_over_a_crash_of_the_worker),
		KIT_TEST(memory_as_the_cause_is_told),
		KIT_TEST(a_child_that_is_killed_for_memory_is_told),
		cmocka_unit_test(a_reason_fits_its_place),
		cmocka_unit_test(last_lines_of_a_log),
		cmocka_unit_test(last_lines_are_bounded),
		KIT_TEST(last_lines_after_a_rotation),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/ends", tests, NULL, NULL);
}
