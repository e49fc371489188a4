/* Hash map from string to pointer, iterated in order of insertion. It copies the
 * keys and does not own the values. */
#ifndef HOLM_BASE_MAP_H
#define HOLM_BASE_MAP_H

#include <stddef.h>

struct map_entry {
	char *key; /* NULL: removed */
	void *value;
};

struct map {
	struct map_entry *entries; /* in order of insertion, with holes */
	size_t n_entries;
	size_t n;      /* live ones */
	size_t *slots; /* index + 1 into entries, 0 = free */
	size_t n_slots;
};

/* A zeroed map is empty. */
void map_fini(struct map *m);
/* NULL if there is none. */
void *map_find(const struct map *m, const char *key);
/* Returns the value that was there before, or NULL. */
void *map_set(struct map *m, const char *key, void *value);
void *map_remove(struct map *m, const char *key);

/* Removing the current entry inside the loop is allowed; adding is not. */
#define map_for_each(m, i, e)                       \
	for (size_t i = 0; i < (m)->n_entries; i++) \
		for (struct map_entry *e = &(m)->entries[i]; e && e->key; e = NULL)

#endif
