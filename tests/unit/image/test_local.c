/* Images in layouts and archives on this machine. */
#include <fcntl.h>
#include <sys/stat.h>

#include "kit.h"

static char *ref_of(const struct kit *kit, const char *form, const char *name)
{
	return xasprintf("%s:%s/%s", form, kit->dir, name);
}

static void assert_pulls(const struct kit *kit, const char *form, const char *name)
{
	auto_free char *ref = ref_of(kit, form, name);
	struct err err = { 0 };

	if (kit_pull(kit, ref, &err) < 0)
		fail_msg("%s", err.msg);
}

static void assert_fails(const struct kit *kit, const char *form, const char *name, int code)
{
	auto_free char *ref = ref_of(kit, form, name);
	struct err err = { 0 };
	int r = kit_pull(kit, ref, &err);

	if (r != code || err.code != code)
		fail_msg("%s: %d, expected %d (%s)", ref, r, code, err.msg);
}

static void a_layout(void **state)
{
	struct kit *kit = *state;
	struct kit_image image;

	kit_image_init(&image);
	kit_layout(kit, "root/web", &image);
	assert_pulls(kit, "oci", "root/web");
	assert_pulls(kit, "oci", "root/web:v1");
	assert_fails(kit, "oci", "root/web:v2", -ENOENT);
	assert_fails(kit, "oci", "root/none", -ENOENT);
	kit_image_fini(&image);
}

static void the_source_describes_the_image(void **state)
{
	struct kit *kit = *state;
	struct kit_image image;
	struct image_source *source = NULL;
	struct err err = { 0 };

	kit_image_init(&image);
	kit_layout(kit, "root/web", &image);
	auto_free char *ref = ref_of(kit, "oci", "root/web:v1");
	const struct image_request request = { .ref = ref, .platform = "linux/amd64" };
	assert_int_equal(image_source_open(&kit->config, &request, NULL, &source, &err), 0);
	assert_string_equal(source->name, ref);
	assert_string_equal(source->manifest.digest, image.manifest);
	assert_string_equal(source->manifest_text, image.manifest_text);
	assert_int_equal(source->manifest.size, strlen(image.manifest_text));
	assert_string_equal(source->manifest.media_type,
			    "application/vnd.oci.image.manifest.v1+json");
	assert_int_equal(source->n_layers, 1);
	image_source_close(source);
	kit_image_fini(&image);
}

static void tar(const struct kit *kit, const struct kit_image *image, const char *missing)
{
	auto_free char *manifest = xasprintf("blobs/sha256/%s", image->manifest + 7);
	auto_free char *config = xasprintf("blobs/sha256/%s", image->config + 7);
	auto_free char *layer = xasprintf("./blobs/sha256/%s", image->layer + 7);
	const struct kit_entry all[] = {
		{ .name = manifest, .data = image->manifest_text },
		{ .name = config, .data = "{\"architecture\":\"amd64\",\"os\":\"linux\"}" },
		{ .name = layer, .data = KIT_LAYER },
		{ .name = "index.json", .data = image->index },
	};
	struct kit_entry kept[ARRAY_LEN(all)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!missing || !strstr(all[i].name, missing))
			kept[n++] = all[i];
	kit_tar(kit, "root/web.tar", kept, n);
}

static void an_archive(void **state)
{
	struct kit *kit = *state;
	struct kit_image image;

	kit_image_init(&image);
	tar(kit, &image, NULL);
	assert_pulls(kit, "oci-archive", "root/web.tar");
	assert_pulls(kit, "oci-archive", "root/web.tar:v1");
	assert_fails(kit, "oci-archive", "root/web.tar:v2", -ENOENT);
	tar(kit, &image, "index.json");
	assert_fails(kit, "oci-archive", "root/web.tar", -ENOENT);
	tar(kit, &image, image.manifest + 7);
	assert_fails(kit, "oci-archive", "root/web.tar", -ENOENT);
	tar(kit, &image, image.layer + 7);
	assert_fails(kit, "oci-archive", "root/web.tar", -ENOENT);
	kit_image_fini(&image);
}

static void what_is_no_archive(void **state)
{
	struct kit *kit = *state;
	auto_free char *fifo = kit_path(kit, "root/fifo");

	kit_write(kit, "root/text", "no archive at all, however long it is", 37);
	assert_fails(kit, "oci-archive", "root/text", -EBADMSG);
	kit_write(kit, "root/empty", "", 0);
	assert_fails(kit, "oci-archive", "root/empty", -EBADMSG);
	assert_fails(kit, "oci-archive", "root", -EPERM);
	kit_write(kit, "root/folder/x", "", 0);
	assert_fails(kit, "oci-archive", "root/folder", -EBADMSG);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_fails(kit, "oci-archive", "root/fifo", -EBADMSG);
}

static void only_below_the_root(void **state)
{
	struct kit *kit = *state;
	struct kit_image image;
	auto_free char *link = kit_path(kit, "root/link");

	kit_image_init(&image);
	kit_layout(kit, "outside", &image);
	kit_layout(kit, "rooted", &image); /* has the root's name as a prefix */
	assert_fails(kit, "oci", "outside", -EPERM);
	assert_fails(kit, "oci", "rooted", -EPERM);
	assert_int_equal(symlink("../outside", link), 0);
	assert_fails(kit, "oci", "root/link", -EPERM);
	kit->config.local_root = NULL;
	assert_fails(kit, "oci", "outside", -EPERM);
	kit_image_fini(&image);
}

static void replace_by_link(const struct kit *kit, const char *name, const char *target)
{
	auto_free char *path = kit_path(kit, name);

	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static void no_file_of_a_layout_leads_out(void **state)
{
	struct kit *kit = *state;
	struct kit_image image;
	auto_free char *index = kit_path(kit, "outside/index.json");

	kit_image_init(&image);
	kit_layout(kit, "outside", &image);
	kit_layout(kit, "root/web", &image);
	auto_free char *blob = xasprintf("root/web/blobs/sha256/%s", image.layer + 7);
	auto_free char *elsewhere = xasprintf("%s/outside/blobs/sha256/%s", kit->dir,
					      image.layer + 7);
	replace_by_link(kit, blob, elsewhere);
	assert_fails(kit, "oci", "root/web", -EPERM);
	replace_by_link(kit, "root/web/index.json", index);
	assert_fails(kit, "oci", "root/web", -EPERM);
	kit_image_fini(&image);
}

static void files_that_would_block(void **state)
{
	struct kit *kit = *state;
	struct kit_image image;
	auto_free char *index = kit_path(kit, "root/web/index.json");

	kit_image_init(&image);
	kit_layout(kit, "root/web", &image);
	assert_int_equal(unlink(index), 0);
	assert_int_equal(mkfifo(index, 0600), 0);
	assert_fails(kit, "oci", "root/web", -EINVAL);
	kit_image_fini(&image);
}

static void damaged_blobs(void **state)
{
	struct kit *kit = *state;
	struct kit_image image;

	kit_image_init(&image);
	kit_layout(kit, "root/web", &image);
	auto_free char *layer = xasprintf("root/web/blobs/sha256/%s", image.layer + 7);
	auto_free char *manifest = xasprintf("root/web/blobs/sha256/%s", image.manifest + 7);
	kit_write(kit, layer, "the bytes of a LAYER", strlen(KIT_LAYER));
	assert_fails(kit, "oci", "root/web", -EBADMSG);
	kit_write(kit, layer, KIT_LAYER, strlen(KIT_LAYER) - 1);
	assert_fails(kit, "oci", "root/web", -EBADMSG);
	kit_write(kit, layer, KIT_LAYER "!", strlen(KIT_LAYER) + 1);
	assert_fails(kit, "oci", "root/web", -EBADMSG);
	kit_write(kit, layer, KIT_LAYER, strlen(KIT_LAYER));
	assert_pulls(kit, "oci", "root/web");
	kit_write(kit, manifest, "{}", 2);
	assert_fails(kit, "oci", "root/web", -EBADMSG);
	kit_write(kit, "root/web/index.json", "{\"manifests\":[", 14);
	assert_fails(kit, "oci", "root/web", -EBADMSG);
	kit_image_fini(&image);
}

static void indexes_within_indexes_end(void **state)
{
	struct kit *kit = *state;
	struct kit_image image;

	kit_image_init(&image);
	for (int depth = 1; depth <= 5; depth++) {
		auto_free char *inner = image.index;
		char digest[DIGEST_TEXT_MAX];

		digest_of(inner, strlen(inner), digest);
		image.index = xasprintf("{\"manifests\":[{\"digest\":\"%s\",\"size\":%zu,"
					"\"mediaType\":"
					"\"application/vnd.oci.image.index.v1+json\"}]}",
					digest, strlen(inner));
		auto_free char *name = xasprintf("root/web/blobs/sha256/%s", digest + 7);
		kit_write(kit, name, inner, strlen(inner));
		kit_layout(kit, "root/web", &image);
		if (depth <= 2)
			assert_pulls(kit, "oci", "root/web");
		else
			assert_fails(kit, "oci", "root/web", -EBADMSG);
	}
	kit_image_fini(&image);
}

static void another_platform(void **state)
{
	struct kit *kit = *state;
	struct kit_image image;
	struct image_source *source = NULL;
	struct err err = { 0 };

	kit_image_init(&image);
	kit_layout(kit, "root/single", &image);
	auto_free char *single = ref_of(kit, "oci", "root/single");
	const struct image_request arm = { .ref = single, .platform = "linux/arm64" };
	assert_int_equal(image_source_open(&kit->config, &arm, NULL, &source, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "no image for linux/arm64 (there is linux/amd64)"));
	assert_null(source);
	auto_free char *inner = image.index;
	char digest[DIGEST_TEXT_MAX];
	digest_of(inner, strlen(inner), digest);
	image.index = xasprintf("{\"manifests\":[{\"digest\":\"%s\",\"size\":%zu,\"mediaType\":"
				"\"application/vnd.oci.image.index.v1+json\"}]}",
				digest, strlen(inner));
	auto_free char *name = xasprintf("root/web/blobs/sha256/%s", digest + 7);
	kit_write(kit, name, inner, strlen(inner));
	kit_layout(kit, "root/web", &image);
	auto_free char *ref = ref_of(kit, "oci", "root/web");
	const struct image_request request = { .ref = ref, .platform = "linux/riscv64" };
	assert_int_equal(image_source_open(&kit->config, &request, NULL, &source, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "no image for linux/riscv64 (there is linux/amd64)"));
	kit_image_fini(&image);
}

static int refuse(void *arg, const void *data, size_t len, struct err *err)
{
	return err_set(err, -ENOSPC, "the disk is full");
}

static void the_sink_and_the_caller_can_end_a_read(void **state)
{
	struct kit *kit = *state;
	struct kit_image image;
	struct image_source *source = NULL;
	const struct image_sink sink = { .write = refuse };
	struct cancel cancel = { 0 };
	struct err err = { 0 };

	kit_image_init(&image);
	kit_layout(kit, "root/web", &image);
	auto_free char *ref = ref_of(kit, "oci", "root/web");
	const struct image_request request = { .ref = ref, .platform = "linux/amd64" };
	assert_int_equal(image_source_open(&kit->config, &request, NULL, &source, &err), 0);
	assert_int_equal(source->read(source, &source->layers[0], &sink, &cancel, &err), -ENOSPC);
	cancel_set(&cancel);
	assert_int_equal(source->read(source, &source->layers[0], &sink, &cancel, &err),
			 -ECANCELED);
	image_source_close(source);
	image_source_close(NULL);
	kit_image_fini(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(a_layout),
		KIT_TEST(the_source_describes_the_image),
		KIT_TEST(an_archive),
		KIT_TEST(what_is_no_archive),
		KIT_TEST(only_below_the_root),
		KIT_TEST(no_file_of_a_layout_leads_out),
		KIT_TEST(files_that_would_block),
		KIT_TEST(damaged_blobs),
		KIT_TEST(indexes_within_indexes_end),
		KIT_TEST(another_platform),
		KIT_TEST(the_sink_and_the_caller_can_end_a_read),
	};

	return cmocka_run_group_tests_name("image/local", tests, NULL, NULL);
}
