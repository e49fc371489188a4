#include "base/base.h"
#include "model/image_view.h"

static const struct field image_fields[] = {
	FIELD(struct image_view, name, "name", F_STR),
	FIELD(struct image_view, kind, "kind", F_CHARS),
	FIELD(struct image_view, digest, "digest", F_CHARS),
	FIELD(struct image_view, platform, "platform", F_STR),
	FIELD(struct image_view, size_bytes, "size_bytes", F_U64),
	FIELD(struct image_view, created_at, "created_at", F_CHARS),
	FIELD(struct image_view, last_used_at, "last_used_at", F_CHARS),
	FIELD(struct image_view, is_earlier, "earlier", F_BOOL),
	FIELD(struct image_view, instances, "instances", F_U32),
	FIELD(struct image_view, used_by, "used_by", F_STRV),
};
FIELD_TABLE(image_view_table, struct image_view, "image", image_fields);

static const struct field images_fields[] = {
	FIELD_ARRAY(struct images_view, images, n_images, "images", &image_view_table),
};
FIELD_TABLE(images_view_table, struct images_view, "images", images_fields);

static const struct field pull_fields[] = {
	FIELD(struct image_pull_request, ref, "ref", F_STR, .flags = F_REQUIRED, .max = 4096,
	      .help = "reference of an image, or URL of a unikernel"),
	FIELD(struct image_pull_request, platform, "platform", F_STR, .max = 128,
	      .help = "of a container image, else this machine's"),
};
FIELD_TABLE(image_pull_request_table, struct image_pull_request, "pull", pull_fields);

static const struct field pulled_fields[] = {
	FIELD(struct image_pulled_view, name, "name", F_STR),
	FIELD(struct image_pulled_view, digest, "digest", F_CHARS),
	FIELD(struct image_pulled_view, was_here, "was_here", F_BOOL),
};
FIELD_TABLE(image_pulled_view_table, struct image_pulled_view, "pulled image", pulled_fields);

static const struct field remove_fields[] = {
	FIELD(struct image_remove_request, names, "names", F_STRV, .flags = F_REQUIRED,
	      .max = IMAGE_NAMES_MAX, .help = "references, URLs or digests"),
};
FIELD_TABLE(image_remove_request_table, struct image_remove_request, "remove", remove_fields);

static const struct field prune_fields[] = {
	FIELD(struct image_prune_request, is_all, "all", F_BOOL,
	      .help = "those too that still have their name"),
	FIELD(struct image_prune_request, older_than_s, "older_than_s", F_U32, .max = UINT32_MAX,
	      .help = "only what was not used for so long"),
};
FIELD_TABLE(image_prune_request_table, struct image_prune_request, "prune", prune_fields);

static const struct field removed_item_fields[] = {
	FIELD(struct image_removed, name, "name", F_STR),
	FIELD(struct image_removed, digest, "digest", F_CHARS),
};
static FIELD_TABLE(image_removed_table, struct image_removed, "removed image", removed_item_fields);

static const struct field removed_fields[] = {
	FIELD_ARRAY(struct image_removed_view, removed, n_removed, "removed", &image_removed_table),
	FIELD(struct image_removed_view, freed_bytes, "freed_bytes", F_U64),
};
FIELD_TABLE(image_removed_view_table, struct image_removed_view, "removed images", removed_fields);
