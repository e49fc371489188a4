/* Unikernels as OCI artifacts, and telling them from containers. */
#include <dirent.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "kit.h"
#include "site.h"

#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE    "application/vnd.oci.image.layer.v1.tar"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE    "application/vnd.oci.image.index.v1+json"
#define KERNEL_AT     "unikraft/bin/kernel"
#define INITRD_AT     "unikraft/bin/initrd"

/* Blobs of a layout below the kit's folder; a descriptor as text, the caller's. */
static char *add_blob(const struct kit *kit, const char *type, const void *data, size_t len)
{
	char digest[DIGEST_TEXT_MAX];

	digest_of(data, len, digest);
	auto_free char *name = xasprintf("root/uk/blobs/sha256/%s", digest + 7);
	kit_write(kit, name, data, len);
	return xasprintf("\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu", type, digest, len);
}

static char *add_layer(const struct kit *kit, const struct kit_entry *entries, size_t n)
{
	auto_free char *path = kit_path(kit, "layer.tar");
	auto_free char *data = NULL;
	struct err err = { 0 };
	size_t len;

	kit_tar(kit, "layer.tar", entries, n);
	if (file_read(path, 1 << 20, &data, &len, &err) < 0)
		fail_msg("%s", err.msg);
	return add_blob(kit, LAYER_TYPE, data, len);
}

static char *add_file(const struct kit *kit, const char *name, const char *data)
{
	const struct kit_entry entry = { .name = name, .data = data };

	return add_layer(kit, &entry, 1);
}

struct parts {
	const char *os, *arch;
	const char *config;      /* members of "config" */
	const char *annotations; /* members, or NULL */
	char *layers[3];         /* descriptors, freed */
};

/* A manifest; its descriptor, with the platform. */
static char *add_manifest(const struct kit *kit, struct parts p)
{
	auto_free char *config = xasprintf("{\"os\":\"%s\",\"architecture\":\"%s\",\"config\":{%s},"
					   "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
					   p.os, p.arch, p.config ? p.config : "");
	auto_free char *its = add_blob(kit, CONFIG_TYPE, config, strlen(config));
	auto_strv struct strv layers = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(p.layers) && p.layers[i]; i++) {
		strv_addf(&layers, "{%s}", p.layers[i]);
		free(p.layers[i]);
	}
	auto_free char *list = strv_join(&layers, ",");
	auto_free char *text =
		xasprintf("{\"schemaVersion\":2,\"config\":{%s},\"layers\":[%s]%s%s%s}", its,
			  list ? list : "", p.annotations ? ",\"annotations\":{" : "",
			  p.annotations ? p.annotations : "", p.annotations ? "}" : "");
	auto_free char *manifest = add_blob(kit, MANIFEST_TYPE, text, strlen(text));
	return xasprintf("{%s,\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"}}", manifest,
			 p.os, p.arch);
}

/* The layout's own index names an index of these. */
static char *finish(const struct kit *kit, char *a, char *b)
{
	auto_free char *text = xasprintf("{\"schemaVersion\":2,\"manifests\":[%s%s%s]}", a,
					 b ? "," : "", b ? b : "");
	auto_free char *index = add_blob(kit, INDEX_TYPE, text, strlen(text));
	auto_free char *top = xasprintf("{\"schemaVersion\":2,\"manifests\":[{%s}]}", index);

	kit_write(kit, "root/uk/index.json", top, strlen(top));
	free(a);
	free(b);
	return xasprintf("oci:%s/root/uk", kit->dir);
}

static char *add_unikernel(const struct kit *kit, const char *os, const char *arch,
			   const char *kernel)
{
	return add_manifest(kit, (struct parts){ .os = os,
						 .arch = arch,
						 .config = "\"Cmd\":[\"-p\",\"80\"]",
						 .layers = { add_file(kit, KERNEL_AT, kernel) } });
}

static char *add_container(const struct kit *kit)
{
	return add_manifest(kit, (struct parts){ .os = "linux",
						 .arch = "amd64",
						 .layers = { add_file(kit, "bin/sh", "#!") } });
}

static int get(const struct kit *kit, const char *ref, const char *platform,
	       struct unikernel_image *ret, struct err *err)
{
	const struct image_transfer transfer = { 0 };
	const struct image_request request = { .ref = ref, .platform = platform };

	return image_unikernel_get_artifact(&kit->config, &request, &transfer, ret, err);
}

static int open_container(const struct kit *kit, const char *ref, struct err *err)
{
	const struct image_request request = { .ref = ref, .platform = "linux/amd64" };
	struct image_source *source = NULL;
	int r = image_source_open(&kit->config, &request, NULL, &source, err);

	image_source_close(source);
	return r;
}

static void assert_file(const char *dir, const char *name, const char *content)
{
	auto_free char *path = path_join(dir, name);
	auto_free char *text = NULL;
	struct err err = { 0 };

	if (file_read(path, 1 << 20, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	if (!strstr(text, content))
		fail_msg("%s: %s", name, text);
}

static bool has_file(const char *dir, const char *name)
{
	auto_free char *path = path_join(dir, name);

	return path_exists(path);
}

static unsigned count_stored(const struct kit *kit)
{
	DIR *d = opendir(kit->store);
	unsigned n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += !str_eq(e->d_name, ".") && !str_eq(e->d_name, "..");
	closedir(d);
	return n;
}

static void assert_refused(const struct kit *kit, const char *ref, int code, const char *words)
{
	struct unikernel_image image = { 0 };
	struct err err = { 0 };
	int r = get(kit, ref, "qemu/amd64", &image, &err);

	if (r != code || err.code != code || !strstr(err.msg, words))
		fail_msg("%d, expected %d and \"%s\": %s", r, code, words, err.msg);
	assert_null(image.dir);
	assert_int_equal(count_stored(kit), 0);
}

static void an_artifact(void **state)
{
	struct kit *kit = *state;
	struct unikernel_image image = { 0 }, again = { 0 };
	struct err err = { 0 };
	auto_free char *dir = NULL;
	auto_free char *ref = finish(
		kit,
		add_manifest(kit,
			     (struct parts){ .os = "qemu",
					     .arch = "x86_64",
					     .config = "\"Cmd\":[\"-p\",\"80\"],\"Env\":[\"A=1\"]",
					     .layers = { add_file(kit, KERNEL_AT,
								  "\x7f"
								  "ELF"),
							 add_file(kit, INITRD_AT, "070701"),
							 add_file(kit, "unikraft/bin/kernel.dbg",
								  "debug") } }),
		NULL);

	if (get(kit, ref, "qemu/amd64", &image, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(image.platform, "qemu/amd64");
	assert_file(image.dir, "kernel",
		    "\x7f"
		    "ELF");
	assert_file(image.dir, "initramfs.cpio", "070701");
	assert_file(image.dir, "artifact.json", "\"Env\":[\"A=1\"]");
	assert_false(has_file(image.dir, "layers"));
	assert_non_null(strstr(image.dir, image.digest + 7));
	assert_true(image_unikernel_find(&kit->config, image.digest, &dir));
	assert_string_equal(dir, image.dir);
	assert_int_equal(get(kit, ref, "linux/amd64", &again, &err), 0);
	assert_string_equal(again.dir, image.dir);
	assert_int_equal(count_stored(kit), 1);
	unikernel_image_fini(&image);
	unikernel_image_fini(&again);
}

static void by_architecture(void **state)
{
	struct kit *kit = *state;
	struct unikernel_image image = { 0 };
	struct err err = { 0 };
	auto_free char *ref = finish(kit, add_unikernel(kit, "qemu", "x86_64", "for amd64"),
				     add_unikernel(kit, "kvm", "arm64", "for arm64"));

	assert_int_equal(get(kit, ref, "qemu/arm64", &image, &err), 0);
	assert_file(image.dir, "kernel", "for arm64");
	unikernel_image_fini(&image);
	assert_int_equal(get(kit, ref, "qemu/x86_64", &image, &err), 0);
	assert_file(image.dir, "kernel", "for amd64");
	assert_string_equal(image.platform, "qemu/amd64");
	unikernel_image_fini(&image);
	assert_int_equal(get(kit, ref, "qemu/riscv64", &image, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "there is qemu/amd64, qemu/arm64)"));
	assert_null(strstr(err.msg, "virtualization"));
}

/* An index that has both serves both. */
static void both_kinds(void **state)
{
	struct kit *kit = *state;
	struct unikernel_image image = { 0 };
	struct err err = { 0 };
	auto_free char *ref = finish(kit, add_container(kit),
				     add_unikernel(kit, "qemu", "x86_64", "kernel"));

	if (open_container(kit, ref, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(get(kit, ref, "qemu/amd64", &image, &err), 0);
	unikernel_image_fini(&image);
}

static void wrong_kinds(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };
	auto_free char *unikernel = finish(kit, add_unikernel(kit, "qemu", "x86_64", "k"), NULL);

	assert_int_equal(open_container(kit, unikernel, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "it is a unikernel, no container image"));
	assert_non_null(strstr(err.msg, "`virtualization: unikernel`"));
	auto_free char *container = finish(kit, add_container(kit), NULL);
	assert_refused(kit, container, -ENOTSUP, "`virtualization: container`");
	auto_free char *firecracker = finish(kit, add_unikernel(kit, "fc", "x86_64", "k"),
					     add_unikernel(kit, "xen", "x86_64", "k"));
	assert_refused(kit, firecracker, -ENOTSUP,
		       "there is fc/amd64, xen/amd64): it is a "
		       "unikernel for another");
}

/* Whatever platform its index or configuration tell. */
static void disguised(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };
	auto_free char *ref = finish(
		kit,
		add_manifest(kit,
			     (struct parts){ .os = "linux",
					     .arch = "amd64",
					     .annotations = "\"sh.kraftkit.version\":\"v0.9.4\"",
					     .layers = { add_file(kit, KERNEL_AT, "k") } }),
		NULL);

	assert_int_equal(open_container(kit, ref, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "packed by kraftkit v0.9.4: it is a unikernel"));
}

/* The entry of an index that says nothing: the configuration does. */
static void no_platform_in_the_index(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };
	auto_free char *entry = add_unikernel(kit, "qemu", "x86_64", "k");

	*strstr(entry, ",\"platform\"") = '\0';
	auto_free char *ref = finish(kit, xasprintf("%s}", entry), NULL);
	assert_int_equal(open_container(kit, ref, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "it is a unikernel"));
}

/* Small each, and together more than an image may have. */
static void layers_that_are_too_much_together(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry first = { .name = KERNEL_AT, .zeros = 700 << 10 };
	const struct kit_entry second = { .name = "usr/more", .zeros = 700 << 10 };
	char *one = add_layer(kit, &first, 1);
	char *two = add_layer(kit, &second, 1);
	auto_free char *ref = finish(kit,
				     add_manifest(kit, (struct parts){ .os = "qemu",
								       .arch = "x86_64",
								       .layers = { one, two } }),
				     NULL);

	assert_refused(kit, ref, -E2BIG, "more than 1048576 bytes");
}

static void bad_artifacts(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry link = { .name = KERNEL_AT,
					.type = AE_IFLNK,
					.link = "/etc/passwd" };
	const struct kit_entry out = { .name = "../kernel", .data = "k" };
	const struct kit_entry big = { .name = KERNEL_AT, .zeros = 2 << 20 };
	const struct {
		char *layer;
		int code;
		const char *words;
	} cases[] = {
		{ add_file(kit, "kernel", "k"), -EBADMSG, "none of its 1 layers holds " KERNEL_AT },
		{ add_layer(kit, &link, 1), -EBADMSG, "neither a file nor a folder" },
		{ add_layer(kit, &out, 1), -EBADMSG, "leads out" },
		{ add_layer(kit, &big, 1), -E2BIG, "more than 1048576 bytes" },
		{ add_blob(kit, LAYER_TYPE, "no tar", 6), -EBADMSG, "unpack" },
		{ xstrdup("\"mediaType\":\"x\",\"size\":2000000,\"digest\":\"sha256:"
			  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""),
		  -E2BIG, "larger than 1048576 bytes" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *ref =
			finish(kit,
			       add_manifest(kit, (struct parts){ .os = "qemu",
								 .arch = "x86_64",
								 .layers = { cases[i].layer } }),
			       NULL);
		assert_refused(kit, ref, cases[i].code, cases[i].words);
	}
}

/* One byte of the kernel's layer is another one. */
static void damaged(void **state)
{
	struct kit *kit = *state;
	auto_free char *ref = finish(kit, add_unikernel(kit, "qemu", "x86_64", "kernel"), NULL);
	auto_free char *path = kit_path(kit, "layer.tar");
	auto_free char *data = NULL;
	char digest[DIGEST_TEXT_MAX];
	struct err err;
	size_t len;

	assert_int_equal(file_read(path, 1 << 20, &data, &len, &err), 0);
	digest_of(data, len, digest);
	auto_free char *blob = xasprintf("root/uk/blobs/sha256/%s", digest + 7);
	data[len - 1] ^= 1;
	kit_write(kit, blob, data, len);
	assert_refused(kit, ref, -EBADMSG, "its content has digest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(an_artifact),
		KIT_TEST(by_architecture),
		KIT_TEST(both_kinds),
		KIT_TEST(wrong_kinds),
		KIT_TEST(disguised),
		KIT_TEST(no_platform_in_the_index),
		KIT_TEST(bad_artifacts),
		KIT_TEST(damaged),
		KIT_TEST(layers_that_are_too_much_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
