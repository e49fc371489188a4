/* The formatter behind the console and the pages. */
#include <stdint.h>

#include "kernel/format.h"

struct conversion {
	unsigned width;
	unsigned longs;
	bool is_zero_padded;
	char kind;
};

void text_init(struct text *t, char *data, size_t size)
{
	*t = (struct text){ .data = data, .size = size };
	if (size)
		data[0] = '\0';
}

void text_add_char(struct text *t, char c)
{
	if (t->length + 1 >= t->size) {
		t->is_truncated = true;
		return;
	}
	t->data[t->length++] = c;
	t->data[t->length] = '\0';
}

static void add_string(struct text *t, const char *s)
{
	if (!s)
		s = "(null)";
	while (*s)
		text_add_char(t, *s++);
}

static void add_number(struct text *t, uint64_t value, unsigned base, const struct conversion *c)
{
	char digits[24];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (unsigned i = n; i < c->width; i++)
		text_add_char(t, c->is_zero_padded ? '0' : ' ');
	while (n)
		text_add_char(t, digits[--n]);
}

static uint64_t take_unsigned(const struct conversion *c, va_list *args)
{
	if (c->longs)
		return va_arg(*args, unsigned long);
	return va_arg(*args, unsigned int);
}

static void add_signed(struct text *t, const struct conversion *c, va_list *args)
{
	int64_t value = c->longs ? va_arg(*args, long) : va_arg(*args, int);

	if (value < 0)
		text_add_char(t, '-');
	add_number(t, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, c);
}

static const char *parse_conversion(const char *p, struct conversion *c)
{
	*c = (struct conversion){ 0 };
	if (*p == '0')
		c->is_zero_padded = true;
	while (*p >= '0' && *p <= '9')
		c->width = c->width * 10 + (unsigned)(*p++ - '0');
	for (; *p == 'l' || *p == 'z'; p++)
		c->longs++;
	c->kind = *p;
	return *p ? p + 1 : p;
}

static void add_conversion(struct text *t, const struct conversion *c, va_list *args)
{
	switch (c->kind) {
	case 's':
		add_string(t, va_arg(*args, const char *));
		break;
	case 'c':
		text_add_char(t, (char)va_arg(*args, int));
		break;
	case 'd':
		add_signed(t, c, args);
		break;
	case 'u':
		add_number(t, take_unsigned(c, args), 10, c);
		break;
	case 'x':
		add_number(t, take_unsigned(c, args), 16, c);
		break;
	case 'p':
		add_number(t, (uintptr_t)va_arg(*args, void *), 16, c);
		break;
	default:
		text_add_char(t, c->kind);
		break;
	}
}

void text_vadd(struct text *t, const char *format, va_list args)
{
	struct conversion c;
	va_list copy;

	va_copy(copy, args);
	while (*format) {
		if (*format != '%') {
			text_add_char(t, *format++);
			continue;
		}
		format = parse_conversion(format + 1, &c);
		add_conversion(t, &c, &copy);
	}
	va_end(copy);
}

void text_add(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_vadd(t, format, args);
	va_end(args);
}
