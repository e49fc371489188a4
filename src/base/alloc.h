/* Memory or abort: sizes from outside are bounded before they get here, so
 * running out means that the machine is, and the daemon is restartable. */
#ifndef HOLM_BASE_ALLOC_H
#define HOLM_BASE_ALLOC_H

#include <stddef.h>
#include <string.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull));
/* NULL stays NULL. */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), malloc, returns_nonnull));

#define NEW(type) ((type *)xcalloc(1, sizeof(type)))

/* Grows an array to hold one more element and returns that element, zeroed. `n`
 * counts the elements; the room doubles. Use: *ARRAY_ADD(v->items, v->n) = x; */
#define ARRAY_ADD(items, n) ((items) = array_grow((items), (n), sizeof(*(items))), &(items)[(n)++])
void *array_grow(void *items, size_t n, size_t size) __attribute__((returns_nonnull));

#endif
