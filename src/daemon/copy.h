/* Files of this machine as archives, for `holm cp`: see struct cli_extension. */
#ifndef HOLM_DAEMON_COPY_H
#define HOLM_DAEMON_COPY_H

#include "base/err.h"

int copy_pack(const char *path, int out, struct err *err);
int copy_unpack(const char *path, int in, struct err *err);

#endif
