/* An OCI image layout: a folder with index.json and blobs/sha256/… */
#include <fcntl.h>
#include <limits.h>

#include "image/private.h"

#define CHUNK (256u << 10)

struct layout {
	struct image_place place;
	char *dir;
	char *name; /* of the image in it, or NULL */
};

char *layout_blob_path(const char *digest)
{
	return xasprintf("blobs/sha256/%s", digest + strlen("sha256:"));
}

int layout_check_path(const struct image_config *config, const char *path, char **ret_real,
		      struct err *err)
{
	auto_free char *root = realpath(config->local_root, NULL);
	auto_free char *real = realpath(path, NULL);

	if (!real)
		return err_errno(err, "open %s", path);
	if (!root || !path_is_below(real, root))
		return err_set(err, -EPERM, "%s: local images must lie below %s", path,
			       config->local_root);
	*ret_real = TAKE(real);
	return 0;
}

int layout_root(const char *index_text, const char *name, struct image_descriptor *ret,
		struct err *err)
{
	auto_(json_free) struct json *json = NULL;
	int r = json_parse(index_text, strlen(index_text), &json, err);

	return r < 0 ? err_wrap(err, "index.json") : manifest_pick_named(json, name, ret, err);
}

static int layout_manifest(struct image_place *place, const char *digest, char **ret,
			   struct err *err)
{
	struct layout *layout = container_of(place, struct layout, place);
	auto_free char *blob = layout_blob_path(digest);
	auto_free char *path = path_join(layout->dir, blob);

	return file_read(path, MANIFEST_MAX, ret, NULL, err);
}

static int layout_find(struct image_place *place, char **ret_text, char **ret_media_type,
		       struct err *err)
{
	struct layout *layout = container_of(place, struct layout, place);
	auto_free char *path = path_join(layout->dir, "index.json");
	auto_free char *index = NULL;
	struct image_descriptor root;
	int r = file_read(path, MANIFEST_MAX, &index, NULL, err);

	if (r == 0)
		r = layout_root(index, layout->name, &root, err);
	if (r == 0)
		r = layout_manifest(place, root.digest, ret_text, err);
	if (r == 0)
		*ret_media_type = xstrdup(root.media_type);
	return r;
}

static int layout_blob(struct image_place *place, const struct image_descriptor *blob,
		       const struct image_sink *sink, const struct cancel *cancel, struct err *err)
{
	struct layout *layout = container_of(place, struct layout, place);
	auto_free char *name = layout_blob_path(blob->digest);
	auto_free char *path = path_join(layout->dir, name);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	auto_free char *chunk = xmalloc(CHUNK);

	if (fd < 0)
		return err_errno(err, "open %s", path);
	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read %s", path);
		if (n == 0)
			return 0;
		int r = sink->write(sink->arg, chunk, (size_t)n, err);
		if (r < 0)
			return r;
	}
}

static void layout_close(struct image_place *place)
{
	struct layout *layout = container_of(place, struct layout, place);

	free(layout->dir);
	free(layout->name);
	free(layout);
}

int place_layout_open(const struct image_config *config, const struct image_ref *ref,
		      struct image_place **ret, struct err *err)
{
	char *dir;
	int r = layout_check_path(config, ref->repository, &dir, err);

	if (r < 0)
		return r;
	struct layout *layout = NEW(struct layout);
	layout->place = (struct image_place){
		.root = layout_find,
		.manifest = layout_manifest,
		.blob = layout_blob,
		.close = layout_close,
	};
	layout->dir = dir;
	layout->name = xstrdup(ref->tag);
	*ret = &layout->place;
	return 0;
}
