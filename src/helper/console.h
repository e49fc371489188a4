/* A guest's serial console as text. */
#ifndef HOLM_HELPER_CONSOLE_H
#define HOLM_HELPER_CONSOLE_H

#include <stddef.h>

/* Takes carriage returns, NULs and terminal control sequences out of a stream that comes in pieces:
 * firmware clears the screen first, and guests end lines with CR LF. A zeroed one is ready. */
struct console_filter {
	enum { CONSOLE_TEXT, CONSOLE_ESCAPE, CONSOLE_SEQUENCE, CONSOLE_CHARSET } state;
};

/* In place; returns the length that is left. */
size_t console_filter(struct console_filter *filter, char *data, size_t len);

/* The last bytes of a stream, for the reason of a crash. A zeroed one is empty. */
#define CONSOLE_TAIL_SIZE 8192
struct console_tail {
	char data[CONSOLE_TAIL_SIZE];
	size_t len;
};
void console_tail_add(struct console_tail *tail, const char *data, size_t len);

#endif
