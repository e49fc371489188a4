/* Temporary folders, layouts and archives. */
#include <locale.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "kit.h"

#define CONFIG_TEXT "{\"architecture\":\"amd64\",\"os\":\"linux\"}"

int kit_setup(void **state)
{
	struct kit *kit = NEW(struct kit);
	struct err err;

	STR_COPY(kit->dir, "/tmp/holm-test-image.XXXXXX");
	assert_non_null(mkdtemp(kit->dir));
	kit->root = path_join(kit->dir, "root");
	kit->store = path_join(kit->dir, "store");
	assert_int_equal(dir_make(kit->root, 0755, &err), 0);
	assert_int_equal(dir_make(kit->store, 0755, &err), 0);
	kit->config = (struct image_config){
		.store_dir = kit->store,
		.local_root = kit->root,
		.archive_max = 1 << 20,
		.retry_first_ms = 1,
	};
	*state = kit;
	return 0;
}

int kit_teardown(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };

	if (path_remove(kit->dir, &err) < 0)
		fail_msg("%s", err.msg);
	free(kit->root);
	free(kit->config.registries_file);
	free(kit->config.credentials_file);
	image_tokens_free(kit->config.tokens);
	free(kit->store);
	free(kit);
	return 0;
}

char *kit_path(const struct kit *kit, const char *name)
{
	return path_join(kit->dir, name);
}

void kit_write(const struct kit *kit, const char *name, const void *data, size_t len)
{
	auto_free char *path = kit_path(kit, name);
	auto_free char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct err err = { 0 };

	if (dir_make(dir, 0755, &err) < 0 || file_write_atomic(path, data, len, 0644, &err) < 0)
		fail_msg("%s", err.msg);
}

void kit_image_init(struct kit_image *image)
{
	digest_of(CONFIG_TEXT, strlen(CONFIG_TEXT), image->config);
	digest_of(KIT_LAYER, strlen(KIT_LAYER), image->layer);
	image->manifest_text = xasprintf(
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":"
		"\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},"
		"\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
		"\"digest\":\"%s\",\"size\":%zu}]}",
		image->config, strlen(CONFIG_TEXT), image->layer, strlen(KIT_LAYER));
	digest_of(image->manifest_text, strlen(image->manifest_text), image->manifest);
	image->index = xasprintf(
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
		"\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%zu,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"},\"annotations\":{"
		"\"org.opencontainers.image.ref.name\":\"v1\"}}]}",
		image->manifest, strlen(image->manifest_text));
}

void kit_image_fini(struct kit_image *image)
{
	free(image->manifest_text);
	free(image->index);
}

static void write_blob(const struct kit *kit, const char *layout, const char *digest,
		       const char *text)
{
	auto_free char *name = xasprintf("%s/blobs/sha256/%s", layout, digest + 7);

	kit_write(kit, name, text, strlen(text));
}

void kit_layout(const struct kit *kit, const char *name, const struct kit_image *image)
{
	auto_free char *index = xasprintf("%s/index.json", name);

	kit_write(kit, index, image->index, strlen(image->index));
	write_blob(kit, name, image->config, CONFIG_TEXT);
	write_blob(kit, name, image->layer, KIT_LAYER);
	write_blob(kit, name, image->manifest, image->manifest_text);
}

static void write_zeros(struct archive *a, size_t n)
{
	static const char zeros[4096];

	for (; n; n -= n < sizeof(zeros) ? n : sizeof(zeros))
		archive_write_data(a, zeros, n < sizeof(zeros) ? n : sizeof(zeros));
}

static void write_entry(struct archive *a, const struct kit_entry *e)
{
	struct archive_entry *entry = archive_entry_new();
	unsigned type = e->type ? e->type : AE_IFREG;
	size_t len = e->zeros ? e->zeros : e->data ? strlen(e->data) : 0;

	archive_entry_set_pathname(entry, e->name);
	archive_entry_set_filetype(entry, type);
	archive_entry_set_perm(entry, 0600);
	if (e->link && type == AE_IFLNK)
		archive_entry_set_symlink(entry, e->link);
	else if (e->link)
		archive_entry_set_hardlink(entry, e->link);
	if (type == AE_IFREG && !e->link)
		archive_entry_set_size(entry, (la_int64_t)len);
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	if (e->zeros)
		write_zeros(a, e->zeros);
	else if (len && !e->link)
		archive_write_data(a, e->data, len);
	archive_entry_free(entry);
}

void kit_tar(const struct kit *kit, const char *name, const struct kit_entry *entries, size_t n)
{
	auto_free char *path = kit_path(kit, name);
	struct archive *a = archive_write_new();

	/* What is written in a UTF-8 locale is read in one without. */
	setlocale(LC_CTYPE, "C.UTF-8");
	archive_write_add_filter_gzip(a);
	archive_write_set_format_pax_restricted(a);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++)
		write_entry(a, &entries[i]);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	setlocale(LC_CTYPE, "C");
}

static int to_buf(void *arg, const void *data, size_t len, struct err *err)
{
	return buf_add(arg, data, len);
}

int kit_pull(const struct kit *kit, const char *ref, struct err *err)
{
	const struct image_request request = { .ref = ref, .platform = "linux/amd64" };
	struct image_source *source = NULL;
	auto_buf struct buf layer;
	auto_buf struct buf config = { 0 };
	struct image_sink sink = { .write = to_buf, .arg = &config };
	int r = image_source_open(&kit->config, &request, NULL, &source, err);

	buf_init(&layer, 1 << 20);
	buf_init(&config, 1 << 20);
	if (r == 0)
		r = source->read(source, &source->config, &sink, NULL, err);
	sink.arg = &layer;
	if (r == 0)
		r = source->read(source, &source->layers[0], &sink, NULL, err);
	if (r == 0) {
		assert_string_equal(layer.data, KIT_LAYER);
		assert_string_equal(config.data, CONFIG_TEXT);
	}
	image_source_close(source);
	return r;
}
