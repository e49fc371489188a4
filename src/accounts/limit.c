/* Failed tries by name. */
#include "accounts/accounts.h"

#define DOUBLINGS_MAX 20

struct tries {
	unsigned n_failed;
	uint64_t until_ms; /* no further try before */
	uint64_t last_ms;
};

struct limit {
	struct limit_config config;
	struct map names; /* → struct tries */
};

struct limit *limit_new(const struct limit_config *config)
{
	struct limit *limit = NEW(struct limit);

	limit->config = *config;
	return limit;
}

struct limit *limit_free(struct limit *limit)
{
	if (!limit)
		return NULL;
	map_for_each(&limit->names, i, e)
		free(e->value);
	map_fini(&limit->names);
	free(limit);
	return NULL;
}

size_t limit_count(const struct limit *limit)
{
	return limit->names.n;
}

static bool is_forgotten(const struct limit *limit, const struct tries *tries, uint64_t now_ms)
{
	return now_ms >= tries->last_ms + limit->config.forget_ms;
}

uint64_t limit_wait_ms(const struct limit *limit, const char *name, uint64_t now_ms)
{
	const struct tries *tries = map_find(&limit->names, name);

	if (!tries || is_forgotten(limit, tries, now_ms) || tries->until_ms <= now_ms)
		return 0;
	return tries->until_ms - now_ms;
}

/* Room for one more: what is forgotten anyway goes, and else the one that failed longest ago. */
static void make_room(struct limit *limit, uint64_t now_ms)
{
	const char *oldest = NULL;
	uint64_t oldest_ms = UINT64_MAX;

	map_for_each(&limit->names, i, e) {
		const struct tries *tries = e->value;

		if (is_forgotten(limit, tries, now_ms)) {
			free(map_remove(&limit->names, e->key));
		} else if (tries->last_ms < oldest_ms) {
			oldest_ms = tries->last_ms;
			oldest = e->key;
		}
	}
	if (limit->names.n >= limit->config.names_max && oldest)
		free(map_remove(&limit->names, oldest));
}

static uint64_t delay_ms(const struct limit_config *config, unsigned n_failed)
{
	unsigned over = n_failed - config->free_tries;
	uint64_t delay = (uint64_t)config->first_ms
			 << (over < DOUBLINGS_MAX ? over : DOUBLINGS_MAX);

	return delay < config->cap_ms ? delay : config->cap_ms;
}

void limit_failed(struct limit *limit, const char *name, uint64_t now_ms)
{
	struct tries *tries = map_find(&limit->names, name);

	if (!tries) {
		if (limit->names.n >= limit->config.names_max)
			make_room(limit, now_ms);
		tries = NEW(struct tries);
		map_set(&limit->names, name, tries);
	} else if (is_forgotten(limit, tries, now_ms)) {
		*tries = (struct tries){ 0 };
	}
	tries->last_ms = now_ms;
	tries->n_failed++;
	if (tries->n_failed >= limit->config.free_tries)
		tries->until_ms = now_ms + delay_ms(&limit->config, tries->n_failed);
}

void limit_passed(struct limit *limit, const char *name)
{
	free(map_remove(&limit->names, name));
}
