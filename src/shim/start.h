/* `holm-shim`, as containerd 1.6 calls the program of a shim (runtime/v2): "start" in the container's bundle
 * makes the socket, starts the process that stays and prints where it is. */
#ifndef HOLM_SHIM_START_H
#define HOLM_SHIM_START_H

#include "shim/shim.h"

/* The word behind `name`; NULL. */
const char *start_option(int argc, char **argv, const char *name);
/* The shim's socket, in the folder "s" beside containerd's own, under the container's id, which no other
 * has; the caller's string. */
char *start_socket_path(const char *address, const char *id);
/* Exit status; or becomes containerd's own program for what is not done here. */
int start_main(int argc, char **argv);

#endif
