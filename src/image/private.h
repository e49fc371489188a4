/* What the places that images come from have in common: each gives text and blobs by digest,
 * unverified; source.c checks and chooses. */
#ifndef HOLM_IMAGE_PRIVATE_H
#define HOLM_IMAGE_PRIVATE_H

#include "image/image.h"
#include "json/json.h"

#define MANIFEST_MAX (4u << 20)
#define LAYERS_MAX   256

struct image_place {
	/* The index or manifest that the reference names, and its media type ("" if unknown). */
	int (*root)(struct image_place *place, char **ret_text, char **ret_media_type,
		    struct err *err);
	/* A manifest by digest, at most MANIFEST_MAX bytes. */
	int (*manifest)(struct image_place *place, const char *digest, char **ret, struct err *err);
	int (*blob)(struct image_place *place, const struct image_descriptor *blob,
		    const struct image_sink *sink, const struct cancel *cancel, struct err *err);
	void (*close)(struct image_place *place);
};

int place_layout_open(const struct image_config *config, const struct image_ref *ref,
		      struct image_place **ret, struct err *err);
int place_archive_open(const struct image_config *config, const struct image_ref *ref,
		       struct image_place **ret, struct err *err);
int place_registry_open(const struct image_config *config, const struct image_ref *ref,
			const struct cancel *cancel, struct image_place **ret, struct err *err);

/* manifest.c: pure */
struct image_manifest {
	struct image_descriptor config;
	struct image_descriptor *layers;
	size_t n_layers;
};
void image_manifest_fini(struct image_manifest *manifest);
bool manifest_is_index(const char *media_type, const struct json *json);
/* The entry for the platform: -ENOTSUP names what there is. */
int manifest_pick(const struct json *index, const char *platform, struct image_descriptor *ret,
		  struct err *err);
/* The entry of a layout's index.json whose ref.name annotation is `name`; NULL: the only one. */
int manifest_pick_named(const struct json *index, const char *name, struct image_descriptor *ret,
			struct err *err);
int manifest_parse(const struct json *json, struct image_manifest *ret, struct err *err);

/* layout.c: shared by folder and archive */
int layout_root(const char *index_text, const char *name, struct image_descriptor *ret,
		struct err *err);
/* "blobs/sha256/…"; the caller's. */
char *layout_blob_path(const char *digest);
/* The path's real place must be below the root. */
int layout_check_path(const struct image_config *config, const char *path, char **ret_real,
		      struct err *err);

#endif
