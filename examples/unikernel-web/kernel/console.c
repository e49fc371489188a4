/* Lines for the serial port of the machine. */
#include "kernel/console.h"
#include "kernel/format.h"

void console_printf(const char *format, ...)
{
	char line[512];
	struct text t;
	va_list args;

	text_init(&t, line, sizeof(line));
	va_start(args, format);
	text_vadd(&t, format, args);
	va_end(args);
	for (size_t i = 0; i < t.length; i++) {
		if (line[i] == '\n')
			console_put('\r');
		console_put(line[i]);
	}
}
