/* Durable documents: (kind, id) → JSON text, changed in transactions.
 *
 * The driver functions block. `struct store` puts them behind the loop: batches queued in
 * one turn, or while a commit is under way, are joined into one transaction on the store executor.
 * An acknowledged batch is on disk. */
#ifndef HOLM_STORE_STORE_H
#define HOLM_STORE_STORE_H

#include "base/base.h"

struct loop;

/* A change: body NULL deletes. */
struct store_change {
	char *kind;
	char *id;
	char *body;
};

struct store_batch {
	struct store_change *changes;
	size_t n;
};
void store_batch_put(struct store_batch *batch, const char *kind, const char *id, char *take_body);
void store_batch_delete(struct store_batch *batch, const char *kind, const char *id);
void store_batch_fini(struct store_batch *batch);

typedef int (*store_load_fn)(void *arg, const char *kind, const char *id, const char *body,
			     struct err *err);

struct store_driver {
	const char *name; /* sqlite, mem */
	/* Opens or creates; brings an older schema up to date, refuses a newer one (-ENOTSUP), what
	 * is no store or damaged (-EBADMSG), and one that another process has open (-EBUSY). */
	int (*open)(const char *where, void **ret, struct err *err);
	void (*close)(void *state);
	/* Every document, in order of kind and id. */
	int (*load)(void *state, store_load_fn fn, void *arg, struct err *err);
	/* All or nothing, in order; -ENOSPC when the disk is full. */
	int (*commit)(void *state, const struct store_batch *const *batches, size_t n,
		      struct err *err);
};
extern const struct store_driver store_sqlite; /* where: path of the file */
extern const struct store_driver store_mem;    /* where: an address from store_mem_new() */

/* Memory that outlives a store opened on it, for simulations of crashes. */
struct store_mem;
struct store_mem *store_mem_new(void);
struct store_mem *store_mem_free(struct store_mem *mem);
const char *store_mem_where(struct store_mem *mem);
/* The next `n` commits fail with -ENOSPC. */
void store_mem_fail(struct store_mem *mem, unsigned n);

struct store;
/* Blocks: meant for the start of a program. */
struct store *store_open(struct loop *loop, const struct store_driver *driver, const char *where,
			 struct err *err);
/* NULL-safe, returns NULL. After loop_free(), which waits for the commit under way: what is queued
 * behind it is dropped, unacknowledged, and no done callback runs any more. */
struct store *store_close(struct store *store);
/* Every document, in order of kind and id; blocks, for the start too. */
int store_load(struct store *store, store_load_fn fn, void *arg, struct err *err);

/* done runs once on the loop, never inside this call; err->code is 0 on success. Batches are
 * committed in the order of the calls. */
typedef void (*store_done_fn)(void *arg, const struct err *err);
void store_commit_begin(struct store *store, struct store_batch *take_batch, store_done_fn done,
			void *arg);

#endif
