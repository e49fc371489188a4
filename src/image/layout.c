/* An OCI image layout: a folder with index.json and blobs/sha256/… */
#include <fcntl.h>
#include <sys/stat.h>

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
	auto_free char *root = config->local_root ? realpath(config->local_root, NULL) : NULL;
	auto_free char *real = realpath(path, NULL);

	if (!real)
		return err_errno(err, "open %s", path);
	if (!root || !path_is_below(real, root))
		return err_set(err, -EPERM, "open %s: local images must lie below %s", path,
			       config->local_root ? config->local_root : "a folder set for them");
	*ret_real = TAKE(real);
	return 0;
}

int layout_open_file(const char *root, const char *path, struct err *err)
{
	auto_free char *real = realpath(path, NULL);
	struct stat st;

	if (!real)
		return err_errno(err, "open %s", path);
	if (!path_is_below(real, root))
		return err_set(err, -EPERM, "open %s: it leads out of %s", path, root);
	auto_close int fd = open(real, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "open %s: no regular file", path);
	return TAKE_FD(fd);
}

int layout_root(const char *index_text, const char *name, struct image_descriptor *ret,
		struct err *err)
{
	auto_(json_free) struct json *json = NULL;
	int r = json_parse(index_text, strlen(index_text), &json, err);

	if (r == 0)
		return manifest_pick_named(json, name, ret, err);
	err->code = -EBADMSG;
	return err_wrap(err, "index.json");
}

static int read_text(struct layout *layout, const char *name, char **ret, struct err *err)
{
	auto_free char *path = path_join(layout->dir, name);
	auto_close int fd = layout_open_file(layout->dir, path, err);
	char here[32];

	if (fd < 0)
		return fd;
	snprintf(here, sizeof(here), "/proc/self/fd/%d", fd);
	return file_read(here, MANIFEST_MAX, ret, NULL, err) < 0 ? err_wrap(err, "%s", path) : 0;
}

static int layout_manifest(struct image_place *place, const char *digest, char **ret,
			   struct err *err)
{
	struct layout *layout = container_of(place, struct layout, place);
	auto_free char *blob = layout_blob_path(digest);

	return read_text(layout, blob, ret, err);
}

static int layout_find(struct image_place *place, struct image_text *ret, struct err *err)
{
	struct layout *layout = container_of(place, struct layout, place);
	auto_free char *index = NULL;
	struct image_descriptor root;
	int r = read_text(layout, "index.json", &index, err);

	if (r == 0)
		r = layout_root(index, layout->name, &root, err);
	if (r == 0)
		r = layout_manifest(place, root.digest, &ret->text, err);
	if (r < 0)
		return r;
	ret->media_type = xstrdup(root.media_type);
	STR_COPY(ret->digest, root.digest);
	return 0;
}

static int layout_blob(struct image_place *place, const struct image_descriptor *blob,
		       const struct image_sink *sink, const struct cancel *cancel, struct err *err)
{
	struct layout *layout = container_of(place, struct layout, place);
	auto_free char *name = layout_blob_path(blob->digest);
	auto_free char *path = path_join(layout->dir, name);
	auto_close int fd = layout_open_file(layout->dir, path, err);
	auto_free char *chunk = xmalloc(CHUNK);

	if (fd < 0)
		return fd;
	if (lseek(fd, (off_t)sink->have, SEEK_SET) < 0)
		return err_errno(err, "read %s", path);
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
