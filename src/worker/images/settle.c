/* What fetches that failed have kept for their next try: it goes once no instance wants the image. */
#include "worker/images/care.h"
#include "worker/images/images.h"

struct settle_op {
	struct op op;
	struct images *images;
	struct runtime_slot slots[WORKER_RUNTIMES_MAX];
	size_t n_slots;
	struct strv wanted;
};

static void settle_op_fini(struct op *op)
{
	strv_fini(&container_of(op, struct settle_op, op)->wanted);
}

static void settle_run(struct op *op)
{
	struct settle_op *s = container_of(op, struct settle_op, op);

	for (size_t i = 0; op->result == 0 && i < s->n_slots; i++) {
		const struct runtime_slot *slot = &s->slots[i];

		if (slot->state && slot->driver->images)
			op->result = slot->driver->images->settle(slot->state, &s->wanted,
								  &op->err);
	}
}

static void settle_done(struct op *op)
{
	struct images *images = container_of(op, struct settle_op, op)->images;

	if (op->result < 0) /* the next look tries again */
		log_debug("%s", op->err.msg);
	images->is_settling = false;
	if (images->needs_settling)
		images_settle(images);
}

void images_settle(struct images *images)
{
	struct worker *worker = images->worker;
	struct image_uses uses;

	images->needs_settling = images->is_settling;
	/* Who wants what is known only with the whole wish. */
	if (images->is_settling || !worker->is_open || !worker->is_synced || worker->is_down)
		return;
	images->is_settling = true;
	struct settle_op *s = NEW(struct settle_op);
	s->op = (struct op){ .run = settle_run, .done = settle_done, .fini = settle_op_fini };
	s->images = images;
	s->n_slots = worker->config.n_runtimes;
	memcpy(s->slots, worker->slots, sizeof(s->slots));
	image_uses_init(&uses, worker);
	for (size_t i = 0; i < uses.n; i++)
		strv_add(&s->wanted, uses.items[i].name);
	image_uses_fini(&uses);
	op_begin(worker, EXECUTOR_RUNTIME, &s->op);
}
