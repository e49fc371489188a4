/* The user's terminal while a program elsewhere has it. */
#ifndef HOLM_CLI_TERMINAL_H
#define HOLM_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct terminal {
	int fd; /* -1: untouched */
	struct termios before;
};

/* Bytes as they are typed, without echo and signals; nothing for what is no terminal. */
void terminal_make_raw(struct terminal *terminal, int fd);
/* As it was; twice is harmless. */
void terminal_restore(struct terminal *terminal);
/* False if neither input nor output is a terminal. */
bool terminal_size(uint32_t *ret_rows, uint32_t *ret_columns);

#endif
