/* The serial console; lines end in CR LF. */
#pragma once

void console_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The machine's: COM1 at 115200 baud, or the PL011. A byte is written as soon as there is room,
 * and dropped when the host has not taken the last one for too long. */
void console_init(void);
void console_put(char c);
