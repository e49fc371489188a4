/* Passwords: asked for on the terminal, where they are not shown, or read as a line. */
#ifndef HOLM_CLI_PASSWORD_H
#define HOLM_CLI_PASSWORD_H

#include "base/secret.h"
#include "cli/cli.h"

#define PASSWORD_LINE_MAX ((size_t)16 << 10)

/* By the option --password-stdin from standard input, else from the terminal, after `label`. Exit
 * codes; what went wrong has been told. */
int password_read(const struct cli_call *call, const char *label, struct secret *ret);
#endif
