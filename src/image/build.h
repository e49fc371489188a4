/* Packing unikernels as OCI artifacts, and putting them where images come from. */
#ifndef HOLM_IMAGE_BUILD_H
#define HOLM_IMAGE_BUILD_H

#include "base/base.h"

struct image_config;
struct cancel; /* loop/loop.h */

struct unikernel_build {
	const char *ref;    /* HOST/NAME[:TAG], or oci:/PATH[:NAME] */
	const char *kernel; /* file */
	const char *rootfs; /* folder, or file in cpio's newc format; NULL: none */
	const char *arch;   /* amd64 or arm64 (x86_64, aarch64), NULL: the kernel's */
	struct strv cmd;
	struct strv env; /* K=V */
};
struct unikernel_built {
	char index[80];    /* digests */
	char manifest[80]; /* the identity of what runs from it */
	char platform[64]; /* "qemu/amd64" */
	uint64_t bytes;    /* of its layers */
};
/* An index of one manifest for the platform qemu/ARCH, layers of one file each, as Unikraft's tools make
 * them; the same bytes for the same files. What an index of that name has for other platforms stays.
 * -EINVAL: no kernel, another architecture's, a file system that no guest could read, a reference with
 * a digest; -EEXIST: the folder holds something else; those of registries. */
int image_unikernel_build(const struct image_config *config, const struct unikernel_build *build,
			  const struct cancel *cancel, struct unikernel_built *ret,
			  struct err *err);

#endif
