/* Where `holm up` answers: ADDRESS:PORT, or https://ADDRESS:PORT with a certificate. */
#ifndef HOLM_DAEMON_LISTEN_H
#define HOLM_DAEMON_LISTEN_H

#include "cli/cli.h"
#include "daemon/roles.h"

/* Fills in what belongs to it (strings of the call's); the address is the caller's. Returns an exit code,
 * after a message if it is not CLI_OK. */
int listen_parse(const struct cli_call *call, struct roles_options *options, char **ret_address);

#endif
