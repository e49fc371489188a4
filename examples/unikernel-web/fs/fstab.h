/* The table of file systems, by Unikraft's conventions, and what comes of it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cmdline.h"
#include "fs/cpio.h"
#include "fs/fs.h"
#include "fs/p9.h"

enum {
	FSTAB_SHARES = 4,
};

/* What there is to mount. */
struct fstab_devices {
	struct cpio initrd; /* data is NULL when there is none */
	struct p9 shares[FSTAB_SHARES];
	size_t share_count;
};

/* One line: DEV:PATH:DRIVER[:FLAGS[:OPTS[:UKOPTS]]]. What is not given is "". */
struct fstab_entry {
	const char *device;
	const char *path;
	const char *driver;
	const char *flags;
	const char *options;
	const char *unikraft_options;
};

/* Cuts `line` into fields in place; false when there are too few or too many. */
bool fstab_parse(char *line, struct fstab_entry *ret);

/* Mounts what the command line's table says; without one the initrd, else the share fs0, else
 * nothing, at the root. Returns 0, or -1 having said on the console what failed. */
int fstab_mount(struct fs *fs, struct fstab_devices *devices, const struct cmdline *cmdline);
