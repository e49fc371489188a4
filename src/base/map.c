/* Open addressing over an array of entries that keeps the order of insertion.
 * Removal leaves a hole in the entries; a rebuild closes the holes. */
#include <stdint.h>

#include "base/base.h"

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15u; /* 2^64 / the golden ratio */
	return h ^ (h >> 32);
}

/* Eight bytes at a time: keys are mostly ids of 24. */
static uint64_t hash(const char *s)
{
	size_t len = strlen(s);
	uint64_t h = len;
	uint64_t word;

	for (; len >= sizeof(word); len -= sizeof(word), s += sizeof(word)) {
		memcpy(&word, s, sizeof(word));
		h = mix(h, word);
	}
	word = 0;
	memcpy(&word, s, len);
	return mix(h, word);
}

void map_fini(struct map *m)
{
	for (size_t i = 0; i < m->n_entries; i++)
		free(m->entries[i].key);
	free(m->entries);
	free(m->slots);
	*m = (struct map){ 0 };
}

static struct map_entry *find(const struct map *m, const char *key)
{
	if (!m->n_slots)
		return NULL;
	for (size_t i = hash(key);; i++) {
		size_t at = m->slots[i & (m->n_slots - 1)];

		if (!at)
			return NULL;
		if (str_eq(m->entries[at - 1].key, key))
			return &m->entries[at - 1];
	}
}

static void link_entry(struct map *m, size_t index)
{
	size_t i = hash(m->entries[index].key);

	while (m->slots[i & (m->n_slots - 1)])
		i++;
	m->slots[i & (m->n_slots - 1)] = index + 1;
}

static void rebuild(struct map *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n_entries; i++)
		if (m->entries[i].key)
			m->entries[kept++] = m->entries[i];
	m->n_entries = kept;
	m->n_slots = 8;
	while (m->n_slots < 4 * (kept + 1))
		m->n_slots *= 2;
	free(m->slots);
	m->slots = xcalloc(m->n_slots, sizeof(*m->slots));
	/* A quarter full now, rebuilt at a half: room for n_slots / 2 entries. */
	m->entries = xrealloc(m->entries, m->n_slots / 2 * sizeof(*m->entries));
	for (size_t i = 0; i < kept; i++)
		link_entry(m, i);
}

void *map_find(const struct map *m, const char *key)
{
	const struct map_entry *e = find(m, key);

	return e ? e->value : NULL;
}

void *map_set(struct map *m, const char *key, void *value)
{
	struct map_entry *e = find(m, key);

	if (e) {
		void *old = e->value;

		e->value = value;
		return old;
	}
	if (2 * (m->n_entries + 1) > m->n_slots)
		rebuild(m);
	m->entries[m->n_entries] = (struct map_entry){ .key = xstrdup(key), .value = value };
	link_entry(m, m->n_entries++);
	m->n++;
	return NULL;
}

void *map_remove(struct map *m, const char *key)
{
	struct map_entry *e = find(m, key);

	if (!e)
		return NULL;
	/* The slot stays taken, so that probing goes on past it. */
	void *old = e->value;
	free(e->key);
	*e = (struct map_entry){ 0 };
	m->n--;
	return old;
}
