/* `holm up`, and taking everything down when no daemon runs. */
#ifndef HOLM_DAEMON_UP_H
#define HOLM_DAEMON_UP_H

#include "cli/cli.h"

extern const struct cli_extension up_extension;

#endif
