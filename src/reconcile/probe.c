/* Counting a probe's tries. Until it passes for the first time it is tried in growing steps up to its
 * period, so that a fast start is noticed at once; these extra tries can only succeed: failures are
 * counted once per period, as they would be without them. */
#include "base/base.h"
#include "reconcile/reconcile.h"

#define FIRST_STEP_MS   50
#define STEPS_MAX       20 /* of doubling */
#define SUCCESS_DEFAULT 1
#define FAILURE_DEFAULT 3

struct probe_rule probe_rule_of(const struct sla_probe *probe)
{
	return (struct probe_rule){
		.success_threshold = probe->success_threshold ? probe->success_threshold
							      : SUCCESS_DEFAULT,
		.failure_threshold = probe->failure_threshold ? probe->failure_threshold
							      : FAILURE_DEFAULT,
		.period_ms = sla_probe_period_ms(probe),
		.start_period_ms = (uint64_t)(probe->start_period_s * 1000),
	};
}

void probe_tally_init(struct probe_tally *tally, uint64_t now_ms, bool has_passed)
{
	*tally = (struct probe_tally){
		.begun_ms = now_ms,
		.counted_ms = now_ms,
		.has_passed = has_passed,
		.verdict = has_passed ? PROBE_PASSED : PROBE_UNKNOWN,
	};
}

static void take_success(const struct probe_rule *rule, struct probe_tally *tally, uint64_t now_ms)
{
	tally->good_ms = now_ms;
	tally->failures = 0;
	if (tally->successes < rule->success_threshold)
		tally->successes++;
	if (tally->successes < rule->success_threshold)
		return;
	tally->has_passed = true;
	tally->verdict = PROBE_PASSED;
}

static bool counts(const struct probe_rule *rule, const struct probe_tally *tally, uint64_t now_ms)
{
	if (tally->has_passed)
		return true;
	if (now_ms < tally->begun_ms + rule->start_period_ms)
		return false;
	/* A regular try may come a tenth too early: they are jittered. */
	return now_ms >= tally->counted_ms + rule->period_ms * 9 / 10;
}

static void take_failure(const struct probe_rule *rule, struct probe_tally *tally, uint64_t now_ms)
{
	tally->successes = 0;
	if (tally->tries < STEPS_MAX)
		tally->tries++;
	if (!counts(rule, tally, now_ms))
		return;
	tally->counted_ms = now_ms;
	if (tally->failures < rule->failure_threshold)
		tally->failures++;
	if (tally->failures == rule->failure_threshold)
		tally->verdict = PROBE_FAILED;
}

enum probe_verdict probe_take(const struct probe_rule *rule, struct probe_tally *tally,
			      bool is_good, uint64_t now_ms)
{
	if (is_good)
		take_success(rule, tally, now_ms);
	else
		take_failure(rule, tally, now_ms);
	return tally->verdict;
}

uint64_t probe_delay_ms(const struct probe_rule *rule, const struct probe_tally *tally)
{
	uint64_t step_ms = (uint64_t)FIRST_STEP_MS << tally->tries;

	return tally->has_passed || step_ms > rule->period_ms ? rule->period_ms : step_ms;
}
