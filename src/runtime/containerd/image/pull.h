/* Private: the blobs of one image on their way into the content store, some at a time. */
#ifndef HOLM_RUNTIME_CONTAINERD_IMAGE_PULL_H
#define HOLM_RUNTIME_CONTAINERD_IMAGE_PULL_H

#include "runtime/containerd/driver.h"

struct pull;

struct pull_config {
	struct driver *driver;
	const char *lease;
	struct image_source *source;
	const struct runtime_ctx *ctx; /* its progress is called on several threads, one at a time */
};
/* Layers are begun from the bottom on, by threads that end with pull_end(). All is borrowed. */
struct pull *pull_begin(const struct pull_config *config);
/* Forgets what is stored half of the layers of a source; after pull_end(). */
void pull_abort_uploads(const struct containerd *api, const struct image_source *source);
/* Returns when layer `i` is stored, or with the error that has ended the pull. */
int pull_wait(struct pull *pull, size_t i, struct err *err);
/* True once every layer is there. */
bool pull_is_done(struct pull *pull);
/* Stores a small blob whose text is known, such as the manifest. */
int pull_store_text(struct pull *pull, const struct image_descriptor *blob, const char *text,
		    struct err *err);
/* Ends what is still under way. NULL-safe, returns NULL. */
struct pull *pull_end(struct pull *pull);
DEFINE_AUTO(pull_end, struct pull *)

#endif
