/* The serial console: COM1, 115200 baud, lines end in CR LF. */
#pragma once

void console_init(void);
void console_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
