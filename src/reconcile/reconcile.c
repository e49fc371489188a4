/* Deciding the next step. Order matters: what is in the way goes first, a new spec's image is
 * had before the old instance is touched, and an old one is kept while it cannot be had. */
#include "base/base.h"
#include "reconcile/reconcile.h"

static const char *const names[] = {
	[ACTION_NONE] = "none",       [ACTION_FETCH] = "fetch",   [ACTION_REFETCH] = "refetch",
	[ACTION_ADVANCE] = "advance", [ACTION_ATTACH] = "attach", [ACTION_MOUNT] = "mount",
	[ACTION_START] = "start",     [ACTION_STOP] = "stop",     [ACTION_DETACH] = "detach",
	[ACTION_UNMOUNT] = "unmount", [ACTION_FORGET] = "forget", [ACTION_RENEW] = "renew",
	[ACTION_PAUSE] = "pause",     [ACTION_RESUME] = "resume",
};
static_assert(ARRAY_LEN(names) == ACTION_N, "a name per action");

const char *reconcile_action_name(enum reconcile_action action)
{
	return names[action];
}

/* What it had around it, when it runs no more. */
static enum reconcile_action put_away(const struct reconcile_facts *f)
{
	if (f->is_attached)
		return ACTION_DETACH;
	return f->has_mounts ? ACTION_UNMOUNT : ACTION_NONE;
}

static enum reconcile_action leave(const struct reconcile_facts *f)
{
	enum reconcile_action action = f->run == RUN_ABSENT ? put_away(f) : ACTION_STOP;

	if (action != ACTION_NONE || f->is_kept)
		return action;
	return ACTION_FORGET;
}

/* A newer spec: its image first, then the old instance makes room. */
static enum reconcile_action change(const struct reconcile_facts *f)
{
	if (f->fetched_generation != f->wish_generation)
		return ACTION_FETCH;
	return f->run == RUN_ABSENT ? ACTION_ADVANCE : ACTION_STOP;
}

static enum reconcile_action keep_alive(const struct reconcile_facts *f)
{
	if (f->run_generation != f->current_generation || f->is_condemned || f->is_restart_wished)
		return ACTION_STOP;
	if (f->is_pause_due)
		return f->is_pause_wished ? ACTION_PAUSE : ACTION_RESUME;
	return f->is_attached ? ACTION_NONE : ACTION_ATTACH;
}

static enum reconcile_action keep(const struct reconcile_facts *f)
{
	if (f->run == RUN_ENDED)
		return ACTION_STOP;
	if (f->run == RUN_ALIVE)
		return keep_alive(f);
	if (f->is_restart_wished)
		return ACTION_RENEW;
	if (f->is_completed)
		return put_away(f);
	if (f->is_waiting)
		return ACTION_NONE;
	if (f->fetched_generation != f->current_generation)
		return f->current_generation == f->wish_generation ? ACTION_FETCH : ACTION_REFETCH;
	if (!f->is_attached)
		return ACTION_ATTACH;
	return f->needs_mounts ? ACTION_MOUNT : ACTION_START;
}

enum reconcile_action reconcile_next(const struct reconcile_facts *f)
{
	if (!f->is_wished)
		return leave(f);
	if (f->wish_generation != f->current_generation && !f->is_update_waiting)
		return change(f);
	if (f->current_generation == 0)
		return ACTION_NONE;
	return keep(f);
}

enum reconcile_ending reconcile_ending(enum sla_restart policy, bool is_clean)
{
	if (policy == RESTART_ALWAYS || (policy == RESTART_ON_FAILURE && !is_clean))
		return ENDING_RESTART;
	return is_clean ? ENDING_COMPLETED : ENDING_FAILED;
}
