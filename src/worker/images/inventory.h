/* Private: the images that are stored, and their removal, as ops. */
#ifndef HOLM_WORKER_IMAGES_INVENTORY_H
#define HOLM_WORKER_IMAGES_INVENTORY_H

#include "worker/private.h"

/* A file system that images fill. */
struct image_fs {
	uint64_t device;
	char *dir; /* a folder on it */
	struct prune_disk disk;
};

/* An image under one of its names. */
struct image_row {
	size_t slot; /* of the runtime that stores it; SLOT_NONE: a unikernel's folder */
	char *name;  /* reference, or URL; "" for a folder that no URL leads to */
	char digest[DIGEST_SIZE];
	char platform[64];
	uint64_t bytes;
	uint64_t created_ms;
	uint64_t used_ms;
	bool is_earlier;
	uint64_t device; /* of its file system */
};
#define SLOT_NONE SIZE_MAX

struct inventory {
	struct image_row *rows;
	size_t n;
	struct image_fs *disks;
	size_t n_disks;
};
void inventory_fini(struct inventory *inventory);

/* Asks all runtimes. `done` gets what it may take; err->code tells that it failed. */
typedef void (*inventory_fn)(void *arg, struct worker *worker, struct inventory *inventory,
			     const struct err *err);
void inventory_begin(struct worker *worker, inventory_fn done, void *arg);

/* Removes the rows (copied). `done` gets the bytes that became free; instances that had counted on
 * one of them have forgotten it by then. */
typedef void (*removal_fn)(void *arg, struct worker *worker, uint64_t freed, const struct err *err);
struct removal {
	const struct image_row *const *rows;
	size_t n;
	removal_fn done;
	void *arg;
};
void removal_begin(struct worker *worker, const struct removal *removal);

/* Notes that the image was used just now; what fails is logged. */
void touch_begin(struct worker *worker, struct runtime_slot *slot, const char *name);

#endif
