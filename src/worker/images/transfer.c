/* Having images: a quick look whether it is here, else one transfer that all who want the image wait
 * for, instances and others. */
#include <stdatomic.h>

#include "model/code.h"
#include "worker/private.h"

#define PROGRESS_EVERY_MS 250

struct transfer {
	char *key;         /* runtime, policy, platform and reference */
	bool is_dropped;   /* nobody waits for it: off the map, its op's own */
	bool is_answering; /* those who waited are being told */
	struct transfer_op *op;
	struct list waiters; /* struct fetch_waiter */
	struct fetch_progress progress;
};

struct transfer_op {
	struct op op;
	struct transfer *transfer;
	struct runtime_slot *slot;
	const struct image_config *images;
	enum sla_pull policy;
	char *ref; /* image reference, or URL of a unikernel */
	char *platform;
	char *wanted;    /* digest, or NULL */
	char *known_dir; /* of a unikernel that was had before, or NULL */
	char known_platform[64];
	bool is_stored;
	bool is_look; /* only a look whether it is here */
	char *image;  /* result: name, or folder */
	char digest[DIGEST_SIZE];
	char got_platform[64]; /* of an artifact */
	bool was_here;
	_Atomic(const char *) phase;
	atomic_uint_least64_t done_bytes;
	atomic_uint_least64_t total_bytes;
};

static void pull_begin(struct worker *worker, struct transfer *transfer, struct transfer_op *look);

static void transfer_free(struct transfer *transfer)
{
	while (!list_is_empty(&transfer->waiters)) {
		struct list *node = list_pop(&transfer->waiters);

		container_of(node, struct fetch_waiter, node)->transfer = NULL;
	}
	free(transfer->key);
	free(transfer);
}

static void transfer_op_fini(struct op *op)
{
	struct transfer_op *t = container_of(op, struct transfer_op, op);

	if (t->transfer && t->transfer->is_dropped)
		transfer_free(t->transfer);
	free(t->ref);
	free(t->platform);
	free(t->wanted);
	free(t->known_dir);
	free(t->image);
}

void fetch_free_all(struct worker *worker)
{
	map_for_each(&worker->transfers, i, e) {
		struct transfer *transfer = e->value;

		transfer->op->transfer = NULL;
		transfer_free(transfer);
	}
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
	STR_COPY(image->platform, json_get_str(json, "platform"));
	map_set(&worker->unikernels, url, image);
	json_free(json);
}

void fetch_forget_unikernel(struct worker *worker, const char *url)
{
	struct unikernel_image *image = map_remove(&worker->unikernels, url);

	if (!image)
		return;
	unikernel_image_fini(image);
	free(image);
	records_forget_unikernel(worker, url);
}

/* Runs on executor threads: bytes so far, for the timer on the loop. */
static void on_progress(void *arg, const char *phase, uint64_t done, uint64_t total)
{
	struct transfer_op *t = arg;

	atomic_store(&t->phase, phase);
	atomic_store(&t->done_bytes, done);
	atomic_store(&t->total_bytes, total);
}

static void on_unikernel_progress(void *arg, uint64_t done, uint64_t total)
{
	on_progress(arg, "pulling", done, total);
}

static int store_source(struct transfer_op *t, struct image_source *source)
{
	struct runtime_ctx ctx = { .cancel = &t->op.cancel, .progress = on_progress, .arg = t };

	t->was_here = str_eq(source->manifest.digest, t->digest);
	if (t->was_here)
		return 0;
	return t->slot->driver->fetch(t->slot->state, source, &ctx, &t->op.err);
}

static int pull_container(struct transfer_op *t)
{
	struct image_source *source = NULL;
	struct image_request request = { .ref = t->ref, .platform = t->platform };
	int r = image_source_open(t->images, &request, &t->op.cancel, &source, &t->op.err);

	if (r < 0)
		return r;
	r = store_source(t, source);
	if (r == 0) {
		t->image = xstrdup(source->name);
		STR_COPY(t->digest, source->manifest.digest);
	}
	image_source_close(source);
	return r;
}

static int pull_unikernel(struct transfer_op *t)
{
	struct unikernel_image image = { 0 };
	struct image_transfer transfer = {
		.progress = on_unikernel_progress,
		.arg = t,
		.cancel = &t->op.cancel,
	};
	const struct image_request request = { .ref = t->ref, .platform = t->platform };
	int r = code_is_image(t->ref)
			? image_unikernel_get_artifact(t->images, &request, &transfer, &image,
						       &t->op.err)
			: image_unikernel_get(t->images, t->ref, &transfer, &image, &t->op.err);

	if (r == 0 && t->slot->driver->check_image)
		r = t->slot->driver->check_image(t->slot->state, image.dir, &t->op.err);
	if (r < 0) {
		unikernel_image_fini(&image);
		return r;
	}
	t->was_here = str_eq(t->digest, image.digest);
	t->image = xstrdup(image.dir);
	STR_COPY(t->digest, image.digest);
	STR_COPY(t->got_platform, image.platform);
	unikernel_image_fini(&image);
	return 0;
}

static void pull_run(struct op *op)
{
	struct transfer_op *t = container_of(op, struct transfer_op, op);

	op->result = t->is_stored ? pull_container(t) : pull_unikernel(t);
}

/* The name is gone, or leads to another one: the one that was had may be here nevertheless. */
static int look_earlier(struct transfer_op *t, const char *name, int otherwise)
{
	auto_free char *earlier = xasprintf("%s@%s", name, t->wanted);
	char digest[DIGEST_SIZE];
	struct err ignored;
	int r = t->slot->driver->has_image(t->slot->state, earlier, digest, &ignored);

	if (r < 0)
		return otherwise;
	STR_COPY(t->digest, digest);
	return 0;
}

static int look_container(struct transfer_op *t)
{
	struct image_ref ref = { 0 };
	int r = image_ref_parse(t->ref, &ref, &t->op.err);

	if (r < 0)
		return r;
	auto_free char *name = image_ref_format(&ref);
	image_ref_fini(&ref);
	r = t->slot->driver->has_image(t->slot->state, name, t->digest, &t->op.err);
	if (!str_is_empty(t->wanted) && (r == -ENOENT || !str_eq(t->digest, t->wanted)))
		r = look_earlier(t, name, r);
	if (r == 0)
		t->image = TAKE(name);
	return r;
}

/* Whether what its name leads to is for the architecture that is wanted; an archive does not tell. */
static bool is_of_platform(const struct transfer_op *t)
{
	char wanted[sizeof(t->known_platform)];

	image_unikernel_platform(t->platform, wanted, sizeof(wanted));
	return !t->known_platform[0] || str_eq(t->known_platform, wanted);
}

/* One that was had once is here, whatever its name leads to by now. */
static int look_unikernel(struct transfer_op *t)
{
	if (!str_is_empty(t->wanted) && image_unikernel_find(t->images, t->wanted, &t->image)) {
		STR_COPY(t->digest, t->wanted);
		return 0;
	}
	if (t->known_dir && is_of_platform(t) && path_exists(t->known_dir)) {
		t->image = xstrdup(t->known_dir);
		return 0;
	}
	t->digest[0] = '\0';
	return err_set(&t->op.err, -ENOENT, "image %s: not on this node", t->ref);
}

static void look_run(struct op *op)
{
	struct transfer_op *t = container_of(op, struct transfer_op, op);

	op->result = t->is_stored ? look_container(t) : look_unikernel(t);
	t->was_here = op->result == 0;
	if (op->result == -ENOENT && t->policy == SLA_PULL_NEVER)
		err_set(&op->err, -ENOENT,
			"image %s: not on this node, and its pull policy is never", t->ref);
}

static void remember_unikernel(struct worker *worker, const struct transfer_op *t)
{
	struct unikernel_image *image = NEW(struct unikernel_image);

	image->dir = xstrdup(t->image);
	STR_COPY(image->digest, t->digest);
	STR_COPY(image->platform, t->got_platform);
	auto_free char *name = image_name_of(t->ref);
	struct unikernel_image *old = map_set(&worker->unikernels, name, image);
	if (old) {
		unikernel_image_fini(old);
		free(old);
	}
	records_save_unikernel(worker, name, image);
}

/* A waiter that is told may leave, join again, or make others leave. */
static void answer(struct transfer *transfer, const struct transfer_op *t)
{
	const struct fetch_result result = { t->image, t->digest, t->was_here };

	transfer->is_answering = true;
	while (!list_is_empty(&transfer->waiters)) {
		struct list *node = list_pop(&transfer->waiters);
		struct fetch_waiter *waiter = container_of(node, struct fetch_waiter, node);

		waiter->transfer = NULL;
		waiter->done(waiter, t->op.result < 0 ? NULL : &result, &t->op.err);
	}
	transfer_free(transfer);
}

/* What the look has found: whether the registry is to be asked. */
static bool wants_pull(const struct transfer_op *t)
{
	if (!t->is_look || t->policy == SLA_PULL_NEVER)
		return false;
	return t->op.result == -ENOENT || (t->op.result == 0 && t->policy == SLA_PULL_ALWAYS);
}

static void transfer_done(struct op *op)
{
	struct transfer_op *t = container_of(op, struct transfer_op, op);
	struct transfer *transfer = t->transfer;
	struct worker *worker = op->worker;

	if (!t->is_stored && !t->is_look && op->result == 0)
		remember_unikernel(worker, t);
	if (!t->is_look && op->result != -ECANCELED)
		images_transferred(worker->images, op->result, atomic_load(&t->total_bytes));
	if (transfer->is_dropped)
		return;
	t->transfer = NULL;
	if (wants_pull(t)) {
		pull_begin(worker, transfer, t);
		return;
	}
	map_remove(&worker->transfers, transfer->key);
	answer(transfer, t);
}

static struct transfer_op *transfer_op_new(struct worker *worker, struct transfer *transfer,
					   const struct fetch_want *want)
{
	struct transfer_op *t = NEW(struct transfer_op);

	t->transfer = transfer;
	t->slot = want->slot;
	t->images = &worker->config.images;
	t->policy = want->policy;
	t->ref = xstrdup(want->ref);
	t->platform = xstrdup(want->platform);
	t->wanted = xstrdup(want->digest);
	t->is_stored = want->slot->driver->caps & RUNTIME_CAP_IMAGES;
	t->op = (struct op){ .done = transfer_done, .fini = transfer_op_fini };
	transfer->op = t;
	return t;
}

bool fetch_is_under_way(const struct worker *worker, const char *name)
{
	map_for_each(&worker->transfers, i, e) {
		const struct transfer *transfer = e->value;
		auto_free char *wanted = image_name_of(transfer->op->ref);

		if (str_eq(wanted, name))
			return true;
	}
	return false;
}

static void tell_progress(struct transfer *transfer)
{
	struct transfer_op *t = transfer->op;
	struct list *pos, *tmp;

	transfer->progress = (struct fetch_progress){
		.phase = atomic_load(&t->phase),
		.done_bytes = atomic_load(&t->done_bytes),
		.total_bytes = atomic_load(&t->total_bytes),
	};
	if (!transfer->progress.total_bytes)
		return;
	list_for_each(pos, tmp, &transfer->waiters) {
		struct fetch_waiter *waiter = container_of(pos, struct fetch_waiter, node);

		if (waiter->moved)
			waiter->moved(waiter, &transfer->progress);
	}
}

static void on_progress_timer(void *arg)
{
	struct worker *worker = arg;

	worker->progress_timer = NULL;
	map_for_each(&worker->transfers, i, e)
		tell_progress(e->value);
	if (worker->transfers.n)
		worker->progress_timer = timer_start(worker->config.loop, PROGRESS_EVERY_MS,
						     on_progress_timer, worker);
}

struct fetch_progress fetch_progress(const struct fetch_waiter *waiter)
{
	return waiter->transfer ? waiter->transfer->progress : (struct fetch_progress){ 0 };
}

/* The transfer itself, on an executor of its own. */
static void pull_begin(struct worker *worker, struct transfer *transfer, struct transfer_op *look)
{
	const struct fetch_want want = { look->slot, look->ref, look->platform, look->policy,
					 look->wanted };
	struct transfer_op *t = transfer_op_new(worker, transfer, &want);
	struct list *pos, *tmp;

	STR_COPY(t->digest, look->digest); /* of what is here, if anything is */
	t->op.run = pull_run;
	list_for_each(pos, tmp, &transfer->waiters) {
		struct fetch_waiter *waiter = container_of(pos, struct fetch_waiter, node);

		if (waiter->began)
			waiter->began(waiter);
	}
	op_begin(worker, EXECUTOR_TRANSFER, &t->op);
	if (!worker->progress_timer)
		worker->progress_timer = timer_start(worker->config.loop, PROGRESS_EVERY_MS,
						     on_progress_timer, worker);
}

static struct transfer *transfer_begin(struct worker *worker, const char *key,
				       const struct fetch_want *want)
{
	auto_free char *name = image_name_of(want->ref);
	const struct unikernel_image *known = map_find(&worker->unikernels, name);
	struct transfer *transfer = NEW(struct transfer);
	struct transfer_op *t = transfer_op_new(worker, transfer, want);

	transfer->key = xstrdup(key);
	list_init(&transfer->waiters);
	map_set(&worker->transfers, key, transfer);
	if (known) {
		t->known_dir = xstrdup(known->dir);
		STR_COPY(t->digest, known->digest);
		STR_COPY(t->known_platform, known->platform);
	}
	t->is_look = true;
	t->op.run = look_run;
	op_begin(worker, EXECUTOR_RUNTIME, &t->op);
	return transfer;
}

void fetch_join(struct worker *worker, const struct fetch_want *want, struct fetch_waiter *waiter)
{
	auto_free char *key = xasprintf("%s %d %s %s %s", want->slot->driver->name,
					(int)want->policy, want->platform ? want->platform : "",
					want->digest ? want->digest : "", want->ref);
	struct transfer *transfer = map_find(&worker->transfers, key);

	assert(!waiter->transfer);
	if (!transfer)
		transfer = transfer_begin(worker, key, want);
	waiter->worker = worker;
	waiter->transfer = transfer;
	list_push(&transfer->waiters, &waiter->node);
}

void fetch_leave(struct fetch_waiter *waiter)
{
	struct transfer *transfer = TAKE(waiter->transfer);

	if (!transfer)
		return;
	list_remove(&waiter->node);
	if (transfer->is_answering || !list_is_empty(&transfer->waiters))
		return;
	/* Who wants the same later begins anew, and does not join what is being cancelled. */
	cancel_set(&transfer->op->op.cancel);
	transfer->is_dropped = true;
	map_remove(&waiter->worker->transfers, transfer->key);
}
