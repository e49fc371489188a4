/* An OCI archive: a layout in a tar file. A blob is found by reading the archive from its start: an
 * archive is read once per image, and only its blobs' order could make that cheaper. */
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "image/private.h"

#define BLOCK (256u << 10)

struct oci_archive {
	struct image_place place;
	char *path;
	char *name; /* of the image in it, or NULL */
};

static int archive_failed(struct archive *a, const char *path, struct err *err)
{
	const char *cause = archive_error_string(a);

	return err_set(err, -EBADMSG, "read %s: %s", path, cause ? cause : "damaged");
}

void archive_support(struct archive *a)
{
	archive_read_support_format_tar(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
}

static int copy_entry(struct archive *a, const char *path, const struct image_sink *sink,
		      struct err *err)
{
	const void *data;
	size_t len;
	la_int64_t offset;
	uint64_t skip = sink->have;

	for (;;) {
		int r = archive_read_data_block(a, &data, &len, &offset);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return archive_failed(a, path, err);
		size_t skipped = skip < len ? (size_t)skip : len;
		skip -= skipped;
		if (skipped == len)
			continue;
		r = sink->write(sink->arg, (const char *)data + skipped, len - skipped, err);
		if (r < 0)
			return r;
	}
}

static const char *entry_name(struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);

	if (name && str_starts(name, "./"))
		name += 2;
	return name ? name : "";
}

/* Streams the entry of that name; -ENOENT if there is none. */
static int read_entry(struct archive *a, const char *path, const char *name,
		      const struct image_sink *sink, struct err *err)
{
	struct archive_entry *entry;

	archive_support(a);
	if (archive_read_open_filename(a, path, BLOCK) != ARCHIVE_OK)
		return archive_failed(a, path, err);
	for (;;) {
		int r = archive_read_next_header(a, &entry);

		if (r == ARCHIVE_EOF)
			return err_set(err, -ENOENT, "%s has no %s", path, name);
		if (r < ARCHIVE_WARN)
			return archive_failed(a, path, err);
		if (str_eq(entry_name(entry), name))
			return copy_entry(a, path, sink, err);
	}
}

static int stream(struct image_place *place, const char *name, const struct image_sink *sink,
		  struct err *err)
{
	struct oci_archive *oci = container_of(place, struct oci_archive, place);
	struct archive *a = archive_read_new();
	int r = read_entry(a, oci->path, name, sink, err);

	archive_read_free(a);
	return r;
}

static int to_buf(void *arg, const void *data, size_t len, struct err *err)
{
	if (buf_add(arg, data, len) < 0)
		return err_set(err, -E2BIG, "larger than %u bytes", MANIFEST_MAX);
	return 0;
}

static int read_text(struct image_place *place, const char *name, char **ret, struct err *err)
{
	auto_buf struct buf text = { 0 };
	struct image_sink sink = { .write = to_buf, .arg = &text };

	buf_init(&text, MANIFEST_MAX);
	int r = stream(place, name, &sink, err);
	if (r < 0)
		return err_wrap(err, "%s", name);
	*ret = buf_take(&text);
	return 0;
}

static int archive_manifest(struct image_place *place, const char *digest, char **ret,
			    struct err *err)
{
	auto_free char *name = layout_blob_path(digest);

	return read_text(place, name, ret, err);
}

static int archive_find(struct image_place *place, struct image_text *ret, struct err *err)
{
	struct oci_archive *oci = container_of(place, struct oci_archive, place);
	auto_free char *index = NULL;
	struct image_descriptor root;
	int r = read_text(place, "index.json", &index, err);

	if (r == 0)
		r = layout_root(index, oci->name, &root, err);
	if (r == 0)
		r = archive_manifest(place, root.digest, &ret->text, err);
	if (r < 0)
		return r;
	ret->media_type = xstrdup(root.media_type);
	STR_COPY(ret->digest, root.digest);
	return 0;
}

static int archive_blob(struct image_place *place, const struct image_descriptor *blob,
			const struct image_sink *sink, const struct cancel *cancel, struct err *err)
{
	auto_free char *name = layout_blob_path(blob->digest);

	return stream(place, name, sink, err);
}

static void archive_close(struct image_place *place)
{
	struct oci_archive *oci = container_of(place, struct oci_archive, place);

	free(oci->path);
	free(oci->name);
	free(oci);
}

int place_archive_open(const struct image_config *config, const struct image_ref *ref,
		       struct image_place **ret, struct err *err)
{
	char *path;
	struct stat st;
	int r = layout_check_path(config, ref->repository, &path, err);

	if (r < 0)
		return r;
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		free(path);
		return err_set(err, -EBADMSG, "open %s: no regular file", ref->repository);
	}
	struct oci_archive *oci = NEW(struct oci_archive);
	oci->place = (struct image_place){
		.root = archive_find,
		.manifest = archive_manifest,
		.blob = archive_blob,
		.close = archive_close,
	};
	oci->path = path;
	oci->name = xstrdup(ref->tag);
	*ret = &oci->place;
	return 0;
}
