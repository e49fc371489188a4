/* Asked of the runtimes and the folder of unikernels, on one executor thread. */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "worker/images/inventory.h"

struct inventory_op {
	struct op op;
	struct runtime_slot slots[WORKER_RUNTIMES_MAX];
	size_t n_slots;
	const struct image_config *config;
	struct strv urls; /* of unikernels */
	struct strv digests;
	struct strv platforms;
	uint32_t high_percent, low_percent;
	struct inventory inventory;
	inventory_fn done;
	void *arg;
};

void inventory_fini(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->n; i++)
		free(inventory->rows[i].name);
	for (size_t i = 0; i < inventory->n_disks; i++)
		free(inventory->disks[i].dir);
	free(inventory->rows);
	free(inventory->disks);
	*inventory = (struct inventory){ 0 };
}

static void inventory_op_fini(struct op *op)
{
	struct inventory_op *i = container_of(op, struct inventory_op, op);

	inventory_fini(&i->inventory);
	strv_fini(&i->urls);
	strv_fini(&i->digests);
	strv_fini(&i->platforms);
}

/* Adds the file system of a folder unless it is known; 0 if it cannot be looked at. */
static uint64_t add_disk(struct inventory_op *op, const char *dir)
{
	struct inventory *inventory = &op->inventory;
	struct statvfs vfs;
	struct stat st;

	if (stat(dir, &st) < 0 || statvfs(dir, &vfs) < 0)
		return 0;
	for (size_t i = 0; i < inventory->n_disks; i++)
		if (inventory->disks[i].device == st.st_dev)
			return st.st_dev;
	struct image_fs *fs = ARRAY_ADD(inventory->disks, inventory->n_disks);
	fs->device = st.st_dev;
	fs->dir = xstrdup(dir);
	/* What is reserved for root counts neither as used nor as available, as in df. */
	fs->disk.used = (uint64_t)(vfs.f_blocks - vfs.f_bfree) * vfs.f_frsize;
	fs->disk.total = fs->disk.used + (uint64_t)vfs.f_bavail * vfs.f_frsize;
	fs->disk.high_percent = op->high_percent;
	fs->disk.low_percent = op->low_percent;
	return st.st_dev;
}

static int add_stored(struct inventory_op *op, size_t slot)
{
	const struct runtime_image_ops *ops = op->slots[slot].driver->images;
	void *state = op->slots[slot].state;
	struct runtime_images images;
	auto_strv struct strv dirs = { 0 };
	uint64_t device = 0;
	int r = ops->list(state, &images, &op->op.err);

	if (r == 0)
		r = ops->dirs(state, &dirs, &op->op.err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < dirs.n; i++)
		device = add_disk(op, dirs.items[i]);
	for (size_t i = 0; i < images.n; i++) {
		struct runtime_image *image = &images.items[i];
		struct image_row *row = ARRAY_ADD(op->inventory.rows, op->inventory.n);

		*row = (struct image_row){ .slot = slot,
					   .name = TAKE(image->name),
					   .bytes = image->bytes,
					   .created_ms = image->created_ms,
					   .used_ms = image->used_ms,
					   .is_earlier = image->is_earlier,
					   .device = device };
		STR_COPY(row->digest, image->digest);
		STR_COPY(row->platform, image->platform);
	}
	runtime_images_fini(&images);
	return 0;
}

static void add_unikernel(struct inventory_op *op, const struct unikernel_entry *entry,
			  const char *url, uint64_t device)
{
	struct image_row *row = ARRAY_ADD(op->inventory.rows, op->inventory.n);

	*row = (struct image_row){ .slot = SLOT_NONE,
				   .name = xstrdup(url),
				   .bytes = entry->bytes,
				   .created_ms = entry->created_ms,
				   .used_ms = entry->used_ms,
				   .is_earlier = !*url,
				   .device = device };
	STR_COPY(row->digest, entry->digest);
}

static int add_unikernels(struct inventory_op *op)
{
	struct unikernel_list list;
	uint64_t device = add_disk(op, op->config->store_dir);
	int r = image_unikernel_list(op->config, &list, &op->op.err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.n; i++) {
		size_t n_names = 0;

		for (size_t k = 0; k < op->urls.n; k++) {
			if (!str_eq(op->digests.items[k], list.items[i].digest))
				continue;
			add_unikernel(op, &list.items[i], op->urls.items[k], device);
			STR_COPY(op->inventory.rows[op->inventory.n - 1].platform,
				 op->platforms.items[k]);
			n_names++;
		}
		if (!n_names)
			add_unikernel(op, &list.items[i], "", device);
	}
	unikernel_list_fini(&list);
	return 0;
}

static void inventory_run(struct op *op)
{
	struct inventory_op *i = container_of(op, struct inventory_op, op);

	for (size_t slot = 0; op->result == 0 && slot < i->n_slots; slot++)
		if (i->slots[slot].state && i->slots[slot].driver->images)
			op->result = add_stored(i, slot);
	if (op->result == 0 && i->config->store_dir)
		op->result = add_unikernels(i);
}

static void inventory_done(struct op *op)
{
	static const struct err none = { 0 };
	struct inventory_op *i = container_of(op, struct inventory_op, op);

	i->done(i->arg, op->worker, &i->inventory, op->result < 0 ? &op->err : &none);
}

void inventory_begin(struct worker *worker, inventory_fn done, void *arg)
{
	struct inventory_op *i = NEW(struct inventory_op);

	i->op = (struct op){ .run = inventory_run,
			     .done = inventory_done,
			     .fini = inventory_op_fini };
	i->done = done;
	i->arg = arg;
	i->config = &worker->config.images;
	i->high_percent = worker->config.image_gc_high;
	i->low_percent = worker->config.image_gc_low;
	i->n_slots = worker->config.n_runtimes;
	memcpy(i->slots, worker->slots, sizeof(i->slots));
	map_for_each(&worker->unikernels, k, e) {
		const struct unikernel_image *image = e->value;

		strv_add(&i->urls, e->key);
		strv_add(&i->digests, image->digest);
		strv_add(&i->platforms, image->platform);
	}
	op_begin(worker, EXECUTOR_RUNTIME, &i->op);
}
