/* String helpers. */
#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_is_empty(const char *s)
{
	return !s || !*s;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s);
	size_t m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

void str_copy(char *dst, size_t size, const char *src)
{
	assert(size);
	size_t n = src ? strnlen(src, size - 1) : 0;
	if (n)
		memcpy(dst, src, n);
	dst[n] = '\0';
}

void strv_take(struct strv *v, char *take_s)
{
	v->items = xrealloc(v->items, (v->n + 2) * sizeof(char *));
	v->items[v->n++] = take_s;
	v->items[v->n] = NULL;
}

void strv_add(struct strv *v, const char *s)
{
	strv_take(v, xstrdup(s));
}

void strv_addf(struct strv *v, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	strv_take(v, s);
}

void strv_fini(struct strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->items[i]);
	free(v->items);
	*v = (struct strv){ 0 };
}

void strv_copy(struct strv *dst, const struct strv *src)
{
	*dst = (struct strv){ 0 };
	for (size_t i = 0; i < src->n; i++)
		strv_add(dst, src->items[i]);
}

bool strv_eq(const struct strv *a, const struct strv *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!str_eq(a->items[i], b->items[i]))
			return false;
	return true;
}

bool strv_has(const struct strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (str_eq(v->items[i], s))
			return true;
	return false;
}

char *strv_join(const struct strv *v, const char *sep)
{
	auto_buf struct buf b;

	buf_init(&b, SIZE_MAX / 2); /* the pieces are in memory already */
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			buf_add_str(&b, sep);
		buf_add_str(&b, v->items[i]);
	}
	return buf_take(&b);
}

void strv_split(struct strv *v, const char *s, const char *seps)
{
	while (*s) {
		size_t n = strcspn(s, seps);

		if (n)
			strv_take(v, xstrndup(s, n));
		s += n;
		s += strspn(s, seps);
	}
}

#define WORD_MAX 64

static size_t edit_distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1];
	size_t m = strlen(b);

	if (strlen(a) > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

const char *str_nearest(const char *word, const char *const *names, size_t n)
{
	size_t best = strlen(word) < 4 ? 1 : 2;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t d = edit_distance(word, names[i]);

		if (d < best || (d == best && !found)) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
