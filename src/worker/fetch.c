/* Having images: a quick look whether it is here, else one transfer that all instances which want
 * the image wait for. */
#include <stdatomic.h>

#include "worker/private.h"

#define PROGRESS_EVERY_MS 250

struct transfer {
	char *key;       /* kind and reference */
	bool is_dropped; /* nobody waits for it: off the map, its op's own */
	struct fetch_op *op;
	struct strv waiters; /* instance ids */
	unsigned percent;
};

struct fetch_op {
	struct op op;
	struct transfer *transfer;
	struct runtime_slot *slot;
	const struct image_config *images;
	char *ref; /* image reference, or URL of a unikernel */
	char *platform;
	char *known_dir; /* of a unikernel that was had before, or NULL */
	bool is_stored;
	bool is_look; /* only a look whether it is here */
	char *image;  /* result: name, or folder */
	char digest[DIGEST_SIZE];
	atomic_uint_least64_t done_bytes;
	atomic_uint_least64_t total_bytes;
};

static void pull_begin(struct worker *worker, struct transfer *transfer, struct fetch_op *op);

static void transfer_free(struct transfer *transfer)
{
	strv_fini(&transfer->waiters);
	free(transfer->key);
	free(transfer);
}

static void fetch_op_fini(struct op *op)
{
	struct fetch_op *f = container_of(op, struct fetch_op, op);

	if (f->transfer && f->transfer->is_dropped)
		transfer_free(f->transfer);
	free(f->ref);
	free(f->platform);
	free(f->known_dir);
	free(f->image);
}

void fetch_free_all(struct worker *worker)
{
	map_for_each(&worker->transfers, i, e)
		transfer_free(e->value);
	map_fini(&worker->transfers);
	map_for_each(&worker->unikernels, k, u) {
		unikernel_image_fini(u->value);
		free(u->value);
	}
	map_fini(&worker->unikernels);
}

void fetch_load_unikernel(struct worker *worker, const char *url, const char *body)
{
	struct err err;
	struct json *json = NULL;

	if (json_parse(body, strlen(body), &json, &err) < 0)
		return;
	struct unikernel_image *image = NEW(struct unikernel_image);
	image->dir = xstrdup(json_get_str(json, "dir"));
	STR_COPY(image->digest, json_get_str(json, "digest"));
	map_set(&worker->unikernels, url, image);
	json_free(json);
}

/* Runs on an executor thread: bytes so far, for the timer on the loop. */
static void on_progress(void *arg, const char *phase, uint64_t done, uint64_t total)
{
	struct fetch_op *f = arg;

	atomic_store(&f->done_bytes, done);
	atomic_store(&f->total_bytes, total);
}

static void on_unikernel_progress(void *arg, uint64_t done, uint64_t total)
{
	on_progress(arg, "pulling", done, total);
}

static int fetch_container(struct fetch_op *f)
{
	struct image_source *source = NULL;
	struct runtime_ctx ctx = { .cancel = &f->op.cancel, .progress = on_progress, .arg = f };
	struct image_request request = { .ref = f->ref, .platform = f->platform };
	int r = image_source_open(f->images, &request, &f->op.cancel, &source, &f->op.err);

	if (r < 0)
		return r;
	r = f->slot->driver->fetch(f->slot->state, source, &ctx, &f->op.err);
	if (r == 0) {
		f->image = xstrdup(source->name);
		STR_COPY(f->digest, source->manifest.digest);
	}
	image_source_close(source);
	return r;
}

static int fetch_unikernel(struct fetch_op *f)
{
	struct unikernel_image image = { 0 };
	struct image_transfer transfer = {
		.progress = on_unikernel_progress,
		.arg = f,
		.cancel = &f->op.cancel,
	};
	int r = image_unikernel_get(f->images, f->ref, &transfer, &image, &f->op.err);

	if (r == 0 && f->slot->driver->check_image)
		r = f->slot->driver->check_image(f->slot->state, image.dir, &f->op.err);
	if (r < 0) {
		unikernel_image_fini(&image);
		return r;
	}
	f->image = xstrdup(image.dir);
	STR_COPY(f->digest, image.digest);
	unikernel_image_fini(&image);
	return 0;
}

static void pull_run(struct op *op)
{
	struct fetch_op *f = container_of(op, struct fetch_op, op);

	op->result = f->is_stored ? fetch_container(f) : fetch_unikernel(f);
}

static int look_container(struct fetch_op *f)
{
	struct image_ref ref = { 0 };
	int r = image_ref_parse(f->ref, &ref, &f->op.err);

	if (r < 0)
		return r;
	auto_free char *name = image_ref_format(&ref);
	image_ref_fini(&ref);
	r = f->slot->driver->has_image(f->slot->state, name, f->digest, &f->op.err);
	if (r == 0)
		f->image = TAKE(name);
	return r;
}

static void look_run(struct op *op)
{
	struct fetch_op *f = container_of(op, struct fetch_op, op);

	if (f->is_stored) {
		op->result = look_container(f);
		return;
	}
	if (f->known_dir && path_exists(f->known_dir))
		f->image = xstrdup(f->known_dir);
	else
		op->result = -ENOENT;
}

static void waiter_done(struct winst *inst, const struct fetch_op *f)
{
	uint32_t generation = inst->fetching_generation;

	inst->transfer = NULL;
	inst->fetching_generation = 0;
	if (f->op.result < 0) {
		if (generation == inst->current.generation)
			winst_fail(inst, &f->op.err);
		else
			winst_update_fail(inst, &f->op.err);
		return;
	}
	inst->fetched_generation = generation;
	free(inst->image);
	inst->image = xstrdup(f->image);
	STR_COPY(inst->digest, f->digest);
}

static void remember_unikernel(struct worker *worker, const struct fetch_op *f)
{
	struct unikernel_image *image = NEW(struct unikernel_image);

	image->dir = xstrdup(f->image);
	STR_COPY(image->digest, f->digest);
	struct unikernel_image *old = map_set(&worker->unikernels, f->ref, image);
	if (old) {
		unikernel_image_fini(old);
		free(old);
	}
	records_save_unikernel(worker, f->ref, image);
}

static void fetch_done(struct op *op)
{
	struct fetch_op *f = container_of(op, struct fetch_op, op);
	struct transfer *transfer = f->transfer;
	struct worker *worker = op->worker;

	if (!f->is_stored && !f->is_look && op->result == 0)
		remember_unikernel(worker, f);
	if (transfer->is_dropped)
		return;
	f->transfer = NULL;
	if (f->is_look && op->result == -ENOENT) {
		pull_begin(worker, transfer, f);
		return;
	}
	map_remove(&worker->transfers, transfer->key);
	for (size_t i = 0; i < transfer->waiters.n; i++) {
		struct winst *inst = map_find(&worker->instances, transfer->waiters.items[i]);

		if (!inst || inst->transfer != transfer)
			continue;
		waiter_done(inst, f);
		winst_tick(inst);
	}
	transfer_free(transfer);
}

static struct fetch_op *fetch_op_new(struct worker *worker, struct transfer *transfer,
				     const char *ref, const char *platform,
				     struct runtime_slot *slot)
{
	struct fetch_op *f = NEW(struct fetch_op);

	f->transfer = transfer;
	f->slot = slot;
	f->images = &worker->config.images;
	f->ref = xstrdup(ref);
	f->platform = xstrdup(platform);
	f->is_stored = slot->driver->caps & RUNTIME_CAP_IMAGES;
	f->op = (struct op){ .done = fetch_done, .fini = fetch_op_fini };
	transfer->op = f;
	return f;
}

static void on_progress_timer(void *arg)
{
	struct worker *worker = arg;

	worker->progress_timer = NULL;
	map_for_each(&worker->transfers, i, e) {
		const struct transfer *t = e->value;
		uint64_t total = atomic_load(&t->op->total_bytes);

		for (size_t k = 0; total && k < t->waiters.n; k++) {
			struct winst *inst = map_find(&worker->instances, t->waiters.items[k]);

			if (inst)
				messages_report(inst);
		}
	}
	if (worker->transfers.n)
		worker->progress_timer = timer_start(worker->config.loop, PROGRESS_EVERY_MS,
						     on_progress_timer, worker);
}

unsigned fetch_percent(const struct winst *inst)
{
	if (!inst->transfer)
		return 0;
	uint64_t total = atomic_load(&inst->transfer->op->total_bytes);
	uint64_t done = atomic_load(&inst->transfer->op->done_bytes);

	return total ? (unsigned)(100 * done / total) : 0;
}

/* The look found nothing: the transfer itself, on an executor of its own. */
static void pull_begin(struct worker *worker, struct transfer *transfer, struct fetch_op *look)
{
	struct fetch_op *f = fetch_op_new(worker, transfer, look->ref, look->platform, look->slot);

	f->op.run = pull_run;
	for (size_t i = 0; i < transfer->waiters.n; i++) {
		struct winst *inst = map_find(&worker->instances, transfer->waiters.items[i]);

		if (inst && inst->transfer == transfer && inst->run != RUN_ALIVE)
			winst_set_state(inst, STATE_CREATING, "pulling %s", f->ref);
	}
	op_begin(worker, EXECUTOR_TRANSFER, &f->op);
	if (!worker->progress_timer)
		worker->progress_timer = timer_start(worker->config.loop, PROGRESS_EVERY_MS,
						     on_progress_timer, worker);
}

static void join_or_begin(struct winst *inst, const char *ref, const char *platform,
			  struct runtime_slot *slot)
{
	struct worker *worker = inst->worker;
	auto_free char *key = xasprintf("%s %s %s", slot->driver->name, platform ? platform : "",
					ref);
	struct transfer *transfer = map_find(&worker->transfers, key);

	if (!transfer) {
		transfer = NEW(struct transfer);
		transfer->key = xstrdup(key);
		map_set(&worker->transfers, key, transfer);
		struct fetch_op *f = fetch_op_new(worker, transfer, ref, platform, slot);
		const struct unikernel_image *known = map_find(&worker->unikernels, ref);

		if (known) {
			f->known_dir = xstrdup(known->dir);
			STR_COPY(f->digest, known->digest);
		}
		f->is_look = true;
		f->op.run = look_run;
		op_begin(worker, EXECUTOR_RUNTIME, &f->op);
	}
	strv_add(&transfer->waiters, inst->id);
	inst->transfer = transfer;
}

void fetch_begin(struct winst *inst, const struct msg_deploy *deploy)
{
	const struct service_spec *spec = &deploy->spec;
	struct runtime_slot *slot = worker_find_slot(inst->worker, spec->virtualization);
	auto_free char *ref = spec_code_for_arch(spec, inst->worker->config.arch);
	struct err err = { 0 };

	fetch_cancel(inst);
	inst->fetching_generation = deploy->generation;
	if (!slot)
		err_set(&err, -ENOTSUP, "this node has no runtime %s", spec->virtualization);
	else if (!ref)
		err_set(&err, -ENOTSUP, "no image for %s in %s", inst->worker->config.arch,
			spec->code);
	if (err.code) {
		struct fetch_op failed = { .op = { .result = err.code, .err = err } };

		waiter_done(inst, &failed);
		return;
	}
	if (inst->run != RUN_ALIVE)
		winst_set_state(inst, STATE_CREATING, "looking for the image");
	join_or_begin(inst, ref, spec->platform, slot);
}

void fetch_cancel(struct winst *inst)
{
	struct transfer *transfer = inst->transfer;

	inst->transfer = NULL;
	inst->fetching_generation = 0;
	if (!transfer)
		return;
	for (size_t i = 0; i < transfer->waiters.n; i++) {
		const struct winst *other = map_find(&inst->worker->instances,
						     transfer->waiters.items[i]);

		if (other && other->transfer == transfer)
			return;
	}
	/* Who wants the same later begins anew, and does not join what is being cancelled. */
	cancel_set(&transfer->op->op.cancel);
	transfer->is_dropped = true;
	map_remove(&inst->worker->transfers, transfer->key);
}
