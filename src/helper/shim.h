/* The way from containerd to a container's shim (runtime/v2: "start" and "delete" of a shim's program).
 *
 * containerd-shim-runc-v2 is asked to start by being started: it makes the socket, starts itself once
 * more as the process that stays, and ends. The first of both is a whole Go program for the sake of one
 * socket, a tenth of all that the start of a container costs. That part is ours here. */
#ifndef HOLM_HELPER_SHIM_H
#define HOLM_HELPER_SHIM_H

#include <stdbool.h>

/* What containerd 1.6 asks for: -namespace N -address A -publish-binary B -id I start. Anything beside
 * it (-debug, delete, -v) is for the shim's own program: false. */
struct shim_start {
	const char *ns;
	const char *address; /* containerd's socket */
	const char *containerd;
	const char *id;
};

bool shim_start_parse(int argc, char **argv, struct shim_start *ret);

/* containerd's address of the shim, in the folder "s" beside its own; the caller's string. */
char *shim_socket_path(const char *address, const char *id);

/* Does what containerd asks for in the bundle, its working directory, and returns the exit status; or
 * becomes the shim's program. */
int shim_main(int argc, char **argv);

#endif
