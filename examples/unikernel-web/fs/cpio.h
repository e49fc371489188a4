/* An uncompressed cpio archive in memory, of the form "newc", as a read-only file system. */
#pragma once

#include <stdint.h>

#include "fs/fs.h"

struct cpio {
	const uint8_t *data;
	size_t size;
};

/* Files and folders in it, or -1 when it is no such archive or damaged. */
long cpio_count(const struct cpio *cpio);

/* `arg` is a struct cpio that cpio_count() found good. */
extern const struct fs_driver cpio_driver;
