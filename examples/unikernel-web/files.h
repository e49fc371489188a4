/* The guest's file systems: what the host offers, mounted as the command line says. */
#pragma once

#include "cmdline.h"
#include "fs/fs.h"
#include "fs/fstab.h"
#include "kernel/boot.h"
#include "virtio/virtio_9p.h"

struct files {
	struct fs fs;
	struct fstab_devices devices;
	struct virtio_9p channels[FSTAB_SHARES];
};

/* Returns 0, or -1 having said on the console what failed. `files` must stay where it is. */
int files_init(struct files *files, const struct boot_info *info, const struct cmdline *cmdline);
