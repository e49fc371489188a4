/* Allocation that cannot fail: it returns memory or ends the process. */
#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"

static void *checked(void *p)
{
	if (!p) {
		fputs("holm: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *xmalloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
	return checked(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return s ? checked(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	return checked(strndup(s, n));
}

void *xmemdup(const void *p, size_t n)
{
	void *copy = xmalloc(n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return checked(n < 0 ? NULL : s);
}

void *array_grow(void *items, size_t n, size_t size)
{
	/* Room is 4, 8, 16, …: it has to grow only when n is one of these. */
	bool is_full = n == 0 || (n >= 4 && (n & (n - 1)) == 0);

	if (is_full)
		items = xrealloc(items, (n < 4 ? 4 : 2 * n) * size);
	memset((char *)items + n * size, 0, size);
	return items;
}
