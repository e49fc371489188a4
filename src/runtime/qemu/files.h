/* Files of an image in the instance's folder. */
#ifndef HOLM_RUNTIME_QEMU_FILES_H
#define HOLM_RUNTIME_QEMU_FILES_H

#include <sys/types.h>

#include "base/base.h"

struct cancel; /* loop/loop.h */

struct qemu_files {
	char *kernel; /* paths in the image */
	char *initrd; /* or NULL */
	char *tree;   /* the folder files1 or files, or NULL */
};

/* What a folder with an unpacked image has. -ENOENT without a kernel. */
int qemu_files_find(const char *image, struct qemu_files *ret, struct err *err);
void qemu_files_fini(struct qemu_files *files);

/* The file under another name, for everyone to read: the same file where possible, else a copy. */
int qemu_file_link(const char *from, const char *to, struct err *err);

/* An archive for a guest's initrd that has nothing in it, for everyone to read. */
int qemu_empty_initrd(const char *path, struct err *err);

/* A private copy of a folder of regular files and folders, owned by `uid`. -ECANCELED. */
int qemu_tree_copy(const char *from, const char *to, uid_t uid, const struct cancel *cancel,
		   struct err *err);

#endif
