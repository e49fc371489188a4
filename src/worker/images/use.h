/* Private: who uses or wishes an image. On the loop alone. */
#ifndef HOLM_WORKER_IMAGES_USE_H
#define HOLM_WORKER_IMAGES_USE_H

#include "worker/images/inventory.h"

/* Every image that an instance of this node names, once. */
struct image_uses {
	struct image_use {
		const struct winst *inst;
		char *name;
		const char *digest; /* that it runs or was had for it, or "" */
	} * items;
	size_t n;
};
void image_uses_init(struct image_uses *uses, const struct worker *worker);
void image_uses_fini(struct image_uses *uses);

/* Instances that keep this image: their number, and the first of them (if not NULL). */
size_t image_uses_count(const struct image_uses *uses, const struct image_row *row,
			const struct winst **ret_first);
/* Adds their names. */
void image_uses_names(const struct image_uses *uses, const struct image_row *row, struct strv *ret);
/* "shop.prod.web.test.instance.0", the caller's. */
char *image_user_name(const struct winst *inst);

#endif
