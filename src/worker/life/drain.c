/* The order of a stop: the kernel leads no new connection to the instance, then it gets its signal. Where
 * nobody else takes what it does not, waiting would only make the gap longer. */
#include "worker/life/life.h"
#include "worker/private.h"

#define PUBLISH_MAX_MS 1000 /* no stop waits longer for the kernel's tables */
#define LINGER_MS      1000 /* for answers under way of one whose end nobody has planned */

static void on_drained(void *arg)
{
	struct winst *inst = arg;

	inst->life.drain = NULL;
	inst->life.drain_after = 0;
	run_end(inst);
}

static void wait_for(struct winst *inst, uint64_t ms)
{
	inst->life.drain = timer_start(inst->worker->config.loop, ms, on_drained, inst);
}

void drain_begin(struct winst *inst)
{
	uint64_t seq = network_publish(inst->worker);

	if (inst->worker->is_down || !network_has_others(inst)) {
		run_end(inst);
		return;
	}
	inst->life.drain_after = seq;
	wait_for(inst, PUBLISH_MAX_MS);
}

void drain_published(struct worker *worker, uint64_t seq)
{
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		if (!inst->life.drain_after || inst->life.drain_after > seq)
			continue;
		inst->life.drain_after = 0;
		timer_cancel(inst->life.drain);
		if (inst->life.lost_keeper)
			wait_for(inst, LINGER_MS);
		else
			on_drained(inst);
	}
}

bool drain_cancel(struct winst *inst)
{
	bool was_waiting = inst->life.drain != NULL;

	inst->life.drain = timer_cancel(inst->life.drain);
	inst->life.drain_after = 0;
	return was_waiting;
}
