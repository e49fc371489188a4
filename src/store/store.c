/* The queue in front of a driver: one commit is under way at a time, on the store executor; whatever
 * arrives meanwhile goes into the next one, all of it in one transaction. */
#include "base/base.h"
#include "loop/loop.h"
#include "store/store.h"

/* Batches that wait, or that are being committed together. */
struct group {
	struct store *store;
	const struct store_batch **batches; /* heap, owned */
	struct waiter {
		store_done_fn done;
		void *arg;
	} * waiters;
	size_t n;
	struct err err; /* of the commit */
};

struct store {
	struct loop *loop;
	const struct store_driver *driver;
	void *state;
	struct group *waiting;
	struct group *committing; /* NULL: none */
	bool is_posted;           /* begin_commit() is due */
};

void store_batch_put(struct store_batch *batch, const char *kind, const char *id, char *take_body)
{
	*ARRAY_ADD(batch->changes, batch->n) = (struct store_change){
		.kind = xstrdup(kind),
		.id = xstrdup(id),
		.body = take_body,
	};
}

void store_batch_delete(struct store_batch *batch, const char *kind, const char *id)
{
	store_batch_put(batch, kind, id, NULL);
}

void store_batch_fini(struct store_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		free(batch->changes[i].kind);
		free(batch->changes[i].id);
		free(batch->changes[i].body);
	}
	free(batch->changes);
	*batch = (struct store_batch){ 0 };
}

static struct group *group_new(struct store *store)
{
	struct group *group = NEW(struct group);

	group->store = store;
	return group;
}

static void group_free(struct group *group)
{
	if (!group)
		return;
	for (size_t i = 0; i < group->n; i++) {
		struct store_batch *batch = (struct store_batch *)(uintptr_t)group->batches[i];

		store_batch_fini(batch);
		free(batch);
	}
	free(group->batches);
	free(group->waiters);
	free(group);
}

static void group_add(struct group *group, struct store_batch *take_batch, struct waiter waiter)
{
	struct store_batch *batch = NEW(struct store_batch);
	size_t n = group->n;

	*batch = *take_batch;
	*take_batch = (struct store_batch){ 0 };
	*ARRAY_ADD(group->batches, n) = batch;
	*ARRAY_ADD(group->waiters, group->n) = waiter;
}

struct store *store_open(struct loop *loop, const struct store_driver *driver, const char *where,
			 struct err *err)
{
	void *state;

	if (driver->open(where, &state, err) < 0)
		return NULL;
	struct store *store = NEW(struct store);
	*store = (struct store){ .loop = loop, .driver = driver, .state = state };
	store->waiting = group_new(store);
	return store;
}

struct store *store_close(struct store *store)
{
	if (!store)
		return NULL;
	group_free(store->committing);
	group_free(store->waiting);
	store->driver->close(store->state);
	free(store);
	return NULL;
}

int store_load(struct store *store, store_load_fn fn, void *arg, struct err *err)
{
	return store->driver->load(store->state, fn, arg, err);
}

/* On the executor's thread. */
static void run_commit(void *arg)
{
	struct group *group = arg;
	const struct store *store = group->store;

	store->driver->commit(store->state, group->batches, group->n, &group->err);
}

static void begin_commit(void *arg);

static void post_commit(struct store *store)
{
	if (store->is_posted || store->committing)
		return;
	store->is_posted = true;
	loop_post(store->loop, begin_commit, store);
}

static void on_committed(void *arg)
{
	struct group *group = arg;
	struct store *store = group->store;

	store->committing = NULL;
	for (size_t i = 0; i < group->n; i++)
		group->waiters[i].done(group->waiters[i].arg, &group->err);
	group_free(group);
	if (store->waiting->n)
		post_commit(store);
}

static void begin_commit(void *arg)
{
	struct store *store = arg;

	store->is_posted = false;
	store->committing = store->waiting;
	store->waiting = group_new(store);
	work_begin(store->loop, EXECUTOR_STORE, run_commit, on_committed, store->committing);
}

void store_commit_begin(struct store *store, struct store_batch *take_batch, store_done_fn done,
			void *arg)
{
	group_add(store->waiting, take_batch, (struct waiter){ .done = done, .arg = arg });
	post_commit(store);
}
