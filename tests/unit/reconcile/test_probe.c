/* Counting the tries of a probe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "reconcile/reconcile.h"

static const struct probe_rule rule = { .success_threshold = 2,
					.failure_threshold = 3,
					.period_ms = 1000 };

/* Takes "+-+…", one try per period; returns the verdicts as "?PF". */
static char *follow(const struct probe_rule *r, struct probe_tally *tally, const char *tries)
{
	static const char
		signs[] = { [PROBE_UNKNOWN] = '?', [PROBE_PASSED] = 'P', [PROBE_FAILED] = 'F' };
	uint64_t now_ms = tally->begun_ms;
	auto_buf struct buf out;

	buf_init(&out, 100);
	for (; *tries; tries++) {
		now_ms += r->period_ms;
		buf_add(&out, &signs[probe_take(r, tally, *tries == '+', now_ms)], 1);
	}
	return buf_take(&out);
}

static void check(bool has_passed, const char *tries, const char *expected)
{
	struct probe_tally tally;

	probe_tally_init(&tally, 5000, has_passed);
	auto_free char *verdicts = follow(&rule, &tally, tries);
	assert_string_equal(verdicts, expected);
}

static void thresholds_are_in_a_row(void **state)
{
	check(false, "++", "?P");
	check(false, "+-++", "???P");
	check(false, "---", "??F");
	check(false, "++--+---", "?PPPPPPF");
	check(false, "---++", "??FFP");
	check(true, "--+-", "PPPP");
	check(true, "---+-++", "PPFFFFP");
}

static void early_tries_can_only_succeed(void **state)
{
	struct probe_tally tally;
	uint64_t now_ms = 0;
	unsigned n = 0;

	probe_tally_init(&tally, 0, false);
	for (; tally.verdict == PROBE_UNKNOWN; n++) {
		now_ms += probe_delay_ms(&rule, &tally);
		probe_take(&rule, &tally, false, now_ms);
	}
	/* Four that do not count, and three that do, a period or more apart. */
	assert_int_equal(n, 7);
	assert_int_equal(now_ms, 3550);
	assert_int_equal(probe_delay_ms(&rule, &tally), 1000);

	probe_tally_init(&tally, 0, false);
	assert_int_equal(probe_delay_ms(&rule, &tally), 50);
	assert_int_equal(probe_take(&rule, &tally, true, 50), PROBE_UNKNOWN);
	assert_int_equal(probe_take(&rule, &tally, true, 100), PROBE_PASSED);
	assert_int_equal(probe_delay_ms(&rule, &tally), 1000);
	probe_tally_init(&tally, 0, true);
	assert_int_equal(probe_delay_ms(&rule, &tally), 1000);
}

static void a_step_is_never_longer_than_the_period(void **state)
{
	const struct probe_rule quick = { 1, 3, .period_ms = 30 };
	struct probe_tally tally;

	probe_tally_init(&tally, 0, false);
	assert_int_equal(probe_delay_ms(&quick, &tally), 30);
	for (unsigned i = 0; i < 1000; i++)
		probe_take(&quick, &tally, false, i);
	assert_int_equal(probe_delay_ms(&quick, &tally), 30);
	assert_int_equal(tally.failures, 3);
}

static void the_start_period_forgives(void **state)
{
	const struct probe_rule slow = { 1, 2, .period_ms = 1000, .start_period_ms = 3500 };
	struct probe_tally tally;

	probe_tally_init(&tally, 0, false);
	auto_free char *late = follow(&slow, &tally, "-----");
	assert_string_equal(late, "????F");
	/* Once it has passed, there is nothing to forgive. */
	probe_tally_init(&tally, 0, false);
	auto_free char *early = follow(&slow, &tally, "+--");
	assert_string_equal(early, "PPF");
}

static void defaults(void **state)
{
	const struct sla_probe none = { 0 };
	const struct sla_probe given = { .period_s = 0.5,
					 .failure_threshold = 7,
					 .success_threshold = 4,
					 .start_period_s = 2.5 };
	struct probe_rule r = probe_rule_of(&none);

	assert_int_equal(r.period_ms, 10000);
	assert_int_equal(r.failure_threshold, 3);
	assert_int_equal(r.success_threshold, 1);
	assert_int_equal(r.start_period_ms, 0);
	assert_int_equal(sla_probe_timeout_ms(&none), 1000);
	r = probe_rule_of(&given);
	assert_int_equal(r.period_ms, 500);
	assert_int_equal(r.failure_threshold, 7);
	assert_int_equal(r.success_threshold, 4);
	assert_int_equal(r.start_period_ms, 2500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thresholds_are_in_a_row),
		cmocka_unit_test(early_tries_can_only_succeed),
		cmocka_unit_test(a_step_is_never_longer_than_the_period),
		cmocka_unit_test(the_start_period_forgives),
		cmocka_unit_test(defaults),
	};

	return cmocka_run_group_tests_name("reconcile/probe", tests, NULL, NULL);
}
