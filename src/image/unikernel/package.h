/* Private: an artifact being packed, and the places it can go to. */
#ifndef HOLM_IMAGE_UNIKERNEL_PACKAGE_H
#define HOLM_IMAGE_UNIKERNEL_PACKAGE_H

#include "image/private.h"

#define KERNEL_VERSION_SIZE 64

struct package {
	const char *arch;                  /* "x86_64", as Unikraft's tools write it */
	char version[KERNEL_VERSION_SIZE]; /* of its Unikraft, "" if it does not tell */
	struct image_blob layers[2];       /* kernel, initrd */
	size_t n_layers;
	struct image_blob config;
	struct image_descriptor manifest;
	char *manifest_text;
	struct image_descriptor index;
	char *index_text;
};

/* package.c */
int package_build(const struct unikernel_build *build, struct package *ret, struct err *err);
/* The index, with what `earlier` (NULL: none) has for other platforms. */
int package_index(struct package *package, const struct json *earlier, struct err *err);
void package_fini(struct package *package);

/* A file without a name, for what may be large; a descriptor or negative errno. */
int package_file(struct err *err);

/* version.c: "0.17.0~5f7a9b1", or "" if the kernel does not tell. */
void kernel_version_find(const void *data, size_t len, char ret[KERNEL_VERSION_SIZE]);

/* cpio.c: a folder as an archive in the newc format, in the order of names, without times and owners.
 * Links and folders and files; -EINVAL for what else there is. */
int cpio_pack(const char *dir, int out, struct err *err);

#endif
