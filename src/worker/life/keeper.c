/* A container that has lost its shim lives on for a moment: containerd has it ended, and that gives it some
 * time (shim/remove.c). Meanwhile it answers what it was asked, and others are asked instead. */
#include "worker/life/life.h"
#include "worker/private.h"

static void on_end(void *arg, unsigned events)
{
	struct winst *inst = arg;

	(void)events;
	keeper_unwatch(inst);
	/* Its own end, or the one that was wished, takes its shim along. */
	if (inst->run != RUN_ALIVE || inst->is_draining || inst->needs_inspect)
		return;
	log_warning("instance %s of %s: its shim, process %d, has ended", inst->id,
		    inst->current.sname, (int)inst->status.keeper.pid);
	inst->life.lost_keeper = true;
	life_condemn(inst, life_is_long(inst), "its shim was killed");
	winst_tick(inst);
}

void keeper_watch(struct winst *inst)
{
	struct err ignored;

	keeper_unwatch(inst);
	inst->life.lost_keeper = false;
	if (inst->status.keeper.pid)
		inst->life.keeper_fd = proc_open(&inst->status.keeper, &ignored);
	if (inst->life.keeper_fd >= 0)
		inst->life.keeper_watch = io_watch(inst->worker->config.loop, inst->life.keeper_fd,
						   IO_READ, on_end, inst);
}

void keeper_unwatch(struct winst *inst)
{
	inst->life.keeper_watch = io_cancel(inst->life.keeper_watch);
	if (inst->life.keeper_fd >= 0)
		close(inst->life.keeper_fd);
	inst->life.keeper_fd = -1;
}
