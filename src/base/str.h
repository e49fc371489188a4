/* Small string helpers and the string vector. */
#ifndef HOLM_BASE_STR_H
#define HOLM_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

/* Equal, where NULL equals only NULL. */
bool str_eq(const char *a, const char *b);
bool str_is_empty(const char *s);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Copies with truncation into a field of fixed size; always terminated. */
void str_copy(char *dst, size_t size, const char *src);
#define STR_COPY(array, src) str_copy((array), sizeof(array), (src))

/* Owner of its strings; a zeroed one is empty. items[n] is NULL once anything was added,
 * so it serves as argv. */
struct strv {
	char **items;
	size_t n;
};

void strv_add(struct strv *v, const char *s);
void strv_addf(struct strv *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strv_take(struct strv *v, char *take_s);
void strv_fini(struct strv *v);
void strv_copy(struct strv *dst, const struct strv *src);
bool strv_eq(const struct strv *a, const struct strv *b);
bool strv_has(const struct strv *v, const char *s);
/* "a, b, c"; the caller's. */
char *strv_join(const struct strv *v, const char *sep);
/* Pieces between the characters of `seps`; empty pieces are left out. */
void strv_split(struct strv *v, const char *s, const char *seps);

#define auto_strv __attribute__((cleanup(strv_fini)))

/* The nearest of `names` within an edit distance of 2 (1 below four letters), or NULL:
 * "did you mean …". */
const char *str_nearest(const char *word, const char *const *names, size_t n);

#endif
