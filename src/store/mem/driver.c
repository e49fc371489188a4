/* A store in memory that outlives being closed: what a disk is to the others. */
#include "base/base.h"
#include "store/store.h"

#define KIND_END '\x1f' /* between kind and id in a key; sorts before what names are made of */

struct store_mem {
	struct map bodies; /* kind, KIND_END, id → char * */
	char where[24];
	unsigned n_failures; /* commits that are still to fail */
};

struct store_mem *store_mem_new(void)
{
	struct store_mem *mem = NEW(struct store_mem);

	snprintf(mem->where, sizeof(mem->where), "%llu", (unsigned long long)(uintptr_t)mem);
	return mem;
}

struct store_mem *store_mem_free(struct store_mem *mem)
{
	if (!mem)
		return NULL;
	map_for_each(&mem->bodies, i, e)
		free(e->value);
	map_fini(&mem->bodies);
	free(mem);
	return NULL;
}

const char *store_mem_where(struct store_mem *mem)
{
	return mem->where;
}

void store_mem_fail(struct store_mem *mem, unsigned n)
{
	mem->n_failures = n;
}

static int mem_open(const char *where, void **ret, struct err *err)
{
	uint64_t address;

	if (parse_u64(where, 1, UINTPTR_MAX, &address) < 0)
		return err_set(err, -EINVAL, "open memory store: %s is no address", where);
	*ret = (void *)(uintptr_t)address;
	return 0;
}

static void mem_close(void *state)
{
	(void)state;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp((*(struct map_entry *const *)a)->key, (*(struct map_entry *const *)b)->key);
}

static int load_one(const struct map_entry *e, store_load_fn fn, void *arg, struct err *err)
{
	const char *end = strchr(e->key, KIND_END);
	auto_free char *kind = xstrndup(e->key, (size_t)(end - e->key));

	return fn(arg, kind, end + 1, e->value, err);
}

static int mem_load(void *state, store_load_fn fn, void *arg, struct err *err)
{
	struct store_mem *mem = state;
	auto_free struct map_entry **sorted = xcalloc(mem->bodies.n, sizeof(*sorted));
	size_t n = 0;
	int r = 0;

	map_for_each(&mem->bodies, i, e)
		sorted[n++] = e;
	qsort(sorted, n, sizeof(*sorted), compare_entries);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = load_one(sorted[i], fn, arg, err);
	return r;
}

static void apply(struct store_mem *mem, const struct store_change *change)
{
	auto_free char *key = xasprintf("%s%c%s", change->kind, KIND_END, change->id);

	if (change->body)
		free(map_set(&mem->bodies, key, xstrdup(change->body)));
	else
		free(map_remove(&mem->bodies, key));
}

static int mem_commit(void *state, const struct store_batch *const *batches, size_t n,
		      struct err *err)
{
	struct store_mem *mem = state;

	if (mem->n_failures) {
		mem->n_failures--;
		return err_set(err, -ENOSPC, "commit to memory store: no space left");
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < batches[i]->n; j++)
			apply(mem, &batches[i]->changes[j]);
	return 0;
}

const struct store_driver store_mem = {
	.name = "mem",
	.open = mem_open,
	.close = mem_close,
	.load = mem_load,
	.commit = mem_commit,
};
