/* A container image as a sequence of verified blobs, wherever it comes from. src/image makes
 * these, a runtime that stores images itself consumes them. */
#ifndef HOLM_MODEL_IMAGE_SOURCE_H
#define HOLM_MODEL_IMAGE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct cancel; /* loop/loop.h */

#define DIGEST_SIZE 80 /* "sha256:" and 64 hex digits, or sha512 refused */

/* OCI image spec, descriptor. */
struct image_descriptor {
	char digest[DIGEST_SIZE];
	uint64_t size;
	char media_type[128];
};

/* Takes the next bytes; a negative result ends the read with that error. */
struct image_sink {
	int (*write)(void *arg, const void *data, size_t len, struct err *err);
	void *arg;
	/* Bytes that are there from an earlier read: this one begins behind them, and the digest of
	 * the whole is for whoever has them to check. */
	uint64_t have;
};

struct image_source {
	char *name;                       /* canonical reference, the name it is stored under */
	struct image_descriptor manifest; /* of the platform's manifest */
	char *manifest_text;
	struct image_descriptor config;
	struct image_descriptor *layers; /* bottom first */
	size_t n_layers;

	/* Streams one blob into the sink; -EBADMSG if length or digest do not
	 * match, which is known only at the end; -ESTALE if the same is true of
	 * something that another read will have from elsewhere. Safe to call for
	 * different blobs on different threads. */
	int (*read)(struct image_source *source, const struct image_descriptor *blob,
		    const struct image_sink *sink, const struct cancel *cancel, struct err *err);
	void (*close)(struct image_source *source);
	void *state;
};

#endif
