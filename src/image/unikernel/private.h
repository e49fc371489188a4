/* What the forms of unikernels' images share: a folder becomes whole beside the store, and is moved to
 * its digest's name in one rename. */
#ifndef HOLM_IMAGE_UNIKERNEL_PRIVATE_H
#define HOLM_IMAGE_UNIKERNEL_PRIVATE_H

#include "image/private.h"

/* A temporary file and a folder beside it. The file is locked while it is in use: what a crash leaves
 * has no lock, and the next one removes it. */
struct stage {
	int fd;     /* -1: not open */
	char *file; /* by its real path, as the folder: the library takes a link on the way for an
	             * attack */
	char *dir;
};
int stage_open(const struct image_config *config, struct stage *ret, struct err *err);
/* Somebody else may have put the same there meanwhile: theirs is as good. */
int stage_keep(const struct stage *stage, const char *dir, struct err *err);
/* Removes what was not kept; fine for one that was never opened (zeroed, with fd -1). */
void stage_close(struct stage *stage);

/* STORE/<hex>; the caller's. */
char *unikernel_dir(const struct image_config *config, const char *digest);

#endif
