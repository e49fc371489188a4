/* A client of 9P2000.L, one message at a time, as a file system. */
#pragma once

#include <stdint.h>

#include "fs/fs.h"

struct p9 {
	const char *tag; /* of the share */
	/* Sends `length` bytes of `out` and returns the bytes of the answer in `in`, or -1. */
	long (*call)(void *arg, size_t length);
	void *arg;
	uint8_t *out;
	const uint8_t *in;
	uint32_t size; /* of either */
};

/* Agrees on the version and attaches the root. Returns 0 or an error. */
int p9_attach(struct p9 *p9);

/* `arg` is an attached struct p9. */
extern const struct fs_driver p9_driver;
