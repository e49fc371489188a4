/* Private: what an image consists of in containerd, and how much of the disk that takes. */
#ifndef HOLM_RUNTIME_CONTAINERD_IMAGE_CONTENT_H
#define HOLM_RUNTIME_CONTAINERD_IMAGE_CONTENT_H

#include "runtime/containerd/driver.h"

/* A blob or an unpacked layer. */
struct image_part {
	char *key; /* digest, or name of a snapshot */
	bool is_layer;
	uint64_t bytes;
};

struct image_content {
	struct image_part *parts;
	size_t n;
	char platform[64]; /* "linux/arm64/v8" */
	uint64_t bytes;    /* of all parts */
};
void image_content_fini(struct image_content *content);
#define auto_image_content __attribute__((cleanup(image_content_fini)))

/* What the manifest leads to and is there; parts that are missing are left out, and the platform is ""
 * if the manifest or the config is among them. Fails only if containerd does not answer. */
int image_content_read(const struct containerd *api, const char *digest, struct image_content *ret,
		       struct err *err);
/* Whether this part is still stored: 1, 0 or negative errno. */
int image_part_exists(const struct containerd *api, const struct image_part *part, struct err *err);

/* By the text of a config blob: "linux/arm64/v8"; untouched if it names none. */
void image_platform(const char *config, char *out, size_t size);

#endif
