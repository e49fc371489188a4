/* Instances that wait for their images. */
#include "worker/private.h"

static void on_began(struct fetch_waiter *waiter)
{
	struct winst *inst = container_of(waiter, struct winst, fetch);
	const struct msg_deploy *deploy = inst->fetching_generation == inst->current.generation
						  ? &inst->current
						  : &inst->wish;
	auto_free char *ref = spec_code_on(&deploy->spec, inst->worker->config.arch);

	if (inst->run != RUN_ALIVE)
		winst_set_state(inst, STATE_CREATING, "pulling %s", ref);
}

static void on_moved(struct fetch_waiter *waiter, const struct fetch_progress *progress)
{
	messages_report(container_of(waiter, struct winst, fetch));
}

static void fail(struct winst *inst, const struct err *err)
{
	bool is_current = inst->fetching_generation == inst->current.generation;

	inst->fetching_generation = 0;
	inst->lacks_space = err->code == -ENOSPC;
	if (is_current)
		winst_fail(inst, err);
	else
		winst_update_fail(inst, err);
}

static void on_done(struct fetch_waiter *waiter, const struct fetch_result *result,
		    const struct err *err)
{
	struct winst *inst = container_of(waiter, struct winst, fetch);

	if (result) {
		inst->fetched_generation = inst->fetching_generation;
		inst->fetching_generation = 0;
		free(inst->image);
		inst->image = xstrdup(result->image);
		STR_COPY(inst->digest, result->digest);
		if (inst->fetched_generation == inst->current.generation)
			STR_COPY(inst->record.digest, result->digest);
	} else {
		fail(inst, err);
	}
	winst_tick(inst);
}

unsigned fetch_percent(const struct winst *inst)
{
	struct fetch_progress progress = fetch_progress(&inst->fetch);

	if (!progress.total_bytes)
		return 0;
	return (unsigned)(100 * progress.done_bytes / progress.total_bytes);
}

/* `always` is a question at creation and at a change. What was had once for this generation is there
 * for every later start, whatever becomes of the registry. */
static enum sla_pull policy_of(const struct winst *inst, const struct msg_deploy *deploy)
{
	bool was_had = deploy->generation == inst->current.generation;

	if (deploy->spec.pull == SLA_PULL_ALWAYS && was_had)
		return SLA_PULL_MISSING;
	return deploy->spec.pull;
}

void fetch_begin(struct winst *inst, const struct msg_deploy *deploy)
{
	const struct service_spec *spec = &deploy->spec;
	struct runtime_slot *slot = worker_find_slot(inst->worker, spec->virtualization);
	const char *arch = spec_arch_on(spec, inst->worker->config.arch);
	auto_free char *ref = spec_code_for_arch(spec, arch);
	char platform[32] = "";
	struct err err = { 0 };

	fetch_cancel(inst);
	inst->fetching_generation = deploy->generation;
	if (!slot)
		err_set(&err, -ENOTSUP, "this node has no runtime %s", spec->virtualization);
	else if (!ref)
		err_set(&err, -ENOTSUP, "no image for %s in %s", arch, spec->code);
	if (err.code) {
		fail(inst, &err);
		return;
	}
	if (inst->run != RUN_ALIVE)
		winst_set_state(inst, STATE_CREATING, "looking for the image");
	bool was_had = deploy->generation == inst->current.generation;
	if (!str_eq(arch, inst->worker->config.arch))
		snprintf(platform, sizeof(platform), "qemu/%s", arch);
	const struct fetch_want want = { slot, ref,
					 spec->platform || !platform[0] ? spec->platform : platform,
					 policy_of(inst, deploy),
					 was_had ? inst->record.digest : NULL };
	inst->fetch.began = on_began;
	inst->fetch.moved = on_moved;
	inst->fetch.done = on_done;
	fetch_join(inst->worker, &want, &inst->fetch);
}

void fetch_cancel(struct winst *inst)
{
	fetch_leave(&inst->fetch);
	inst->fetching_generation = 0;
}
