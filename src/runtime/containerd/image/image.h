/* Private: images in containerd: having them, whose are whose, and what becomes of them when their names
 * move on.
 *
 * An image record is a name for a manifest, and several nodes may share a containerd. So each node that
 * has or uses an image lays claim to it by a label of its own, whose value is the time of its last
 * use, and a record goes with the last claim. When a name leads to a newer manifest, the earlier one
 * is kept under "NAME@DIGEST" with its claims: what runs, and what starts again, has its own. */
#ifndef HOLM_RUNTIME_CONTAINERD_IMAGE_H
#define HOLM_RUNTIME_CONTAINERD_IMAGE_H

#include "runtime/containerd/driver.h"

/* image.c */
int image_has(void *state, const char *name, char digest[DIGEST_SIZE], struct err *err);
int image_fetch(void *state, struct image_source *source, const struct runtime_ctx *ctx,
		struct err *err);
/* Config of an image, by its manifest's digest, and the name of its top snapshot (the caller's);
 * -ENOENT. */
int image_load(struct client *client, const char *digest, struct oci_image *ret, char **ret_chain,
	       struct err *err);
/* Configs are remembered by digest; after a removal none is. */
void image_forget(struct driver *driver);
void image_configs_fini(struct image_configs *configs);

/* store.c */
extern const struct runtime_image_ops image_store_ops;

/* Gives the name to the manifest, with this node's claim. */
int image_store_put(const struct driver *driver, const struct containerd *api, const char *name,
		    const struct containerd_descriptor *target, struct err *err);
/* Lays claim to an image that is here by another node's doing. */
int image_store_claim(const struct driver *driver, const struct containerd *api,
		      const struct containerd_image *image, struct err *err);

#endif
