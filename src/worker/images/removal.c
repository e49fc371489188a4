/* Removing images, and noting their last use. */
#include "worker/images/inventory.h"

struct removal_op {
	struct op op;
	struct runtime_slot slots[WORKER_RUNTIMES_MAX];
	size_t n_slots;
	const struct image_config *config;
	struct strv names[WORKER_RUNTIMES_MAX]; /* by the runtime that stores them */
	struct strv folders;                    /* digests of unikernels that nothing leads to */
	uint64_t folder_bytes;
	uint64_t freed;
	removal_fn done;
	void *arg;
};

static void removal_op_fini(struct op *op)
{
	struct removal_op *r = container_of(op, struct removal_op, op);

	for (size_t i = 0; i < ARRAY_LEN(r->names); i++)
		strv_fini(&r->names[i]);
	strv_fini(&r->folders);
}

static void removal_run(struct op *op)
{
	struct removal_op *r = container_of(op, struct removal_op, op);

	for (size_t i = 0; op->result == 0 && i < r->n_slots; i++) {
		uint64_t freed = 0;

		if (!r->names[i].n)
			continue;
		op->result = r->slots[i].driver->images->remove(r->slots[i].state, &r->names[i],
								&freed, &op->err);
		r->freed += freed;
	}
	for (size_t i = 0; op->result == 0 && i < r->folders.n; i++)
		op->result = image_unikernel_remove(r->config, r->folders.items[i], &op->err);
	if (op->result == 0)
		r->freed += r->folder_bytes;
}

/* Who has not started from it yet, and will, has to look for it again. */
static void forget_stored(struct worker *worker, const struct removal_op *r)
{
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		for (size_t k = 0; inst->image && k < r->n_slots; k++)
			if (strv_has(&r->names[k], inst->image))
				inst->fetched_generation = 0;
		for (size_t k = 0; k < r->folders.n; k++)
			if (str_eq(inst->digest, r->folders.items[k]))
				inst->fetched_generation = 0;
	}
}

static void removal_done(struct op *op)
{
	static const struct err none = { 0 };
	struct removal_op *r = container_of(op, struct removal_op, op);

	forget_stored(op->worker, r);
	r->done(r->arg, op->worker, r->freed, op->result < 0 ? &op->err : &none);
	winst_tick_all(op->worker);
}

static bool is_named(const struct worker *worker, const char *digest)
{
	map_for_each(&worker->unikernels, i, e)
		if (str_eq(((const struct unikernel_image *)e->value)->digest, digest))
			return true;
	return false;
}

/* The URL first: from now on nobody finds the folder by it. */
static void drop_unikernel(struct worker *worker, struct removal_op *r, const struct image_row *row)
{
	if (row->name[0])
		fetch_forget_unikernel(worker, row->name);
	if (is_named(worker, row->digest) || strv_has(&r->folders, row->digest))
		return;
	strv_add(&r->folders, row->digest);
	r->folder_bytes += row->bytes;
}

void removal_begin(struct worker *worker, const struct removal *removal)
{
	struct removal_op *r = NEW(struct removal_op);

	r->op = (struct op){ .run = removal_run, .done = removal_done, .fini = removal_op_fini };
	r->done = removal->done;
	r->arg = removal->arg;
	r->config = &worker->config.images;
	r->n_slots = worker->config.n_runtimes;
	memcpy(r->slots, worker->slots, sizeof(r->slots));
	for (size_t i = 0; i < removal->n; i++) {
		const struct image_row *row = removal->rows[i];

		if (row->slot == SLOT_NONE)
			drop_unikernel(worker, r, row);
		else
			strv_add(&r->names[row->slot], row->name);
	}
	op_begin(worker, EXECUTOR_RUNTIME, &r->op);
}

struct touch_op {
	struct op op;
	struct runtime_slot slot;
	const struct image_config *config;
	char *name;
	char digest[DIGEST_SIZE];
};

static void touch_op_fini(struct op *op)
{
	free(container_of(op, struct touch_op, op)->name);
}

static void touch_run(struct op *op)
{
	struct touch_op *t = container_of(op, struct touch_op, op);

	if (t->slot.driver->images)
		op->result = t->slot.driver->images->touch(t->slot.state, t->name, &op->err);
	else if (t->digest[0])
		op->result = image_unikernel_touch(t->config, t->digest, &op->err);
}

static void touch_done(struct op *op)
{
	if (op->result < 0 && op->result != -ENOENT)
		log_debug("%s", op->err.msg);
}

void touch_begin(struct worker *worker, struct runtime_slot *slot, const char *name)
{
	const struct unikernel_image *unikernel = map_find(&worker->unikernels, name);
	struct touch_op *t = NEW(struct touch_op);

	t->op = (struct op){ .run = touch_run, .done = touch_done, .fini = touch_op_fini };
	t->slot = *slot;
	t->config = &worker->config.images;
	t->name = xstrdup(name);
	if (unikernel)
		STR_COPY(t->digest, unikernel->digest);
	op_begin(worker, EXECUTOR_RUNTIME, &t->op);
}
