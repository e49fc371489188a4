/* Images of a node as people and scripts see them, and what may be asked about them. */
#ifndef HOLM_MODEL_IMAGE_VIEW_H
#define HOLM_MODEL_IMAGE_VIEW_H

#include "base/parse.h"
#include "json/json.h"
#include "model/image_source.h"

#define IMAGE_NAMES_MAX 256 /* of one request */

struct image_view {
	char *name;    /* reference, or a unikernel's URL; of what has no name, its digest */
	char kind[16]; /* container, unikernel */
	char digest[DIGEST_SIZE];
	char *platform;
	uint64_t size_bytes;            /* on disk, with what it shares with others */
	char created_at[RFC3339_MAX];   /* since when the name leads to it on this node */
	char last_used_at[RFC3339_MAX]; /* while nothing uses it: until when something did */
	bool is_earlier;                /* its name leads to a newer image by now */
	uint32_t instances;             /* that use it or want it */
	struct strv used_by;            /* their names */
};

struct images_view {
	struct image_view *images;
	size_t n_images;
};

struct image_pull_request {
	char *ref;
	char *platform;
};
struct image_pulled_view {
	char *name;
	char digest[DIGEST_SIZE];
	bool was_here; /* nothing was transferred */
};

struct image_remove_request {
	struct strv names; /* or digests, whole or the first digits of one */
};
struct image_prune_request {
	bool is_all; /* named ones too */
	uint32_t older_than_s;
};
struct image_removed {
	char *name;
	char digest[DIGEST_SIZE];
};
struct image_removed_view {
	struct image_removed *removed;
	size_t n_removed;
	uint64_t freed_bytes;
};

extern const struct field_table images_view_table, image_view_table, image_pull_request_table,
	image_pulled_view_table, image_remove_request_table, image_prune_request_table,
	image_removed_view_table;

#endif
