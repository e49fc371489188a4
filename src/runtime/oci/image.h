/* The parts of OCI image manifests and configs that a container needs (image spec 1.1). */
#ifndef HOLM_RUNTIME_OCI_IMAGE_H
#define HOLM_RUNTIME_OCI_IMAGE_H

#include "base/base.h"

#define OCI_MANIFEST_MAX ((size_t)4 << 20)
#define OCI_LAYERS_MAX   512

struct oci_image {
	struct strv entrypoint;
	struct strv cmd;
	struct strv env;
	struct strv volumes; /* paths that it means to write to */
	char *user;          /* "" if not set */
	char *dir;
	char *stop_signal;
	struct strv diff_ids; /* digests of the unpacked layers, bottom first */
};

/* From the text of a config blob; -EBADMSG. */
int oci_image_parse(const char *text, struct oci_image *ret, struct err *err);
void oci_image_fini(struct oci_image *image);
#define auto_oci_image __attribute__((cleanup(oci_image_fini)))

/* Digest of the config that a manifest names; the caller's. */
int oci_manifest_config(const char *text, char **ret_digest, struct err *err);

/* Name of the snapshot of layers 0..n-1 (image spec, "Layer ChainID"); the caller's. */
char *oci_chain_id(const struct strv *diff_ids, size_t n);

#endif
