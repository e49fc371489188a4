/* Control sequences by ECMA-48: ESC [ parameters final, ESC ( charset, ESC and one byte. */
#include "base/base.h"
#include "helper/console.h"

#define ESC '\x1b'

/* True if the byte is text. */
static bool step(struct console_filter *filter, unsigned char c)
{
	switch (filter->state) {
	case CONSOLE_ESCAPE:
		filter->state = c == '['               ? CONSOLE_SEQUENCE
				: c == '(' || c == ')' ? CONSOLE_CHARSET
						       : CONSOLE_TEXT;
		return false;
	case CONSOLE_SEQUENCE:
		if ((c >= 0x40 && c <= 0x7e) || c == '\n')
			filter->state = CONSOLE_TEXT;
		return c == '\n';
	case CONSOLE_CHARSET:
		filter->state = CONSOLE_TEXT;
		return false;
	case CONSOLE_TEXT:
		break;
	}
	if (c == ESC)
		filter->state = CONSOLE_ESCAPE;
	return c != ESC && c != '\0' && c != '\r';
}

size_t console_filter(struct console_filter *filter, char *data, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (step(filter, (unsigned char)data[i]))
			data[n++] = data[i];
	return n;
}

void console_tail_add(struct console_tail *tail, const char *data, size_t len)
{
	if (len > sizeof(tail->data)) {
		data += len - sizeof(tail->data);
		len = sizeof(tail->data);
	}
	size_t keep = sizeof(tail->data) - len;
	if (tail->len > keep) {
		memmove(tail->data, tail->data + tail->len - keep, keep);
		tail->len = keep;
	}
	memcpy(tail->data + tail->len, data, len);
	tail->len += len;
}
