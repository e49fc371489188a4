/* One instance: facts in, next action out (reconcile/), action begun, until nothing is to be done.
 *
 * At most one step is under way per instance (is_busy). Everything that changes a fact ends in
 * winst_tick(); no callback decides anything. */
#include <stdarg.h>

#include "worker/private.h"

#define RETRY_FIRST_MS 200
#define RETRY_CAP_MS   60000

struct winst *winst_new(struct worker *worker, const char *id)
{
	struct winst *inst = NEW(struct winst);

	inst->worker = worker;
	inst->exit_fd = -1;
	inst->life.keeper_fd = -1;
	inst->state = STATE_NODE_SCHEDULED;
	STR_COPY(inst->id, id);
	map_set(&worker->instances, id, inst);
	return inst;
}

/* Frees memory; timers and watches are the loop's and may be gone with it. */
struct winst *winst_free(struct winst *inst)
{
	fields_fini(&msg_deploy_table, &inst->wish);
	fields_fini(&msg_deploy_table, &inst->current);
	free(inst->image);
	volume_mounts_fini(&inst->mounts);
	probes_free(inst->life.probing);
	listen_free(inst->life.listening);
	if (inst->exit_fd >= 0)
		close(inst->exit_fd);
	if (inst->life.keeper_fd >= 0)
		close(inst->life.keeper_fd);
	free(inst);
	return NULL;
}

void winst_set_state(struct winst *inst, enum instance_state state, const char *fmt, ...)
{
	char detail[DETAIL_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	inst->state = state;
	STR_COPY(inst->detail, detail);
	messages_report(inst);
}

static void on_retry(void *arg)
{
	struct winst *inst = arg;

	inst->retry = NULL;
	winst_tick(inst);
}

static void on_update_retry(void *arg)
{
	struct winst *inst = arg;

	inst->update_retry = NULL;
	winst_tick(inst);
}

uint64_t winst_back_off(struct winst *inst)
{
	uint64_t delay_ms = retry_delay_ms(inst->worker->config.loop, inst->failures++,
					   RETRY_FIRST_MS, RETRY_CAP_MS);

	timer_cancel(inst->retry);
	inst->retry = timer_start(inst->worker->config.loop, delay_ms, on_retry, inst);
	return delay_ms;
}

void winst_resume_back_off(struct winst *inst)
{
	struct loop *loop = inst->worker->config.loop;
	uint64_t now_ms = loop_wall_ms(loop);
	uint64_t at_ms = inst->record.retry_at_ms;

	inst->failures = inst->record.failures;
	if (!inst->failures || at_ms <= now_ms)
		return;
	/* The clock may have been set back. */
	uint64_t delay_ms = at_ms - now_ms < RETRY_CAP_MS ? at_ms - now_ms : RETRY_CAP_MS;
	inst->retry = timer_start(loop, delay_ms, on_retry, inst);
}

void winst_fail(struct winst *inst, const struct err *err)
{
	uint64_t delay_ms = winst_back_off(inst);

	bool is_leaving = !inst->record.is_wished || inst->worker->is_down;

	log_warning("instance %s of %s: %s", inst->id, inst->wish.sname, err->msg);
	if (inst->record.is_completed && !is_leaving)
		return;
	winst_set_state(inst, is_leaving ? STATE_UNDEPLOYED : STATE_FAILED,
			"%s (attempt %u, next in %.1f s)", err->msg, inst->failures,
			(double)delay_ms / 1000);
}

void winst_update_fail(struct winst *inst, const struct err *err)
{
	uint64_t delay_ms = retry_delay_ms(inst->worker->config.loop, ++inst->update_failures,
					   RETRY_FIRST_MS, RETRY_CAP_MS);

	timer_cancel(inst->update_retry);
	inst->update_retry = timer_start(inst->worker->config.loop, delay_ms, on_update_retry,
					 inst);
	if (!inst->record.is_wished)
		return;
	log_warning("instance %s of %s: update: %s", inst->id, inst->wish.sname, err->msg);
	if (inst->current.generation) {
		snprintf(inst->update_error, sizeof(inst->update_error),
			 "update failed: %.400s; the earlier version is kept, next try in %.1f s",
			 err->msg, (double)delay_ms / 1000);
		messages_report(inst);
	} else {
		/* What is not in use is pruned meanwhile: no failure yet. */
		winst_set_state(inst, inst->lacks_space ? STATE_CREATING : STATE_FAILED,
				"%s (attempt %u, next in %.1f s)", err->msg, inst->update_failures,
				(double)delay_ms / 1000);
	}
}

void winst_save_fail(struct winst *inst, const struct err *err)
{
	inst->needs_save = true;
	if (inst->record.is_wished && inst->run == RUN_ALIVE)
		winst_update_fail(inst, err);
	else
		winst_fail(inst, err);
}

/* Another run than the last one: that is the previous one from now on. */
static void note_begin(struct winst *inst, uint64_t started_ms)
{
	if (!started_ms || inst->record.run_ms == started_ms)
		return;
	inst->record.previous_ms = inst->record.run_ms;
	inst->record.run_ms = started_ms;
	if (inst->record.previous_ms)
		records_note(inst);
}

/* An earlier Holm saw it end, noted how, and was killed while it took it away. */
static bool is_recorded(const struct winst *inst, const struct runtime_status *status)
{
	return inst->record.is_completed && status->end == RUNTIME_END_UNKNOWN;
}

void winst_saw_run(struct winst *inst, struct runtime_slot *slot,
		   const struct runtime_status *status)
{
	bool has_begun = inst->run == RUN_ALIVE && inst->status.phase == RUNTIME_STARTING &&
			 status->phase == RUNTIME_RUNNING;

	note_begin(inst, status->started_ms);
	inst->slot = slot;
	inst->status = *status;
	if (status->phase != RUNTIME_ENDED) {
		if (inst->run != RUN_ALIVE) {
			probes_saw_alive(inst);
			boot_begin(inst);
		}
		inst->run = RUN_ALIVE;
		run_watch(inst);
		if (has_begun && inst->is_attached) /* attaching tells it otherwise */
			inst->publish_after = network_publish(inst->worker);
		boot_judge(inst);
		return;
	}
	attach_tell_end(inst, status);
	copy_tell_end(inst);
	bool was_ended = inst->run == RUN_ENDED;
	inst->run = RUN_ENDED;
	inst->life.condemned[0] = '\0';
	probes_end(inst);
	listen_end(inst);
	boot_end(inst);
	pause_forget(inst);
	run_unwatch(inst);
	network_publish(inst->worker);
	inst->memory_bytes = 0;
	if (!was_ended && inst->record.is_wished && !inst->is_draining &&
	    !is_recorded(inst, status))
		ending_note(inst);
}

static bool fetches(const struct winst *inst, uint32_t generation)
{
	return generation && inst->fetching_generation == generation;
}

static struct reconcile_facts facts_of(const struct winst *inst)
{
	bool is_wished = inst->record.is_wished && !inst->worker->is_down;

	return (struct reconcile_facts){
		.is_wished = is_wished,
		.is_kept = inst->worker->is_down && inst->record.is_wished,
		.wish_generation = inst->wish.generation,
		.current_generation = inst->current.generation,
		.fetched_generation = inst->fetched_generation,
		.run_generation = inst->status.generation,
		/* What is to go may be there without our knowing. */
		.run = !is_wished && inst->run == RUN_ABSENT && inst->may_have_run ? RUN_ENDED
										   : inst->run,
		.is_attached = is_wished && !inst->record.is_completed ? inst->is_attached
								       : inst->may_have_link,
		.needs_mounts = !volumes_are_mounted(inst),
		.has_mounts = inst->may_have_volumes,
		.is_completed = inst->record.is_completed,
		.is_restart_wished = inst->wish.restarts != inst->record.restarts,
		.is_condemned = inst->life.condemned[0] != '\0',
		.is_pause_wished = inst->wish.is_paused,
		.is_pause_due = pause_is_due(inst),
		.is_waiting = inst->retry || fetches(inst, inst->current.generation),
		.is_update_waiting = inst->update_retry || fetches(inst, inst->wish.generation),
	};
}

static bool is_same_kind(const struct msg_deploy *a, const struct msg_deploy *b)
{
	return spec_is_unikernel(&a->spec) == spec_is_unikernel(&b->spec) &&
	       spec_is_from_snapshot(&a->spec) == spec_is_from_snapshot(&b->spec);
}

/* It is to run, whatever its past. */
static void renew(struct winst *inst)
{
	inst->record.restarts = inst->wish.restarts;
	inst->record.is_completed = false;
	inst->record.is_failed = false;
	inst->failures = inst->record.failures = 0;
	inst->retry = timer_cancel(inst->retry);
	records_save(inst);
	winst_step_done(inst);
}

static void advance(struct winst *inst)
{
	/* A container's link is no unikernel's: it is made anew under the same address. */
	if (inst->current.generation && !is_same_kind(&inst->current, &inst->wish))
		inst->is_attached = false;
	images_left(inst->worker->images, inst);
	fields_fini(&msg_deploy_table, &inst->current);
	fields_copy(&msg_deploy_table, &inst->wish, &inst->current);
	STR_COPY(inst->record.digest, inst->digest);
	inst->update_error[0] = '\0';
	inst->update_failures = 0;
	values_prune(inst->worker);
	renew(inst);
}

static void forget(struct winst *inst)
{
	log_info("instance %s of %s removed", inst->id,
		 inst->wish.sname ? inst->wish.sname : "nothing");
	inst->retry = timer_cancel(inst->retry);
	inst->update_retry = timer_cancel(inst->update_retry);
	boot_end(inst);
	pause_forget(inst);
	run_unwatch(inst);
	fetch_cancel(inst);
	winst_set_state(inst, STATE_UNDEPLOYED, "removed");
	records_forget(inst);
	warm_tend(inst->worker);
}

static void carry_out(struct winst *inst, enum reconcile_action action)
{
	switch (action) {
	case ACTION_FETCH:
		fetch_begin(inst, &inst->wish);
		return;
	case ACTION_REFETCH:
		fetch_begin(inst, &inst->current);
		return;
	case ACTION_ADVANCE:
		advance(inst);
		return;
	case ACTION_RENEW:
		renew(inst);
		return;
	case ACTION_ATTACH:
		network_attach(inst);
		return;
	case ACTION_MOUNT:
		volumes_mount(inst);
		return;
	case ACTION_UNMOUNT:
		volumes_unmount(inst);
		return;
	case ACTION_START:
		run_start(inst);
		return;
	case ACTION_PAUSE:
	case ACTION_RESUME:
		pause_begin(inst, action == ACTION_PAUSE);
		return;
	case ACTION_STOP:
		run_stop(inst);
		return;
	case ACTION_DETACH:
		network_detach(inst);
		return;
	case ACTION_FORGET:
		forget(inst);
		return;
	case ACTION_NONE:
	case ACTION_N:
		break;
	}
}

static bool has_pending_runtime(const struct winst *inst)
{
	const char *of_wish = inst->wish.spec.virtualization;
	const char *of_current = inst->current.spec.virtualization;

	return (of_wish && worker_is_pending(inst->worker, of_wish)) ||
	       (of_current && worker_is_pending(inst->worker, of_current));
}

/* What has to wait for a part of the start; winst_tick_all() follows when that is done. */
static bool can_begin(const struct winst *inst, enum reconcile_action action)
{
	const struct worker *worker = inst->worker;

	switch (action) {
	case ACTION_ATTACH:
		return worker->is_setup && worker->is_probed && !has_pending_runtime(inst);
	case ACTION_FETCH:
	case ACTION_REFETCH:
	case ACTION_START:
		return worker->is_probed && !has_pending_runtime(inst);
	case ACTION_NONE:
	case ACTION_ADVANCE:
	case ACTION_RENEW:
	case ACTION_PAUSE:
	case ACTION_RESUME:
	case ACTION_STOP:
	case ACTION_DETACH:
	case ACTION_MOUNT:
	case ACTION_UNMOUNT:
	case ACTION_FORGET:
	case ACTION_N:
		break;
	}
	return true;
}

void winst_tick(struct winst *inst)
{
	struct worker *worker = inst->worker;

	if (inst->is_busy || inst->n_saving || !worker->is_open)
		return;
	if (inst->needs_save) {
		if (!inst->retry && !inst->update_retry)
			records_save(inst);
		return;
	}
	if (inst->needs_inspect && inst->run == RUN_ALIVE) {
		inst->is_busy = true;
		run_inspect(inst);
		return;
	}
	struct reconcile_facts facts = facts_of(inst);
	enum reconcile_action action = reconcile_next(&facts);
	if (action == ACTION_NONE) {
		if (worker->is_down)
			down_check(worker);
		return;
	}
	if (!can_begin(inst, action))
		return;
	log_debug("instance %s: %s", inst->id, reconcile_action_name(action));
	/* An image is had beside all else: what runs may end and start meanwhile. */
	inst->is_busy = action != ACTION_FETCH && action != ACTION_REFETCH;
	carry_out(inst, action);
}

void winst_step_done(struct winst *inst)
{
	inst->is_busy = false;
	winst_tick(inst);
}

void winst_tick_all(struct worker *worker)
{
	map_for_each(&worker->instances, i, e)
		winst_tick(e->value);
	if (worker->is_down)
		down_check(worker);
}
