/* Admission: nothing is started that this machine has no room for, whoever asked for it. What ran before
 * a setting became stricter goes on. */
#include "worker/private.h"

#define WHY_MAX 200

/* What holds its share: it runs, or something of it may. */
static bool has_share(const struct winst *inst)
{
	return inst->run == RUN_ALIVE || inst->may_have_run;
}

struct resources admit_promised(const struct worker *worker, const struct winst *except)
{
	struct resources promised = { 0 };

	map_for_each(&worker->instances, i, e) {
		const struct winst *other = e->value;

		if (other == except || !has_share(other))
			continue;
		const struct resources share = resources_of_spec(&other->current.spec);
		resources_add(&promised, &share);
	}
	return promised;
}

int admit(const struct winst *inst, struct err *err)
{
	const struct worker *worker = inst->worker;
	const struct resources ask = resources_of_spec(&inst->current.spec);
	const struct resources promised = admit_promised(worker, inst);
	auto_buf struct buf why;

	buf_init(&why, WHY_MAX);
	if (resources_fit(&worker->config.offer, &promised, &ask, &why))
		return 0;
	return err_set(err, -ENOSPC, "start: no room on this node: it %s", why.data);
}
