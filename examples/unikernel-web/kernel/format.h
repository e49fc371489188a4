/* Text into a bounded buffer. Understands %s %c %d %u %x %p and %%, the lengths
 * l, ll and z, a width and a leading zero for numbers. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data;        /* terminated by a NUL once something was added */
	size_t size;       /* bytes of data */
	size_t length;     /* without the NUL, less than size */
	bool is_truncated; /* something did not fit */
};

void text_init(struct text *t, char *data, size_t size);
void text_add_char(struct text *t, char c);
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vadd(struct text *t, const char *format, va_list args);
