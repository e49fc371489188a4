/* A guest whose boot comes to nothing runs on for ever as far as its machine can tell. What it can be
 * judged by is its console, and the probes that it has passed.
 *
 * One that is looked after by a new Holm has its time anew: nobody asked its probes meanwhile. */
#include "worker/life/life.h"
#include "worker/private.h"

static uint32_t timeout_s(const struct winst *inst)
{
	uint32_t wished_s = inst->current.spec.boot_timeout_s;

	return wished_s ? wished_s : BOOT_TIMEOUT_DEFAULT_S;
}

/* Its startup probe has passed, or it was ready: whatever its console says. */
static bool is_up(const struct winst *inst)
{
	return inst->record.started_incarnation == inst->status.incarnation;
}

static bool has_to_be_ready(const struct service_spec *spec)
{
	return spec->boot_timeout_s &&
	       (spec_probe(spec, SLA_PROBE_STARTUP) || spec_probe(spec, SLA_PROBE_READINESS));
}

static void on_time(void *arg)
{
	struct winst *inst = arg;

	inst->life.boot = NULL;
	if (inst->run != RUN_ALIVE || inst->is_draining || is_up(inst))
		return;
	inst->life.is_boot_due = true;
	inst->needs_inspect = true;
	winst_tick(inst);
}

void boot_begin(struct winst *inst)
{
	boot_end(inst);
	if ((inst->slot->driver->caps & RUNTIME_CAP_BOOT) && !is_up(inst) &&
	    !inst->status.is_paused)
		inst->life.boot = timer_start(inst->worker->config.loop,
					      (uint64_t)timeout_s(inst) * 1000, on_time, inst);
}

void boot_end(struct winst *inst)
{
	inst->life.boot = timer_cancel(inst->life.boot);
	inst->life.is_boot_due = false;
}

void boot_judge(struct winst *inst)
{
	if (!inst->life.is_boot_due)
		return;
	inst->life.is_boot_due = false;
	if (inst->is_draining || is_up(inst))
		return;
	if (inst->status.is_silent)
		life_condemn(inst, false, "no byte on the console within %u s", timeout_s(inst));
	else if (has_to_be_ready(&inst->current.spec))
		life_condemn(
			inst, false, "not ready within %u s of its start: %.400s", timeout_s(inst),
			str_starts(inst->detail, "not ready: ") ? inst->detail + 11 : inst->detail);
}
