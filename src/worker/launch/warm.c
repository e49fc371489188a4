/* The pool of a node: machines that have loaded a service's saved state and wait, halted, for its next
 * instance. The driver has them; here is decided which are wished and how much memory they may have:
 * what was promised to nobody, which they give back before anybody is promised it. */
#include "worker/private.h"

#define TRY_AGAIN_MS 15000
/* Part of the machine's memory that is left free of what really is. */
#define FREE_PART 16

struct warm_op {
	struct op op;
	struct runtime_slot slot;
	struct start_spec **starts;
	size_t n;
	struct runtime_warm_wish wish;
	struct runtime_warm_use use;
};

static void warm_fini(struct op *op)
{
	struct warm_op *w = container_of(op, struct warm_op, op);

	for (size_t i = 0; i < w->n; i++) {
		start_spec_fini(w->starts[i]);
		free(w->starts[i]);
	}
	free(w->starts);
	free(w->wish.specs);
}

static struct runtime_slot *find_slot(struct worker *worker)
{
	for (size_t i = 0; i < worker->config.n_runtimes; i++)
		if (worker->slots[i].state && worker->slots[i].driver->warm)
			return &worker->slots[i];
	return NULL;
}

static uint64_t bytes_of(uint64_t mib)
{
	return mib << 20;
}

/* What was promised to nobody. */
static uint64_t unpromised_mib(const struct worker *worker, const struct winst *more)
{
	struct resources promised = admit_promised(worker, more);
	uint64_t offer = worker->config.offer.memory_mib;

	if (!offer)
		return UINT32_MAX;
	if (more)
		promised.memory_mib += more->current.spec.memory_mib;
	return offer > promised.memory_mib ? offer - promised.memory_mib : 0;
}

/* What the pool has, and what nobody uses. */
static uint64_t unused_bytes(const struct worker *worker)
{
	uint64_t all = worker->config.memory_mib;
	uint64_t used = worker->use.used.memory_mib;
	uint64_t kept = all / FREE_PART;
	uint64_t bytes = worker->warm.use.bytes;

	if (!all || !used)
		return UINT64_MAX;
	if (used + kept <= all)
		return bytes + bytes_of(all - used - kept);
	uint64_t lacking = bytes_of(used + kept - all);
	return bytes > lacking ? bytes - lacking : 0;
}

uint64_t warm_bound(const struct worker *worker, const struct winst *more)
{
	uint64_t max = bytes_of(worker->config.warm_mib);
	uint64_t unpromised = bytes_of(unpromised_mib(worker, more));
	uint64_t unused = unused_bytes(worker);

	if (unpromised < max)
		max = unpromised;
	return unused < max ? unused : max;
}

static bool may_be_model(const struct winst *inst)
{
	return inst->run == RUN_ALIVE && inst->record.is_wished && inst->is_attached &&
	       !inst->mounts.n && spec_is_warm(&inst->current.spec);
}

static bool is_newer(const struct winst *a, const struct winst *b)
{
	return a->current.generation != b->current.generation
		       ? a->current.generation > b->current.generation
		       : strcmp(a->id, b->id) > 0;
}

/* A service's newest instance that runs is what its machines are like. */
static bool is_model(const struct worker *worker, const struct winst *inst)
{
	if (!may_be_model(inst))
		return false;
	map_for_each(&worker->instances, i, e) {
		const struct winst *other = e->value;

		if (may_be_model(other) && str_eq(other->current.sname, inst->current.sname) &&
		    is_newer(other, inst))
			return false;
	}
	return true;
}

/* One that was adopted has had no image from this Holm. */
static bool find_image(const struct winst *inst, struct start_spec *start)
{
	if (!start->image &&
	    !image_unikernel_find(&inst->worker->config.images, inst->record.digest, &start->image))
		return false;
	STR_COPY(start->digest, inst->record.digest);
	start->spec.image = start->image;
	return true;
}

static void add_wishes(struct worker *worker, struct warm_op *w)
{
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		if (!is_model(worker, inst))
			continue;
		struct start_spec *start = NEW(struct start_spec);
		start_spec_init(start, inst);
		*ARRAY_ADD(w->starts, w->n) = start;
		if (find_image(inst, start))
			*ARRAY_ADD(w->wish.specs, w->wish.n) = &start->spec;
	}
}

static void wish_drop(struct runtime_warm_wish *wish, const struct runtime_spec *spec)
{
	size_t n = 0;

	for (size_t i = 0; i < wish->n; i++)
		if (wish->specs[i] != spec)
			wish->specs[n++] = wish->specs[i];
	wish->n = n;
}

/* One service's values that cannot be had are no other's trouble. */
static int put_values(struct warm_op *w, struct err *err)
{
	int failure = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct start_spec *start = w->starts[i];

		if (start->given.has_files || values_put(&start->given, start->id, err) == 0)
			continue;
		failure = err->code;
		wish_drop(&w->wish, &start->spec);
	}
	return failure;
}

static void warm_run(struct op *op)
{
	struct warm_op *w = container_of(op, struct warm_op, op);
	const struct runtime_ctx ctx = { .cancel = &op->cancel };
	struct err failure;
	int r = put_values(w, &failure);

	op->result = w->slot.driver->warm->tend(w->slot.state, &w->wish, &ctx, &op->err);
	if (op->result == 0 && r < 0)
		op->result = err_copy(&op->err, &failure);
	w->slot.driver->warm->look(w->slot.state, &w->use);
}

static void note_failure(struct worker *worker, const struct op *op)
{
	struct warm_state *warm = &worker->warm;

	warm->not_before_ms = loop_now_ms(worker->config.loop) + TRY_AGAIN_MS;
	if (str_eq(warm->problem, op->err.msg))
		return;
	STR_COPY(warm->problem, op->err.msg);
	log_warning("warm machines: %s", op->err.msg);
}

static void warm_done(struct op *op)
{
	struct warm_op *w = container_of(op, struct warm_op, op);
	struct worker *worker = op->worker;
	bool is_more = op->result > 0 || worker->warm.is_asked || cancel_is_set(&op->cancel);

	worker->warm.op = NULL;
	worker->warm.is_asked = false;
	if (!cancel_is_set(&op->cancel))
		worker->warm.use = w->use;
	if (op->result < 0 && op->result != -ECANCELED)
		note_failure(worker, op);
	else if (op->result == 0)
		worker->warm.problem[0] = '\0';
	if (is_more)
		warm_tend(worker);
}

static bool is_due(const struct worker *worker, const struct warm_op *w)
{
	if (!w->wish.n)
		return worker->warm.use.machines > 0;
	return loop_now_ms(worker->config.loop) >= worker->warm.not_before_ms;
}

void warm_tend(struct worker *worker)
{
	struct runtime_slot *slot = find_slot(worker);

	if (!slot || worker->is_down || !worker->is_probed)
		return;
	if (worker->warm.op) {
		worker->warm.is_asked = true;
		return;
	}
	struct warm_op *w = NEW(struct warm_op);
	w->op = (struct op){ .run = warm_run, .done = warm_done, .fini = warm_fini };
	w->slot = *slot;
	w->wish.max_bytes = warm_bound(worker, NULL);
	add_wishes(worker, w);
	if (!is_due(worker, w)) {
		warm_fini(&w->op);
		free(w);
		return;
	}
	worker->warm.op = &w->op;
	op_begin(worker, EXECUTOR_TRANSFER, &w->op);
}

struct node_warm warm_held(const struct worker *worker)
{
	return (struct node_warm){ .machines = worker->warm.use.machines,
				   .bytes = worker->warm.use.bytes,
				   .max_bytes = bytes_of(worker->config.warm_mib) };
}

/* A machine that is being made is broken off where its memory may be needed: the next turn knows of this
 * start. */
void warm_room_init(struct warm_room *room, struct winst *inst)
{
	struct worker *worker = inst->worker;
	struct runtime_slot *slot = find_slot(worker);
	uint64_t left = bytes_of(unpromised_mib(worker, inst));

	if (!slot || left >= bytes_of(worker->config.warm_mib))
		return;
	room->driver = slot->driver;
	room->state = slot->state;
	room->max_bytes = left;
	STR_COPY(room->id, inst->id);
	if (worker->warm.op)
		cancel_set(&worker->warm.op->cancel);
}

int warm_room_make(const struct warm_room *room, struct err *err)
{
	if (!room->driver)
		return 0;
	return room->driver->warm->trim(room->state, room->id, room->max_bytes, err);
}
