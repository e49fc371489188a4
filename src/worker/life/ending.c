/* Ends: what the restart policy makes of them, and the words for it. */
#include <stdarg.h>

#include "worker/life/life.h"
#include "worker/private.h"

#define LOOP_FROM    3 /* ends in a row that are called a loop */
#define OUTPUT_WORDS "; last output: "

static void add_restart(const struct ending *ending, struct buf *text)
{
	if (ending->n > 1)
		buf_addf(text, ", %s%u ends in a row", ending->n >= LOOP_FROM ? "crash loop: " : "",
			 ending->n);
	buf_addf(text, ", next start in %.1f s", (double)ending->delay_ms / 1000);
}

void ending_format(const struct ending *ending, char out[DETAIL_MAX])
{
	auto_buf struct buf text;

	buf_init(&text, 2 * DETAIL_MAX);
	buf_add_str(&text, ending->words);
	if (ending->policy)
		buf_addf(&text, ", not started again (restart: %s)", ending->policy);
	else
		add_restart(ending, &text);
	if (ending->output[0])
		buf_addf(&text, OUTPUT_WORDS "%s", ending->output);
	str_copy(out, DETAIL_MAX, text.data);
}

static void describe(struct winst *inst)
{
	const struct runtime_status *s = &inst->status;
	uint32_t limit_mib = inst->current.spec.memory_mib;

	if (s->end != RUNTIME_END_OOM)
		STR_COPY(inst->life.ending.words, s->detail);
	else if (limit_mib)
		snprintf(inst->life.ending.words, sizeof(inst->life.ending.words),
			 "killed: out of memory, limit %u MiB", limit_mib);
	else
		snprintf(inst->life.ending.words, sizeof(inst->life.ending.words),
			 "killed: out of memory, without a limit of its own");
}

/* Nothing but a newer wish, or somebody's restart, starts it again; noted on disk. */
static void note_over(struct winst *inst, bool is_failed)
{
	inst->record.is_completed = true;
	inst->record.is_failed = is_failed;
	if (is_failed)
		ending_format(&inst->life.ending, inst->record.detail);
	else
		STR_COPY(inst->record.detail, inst->life.ending.words);
	ending_tell_recorded(inst);
	records_save(inst);
}

void ending_tell_recorded(struct winst *inst)
{
	winst_set_state(inst, inst->record.is_failed ? STATE_FAILED : STATE_COMPLETED, "%s",
			inst->record.detail);
}

void ending_tell_waiting(struct winst *inst)
{
	uint64_t now_ms = loop_wall_ms(inst->worker->config.loop);
	uint64_t at_ms = inst->record.retry_at_ms;
	struct ending ending = { .n = inst->failures,
				 .delay_ms = at_ms > now_ms ? at_ms - now_ms : 0 };
	char detail[DETAIL_MAX];

	STR_COPY(ending.words, "ended by itself");
	ending_format(&ending, detail);
	winst_set_state(inst, STATE_DEAD, "%s", detail);
}

static void note_restart(struct winst *inst, bool was_healthy)
{
	char detail[DETAIL_MAX];

	if (was_healthy)
		inst->failures = 0;
	inst->life.ending.delay_ms = winst_back_off(inst);
	inst->life.ending.n = inst->failures;
	inst->record.failures = inst->failures;
	inst->record.retry_at_ms = loop_wall_ms(inst->worker->config.loop) +
				   inst->life.ending.delay_ms;
	records_note(inst);
	ending_format(&inst->life.ending, detail);
	winst_set_state(inst, STATE_DEAD, "%s", detail);
}

static void follow_policy(struct winst *inst, bool is_clean, bool was_healthy)
{
	enum sla_restart policy = spec_restart(&inst->current.spec);

	log_info("instance %s of %s ended: %s", inst->id, inst->current.sname,
		 inst->life.ending.words);
	inst->life.ending.policy = NULL;
	switch (reconcile_ending(policy, is_clean)) {
	case ENDING_COMPLETED:
		note_over(inst, false);
		return;
	case ENDING_FAILED:
		inst->life.ending.policy = sla_restart_names[policy];
		note_over(inst, true);
		return;
	case ENDING_RESTART:
		note_restart(inst, was_healthy);
	}
}

bool life_is_long(const struct winst *inst)
{
	uint64_t started_ms = inst->status.started_ms;

	return started_ms &&
	       started_ms + LIFE_HEALTHY_MS <= loop_wall_ms(inst->worker->config.loop);
}

void life_condemn(struct winst *inst, bool was_healthy, const char *fmt, ...)
{
	struct life *life = &inst->life;
	va_list ap;

	if (life->condemned[0])
		return;
	va_start(ap, fmt);
	vsnprintf(life->condemned, sizeof(life->condemned), fmt, ap);
	va_end(ap);
	life->was_healthy = was_healthy;
}

void ending_note(struct winst *inst)
{
	describe(inst);
	follow_policy(inst, inst->status.end == RUNTIME_END_CLEAN, life_is_long(inst));
}

void ending_note_failure(struct winst *inst, const char *words)
{
	STR_COPY(inst->life.ending.words, words);
	follow_policy(inst, false, inst->life.was_healthy);
}

/* The reason is an earlier Holm's, which may have had no time for the output. */
static void complete_recorded(struct winst *inst, const char *output)
{
	size_t len = strlen(inst->record.detail);

	if (strstr(inst->record.detail, OUTPUT_WORDS))
		return;
	snprintf(inst->record.detail + len, DETAIL_MAX - len, OUTPUT_WORDS "%s", output);
	ending_tell_recorded(inst);
	records_save(inst);
}

void ending_output(struct winst *inst, const char *output)
{
	if (!*output || str_eq(output, inst->life.ending.output))
		return;
	STR_COPY(inst->life.ending.output, output);
	if (inst->state == STATE_DEAD) {
		char detail[DETAIL_MAX];

		ending_format(&inst->life.ending, detail);
		winst_set_state(inst, STATE_DEAD, "%s", detail);
	} else if (inst->state == STATE_FAILED && inst->record.is_failed) {
		if (inst->life.ending.words[0])
			note_over(inst, true);
		else
			complete_recorded(inst, output);
	}
}

void ending_reconsider(struct winst *inst)
{
	enum sla_restart policy = spec_restart(&inst->current.spec);
	bool is_clean = !inst->record.is_failed;

	if (inst->record.is_completed && reconcile_ending(policy, is_clean) == ENDING_RESTART)
		inst->record.is_completed = inst->record.is_failed = false;
}

void ending_format_kills(const struct winst *inst, char out[DETAIL_MAX])
{
	uint64_t n = inst->life.oom_kills;
	uint32_t limit_mib = inst->current.spec.memory_mib;
	char limit[32] = "";

	if (limit_mib)
		snprintf(limit, sizeof(limit), ", limit %u MiB", limit_mib);
	out[0] = '\0';
	if (n)
		snprintf(out, DETAIL_MAX, "%llu of its processes %s killed: out of memory%s",
			 (unsigned long long)n, n == 1 ? "was" : "were", limit);
}

void ending_note_kills(struct winst *inst, uint64_t oom_kills)
{
	char words[DETAIL_MAX];

	if (oom_kills <= inst->life.oom_kills)
		return;
	inst->life.oom_kills = oom_kills;
	ending_format_kills(inst, words);
	log_warning("instance %s of %s: %s", inst->id, inst->current.sname, words);
	messages_report(inst);
}
