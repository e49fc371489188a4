/* `holm image build-unikernel`: see struct cli_extension. */
#ifndef HOLM_DAEMON_BUILD_H
#define HOLM_DAEMON_BUILD_H

#include "cli/cli.h"

int build_unikernel(const struct cli_call *call);

#endif
