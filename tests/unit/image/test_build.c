/* Packing unikernels: what is packed is had again as it was. */
#include <fcntl.h>
#include <sys/stat.h>

#include "kit.h"

#define HEAD 64

/* The beginning of a kernel, as far as it is looked at. */
static char *write_kernel(const struct kit *kit, const char *name, const char *kind)
{
	char head[HEAD] = "";

	if (str_eq(kind, "image")) {
		memcpy(head + 0x38, "ARM\x64", 4);
	} else {
		memcpy(head,
		       "\x7f"
		       "ELF",
		       4);
		head[4] = str_eq(kind, "x86") ? 1 : 2;
		head[18] = str_eq(kind, "x86") ? 3 : str_eq(kind, "x86-64") ? 62 : (char)183;
	}
	kit_write(kit, name, head, sizeof(head));
	return kit_path(kit, name);
}

static int build(const struct kit *kit, const struct unikernel_build *b,
		 struct unikernel_built *ret, struct err *err)
{
	return image_unikernel_build(&kit->config, b, NULL, ret, err);
}

static void assert_refused(const struct kit *kit, const struct unikernel_build *b, int code,
			   const char *words)
{
	struct unikernel_built built;
	struct err err = { 0 };
	int r = build(kit, b, &built, &err);

	if (r != code || err.code != code || !strstr(err.msg, words))
		fail_msg("%d, expected %d and \"%s\": %s", r, code, words, err.msg);
}

static void get(const struct kit *kit, const char *ref, const char *platform,
		struct unikernel_image *ret)
{
	const struct image_transfer transfer = { 0 };
	const struct image_request request = { .ref = ref, .platform = platform };
	struct err err = { 0 };

	if (image_unikernel_get_artifact(&kit->config, &request, &transfer, ret, &err) < 0)
		fail_msg("%s", err.msg);
}

static char *read_file(const char *dir, const char *name, size_t *ret_len)
{
	auto_free char *path = path_join(dir, name);
	char *data;
	struct err err = { 0 };

	if (file_read(path, 1 << 20, &data, ret_len, &err) < 0)
		fail_msg("%s", err.msg);
	return data;
}

static void there_and_back(void **state)
{
	struct kit *kit = *state;
	auto_free char *kernel = write_kernel(kit, "kernel", "x86");
	auto_free char *rootfs = kit_path(kit, "tree");
	auto_free char *link = kit_path(kit, "tree/etc/link");
	auto_free char *ref = xasprintf("oci:%s/root/web:v1", kit->dir);
	struct unikernel_build b = { .ref = ref, .kernel = kernel, .rootfs = rootfs };
	struct unikernel_built built = { 0 };
	struct unikernel_image image = { 0 };
	struct err err = { 0 };
	size_t len;

	kit_write(kit, "tree/etc/gr\xc3\xbc\xc3\x9f", "hello", 5);
	kit_write(kit, "tree/a", "first", 5);
	assert_int_equal(symlink("../a", link), 0);
	strv_add(&b.cmd, "-c");
	strv_add(&b.cmd, "/a \"b\"");
	strv_add(&b.env, "A=1");
	if (build(kit, &b, &built, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(built.platform, "qemu/amd64");
	get(kit, ref, "qemu/amd64", &image);
	assert_string_equal(image.digest, built.manifest);
	auto_free char *bytes = read_file(image.dir, "kernel", &len);
	assert_int_equal(len, HEAD);
	assert_memory_equal(bytes,
			    "\x7f"
			    "ELF",
			    4);
	auto_free char *initrd = read_file(image.dir, "initramfs.cpio", &len);
	assert_memory_equal(initrd, "070701", 6);
	assert_non_null(memmem(initrd, len, "first", 5));
	assert_non_null(memmem(initrd, len, "./etc/gr\xc3\xbc\xc3\x9f", 12));
	assert_non_null(memmem(initrd, len, "../a", 4));
	auto_free char *config = read_file(image.dir, "artifact.json", &len);
	assert_non_null(strstr(config, "\"Cmd\":[\"-c\",\"/a \\\"b\\\"\"]"));
	assert_non_null(strstr(config, "\"Env\":[\"A=1\"]"));
	unikernel_image_fini(&image);
	strv_fini(&b.cmd);
	strv_fini(&b.env);
}

/* Times, owners and the order in a folder are of one machine only. */
static void the_same_bytes_again(void **state)
{
	struct kit *kit = *state;
	auto_free char *kernel = write_kernel(kit, "kernel", "image");
	auto_free char *one = kit_path(kit, "one");
	auto_free char *two = kit_path(kit, "two");
	auto_free char *ref = xasprintf("oci:%s/root/a", kit->dir);
	auto_free char *other = xasprintf("oci:%s/root/b", kit->dir);
	struct unikernel_build b = { .ref = ref, .kernel = kernel, .rootfs = one };
	const struct timespec past[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct unikernel_built first, second;
	struct err err = { 0 };

	kit_write(kit, "one/x", "1", 1);
	kit_write(kit, "one/b/c", "2", 1);
	kit_write(kit, "two/b/c", "2", 1);
	kit_write(kit, "two/x", "1", 1);
	auto_free char *file = kit_path(kit, "two/x");
	assert_int_equal(utimensat(AT_FDCWD, file, past, 0), 0);
	assert_int_equal(build(kit, &b, &first, &err), 0);
	b.ref = other;
	b.rootfs = two;
	assert_int_equal(build(kit, &b, &second, &err), 0);
	assert_string_equal(first.index, second.index);
	assert_string_equal(first.platform, "qemu/arm64");
	kit_write(kit, "two/x", "2", 1);
	assert_int_equal(build(kit, &b, &second, &err), 0);
	assert_string_not_equal(first.index, second.index);
}

static void a_cpio_file(void **state)
{
	static const char text[] = "07070100000000";
	struct kit *kit = *state;
	auto_free char *kernel = write_kernel(kit, "kernel", "arm64");
	auto_free char *cpio = kit_path(kit, "fs.cpio");
	auto_free char *ref = xasprintf("oci:%s/root/a", kit->dir);
	struct unikernel_build b = { .ref = ref, .kernel = kernel, .rootfs = cpio };
	struct unikernel_built built;
	struct unikernel_image image = { 0 };
	struct err err = { 0 };
	size_t len;

	kit_write(kit, "fs.cpio", text, strlen(text));
	if (build(kit, &b, &built, &err) < 0)
		fail_msg("%s", err.msg);
	get(kit, ref, "qemu/arm64", &image);
	auto_free char *initrd = read_file(image.dir, "initramfs.cpio", &len);
	assert_string_equal(initrd, text);
	unikernel_image_fini(&image);
	kit_write(kit, "fs.cpio", "\x1f\x8b gzip", 7);
	assert_refused(kit, &b, -EINVAL, "no cpio archive in the newc format, uncompressed");
}

static void what_is_refused(void **state)
{
	struct kit *kit = *state;
	auto_free char *kernel = write_kernel(kit, "kernel", "x86");
	auto_free char *firecracker = write_kernel(kit, "fc", "x86-64");
	auto_free char *fifo = kit_path(kit, "tree/fifo");
	auto_free char *tree = kit_path(kit, "tree");
	auto_free char *ref = xasprintf("oci:%s/root/a", kit->dir);
	struct unikernel_build b = { .ref = ref, .kernel = firecracker };
	struct unikernel_built built;
	struct err err = { 0 };

	assert_refused(kit, &b, -EINVAL, "a build for Firecracker");
	b.kernel = kernel;
	b.arch = "arm64";
	assert_refused(kit, &b, -EINVAL, "is for x86_64, not for arm64");
	b.arch = "amd64";
	kit_write(kit, "tree/a", "a", 1);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	b.rootfs = tree;
	assert_refused(kit, &b, -EINVAL, "neither a file nor a folder nor a link");
	b.rootfs = "/nowhere";
	assert_refused(kit, &b, -ENOENT, "/nowhere");
	b.rootfs = NULL;
	b.ref = "127.0.0.1:1/a@sha256:"
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	assert_refused(kit, &b, -EINVAL, "name a tag");
	b.ref = "oci-archive:/tmp/x";
	assert_refused(kit, &b, -EINVAL, "is not written");
	b.ref = ref;
	assert_int_equal(build(kit, &b, &built, &err), 0);
	assert_int_equal(build(kit, &b, &built, &err), 0);
	auto_free char *named = xasprintf("%s:other", ref);
	b.ref = named;
	assert_refused(kit, &b, -EEXIST, "holds another image");
}

/* Packs what consists of these bytes behind a kernel's head, and reads its configuration. */
static char *config_with(const struct kit *kit, const char *kind, const char *bytes, size_t len)
{
	auto_free char *kernel = write_kernel(kit, "kernel", kind);
	auto_free char *head = read_file(kit->dir, "kernel", &(size_t){ 0 });
	auto_free char *ref = xasprintf("oci:%s/root/versions", kit->dir);
	const struct unikernel_build b = { .ref = ref, .kernel = kernel };
	char whole[4 * HEAD];
	struct unikernel_built built;
	struct unikernel_image image = { 0 };
	struct err err = { 0 };

	assert_true(len <= sizeof(whole) - HEAD);
	memcpy(whole, head, HEAD);
	memcpy(whole + HEAD, bytes, len);
	kit_write(kit, "kernel", whole, HEAD + len);
	if (build(kit, &b, &built, &err) < 0)
		fail_msg("%s", err.msg);
	get(kit, ref, NULL, &image);
	char *config = read_file(image.dir, "artifact.json", &(size_t){ 0 });
	unikernel_image_fini(&image);
	return config;
}

#define CONFIG_WITH(kind, bytes) config_with(kit, kind, bytes, sizeof(bytes) - 1)

/* As Unikraft's tools tell it: from its records, else from its banner. */
static void the_version_of_its_unikraft(void **state)
{
	struct kit *kit = *state;
	auto_free char *record = CONFIG_WITH("x86", "\7\0\7\0"
						    "\7\0\x10\0\0\0"
						    "0.17.0~ab\0"
						    "Unikraft X 0.1.2");
	auto_free char *banner = CONFIG_WITH("x86",
					     "Unikraft tools; Unikraft Calypso 0.16.3-custom\n");
	auto_free char *neither = CONFIG_WITH("x86", "\7\0\xff\xff\xff\xff"
						     "0.17.0\0Unikraft 1.2");
	auto_free char *hostile = CONFIG_WITH("x86", "\7\0\x10\0\0\0"
						     "0.17.0\"},\0Unikraft");
	auto_free char *cut = CONFIG_WITH("x86", "Unikraft Calypso 0.17.0~a\7\0\x10");

	assert_non_null(strstr(record, "\"os.version\":\"0.17.0~ab\""));
	assert_non_null(strstr(banner, "\"os.version\":\"0.16.3-custom\""));
	assert_null(strstr(neither, "os.version"));
	assert_null(strstr(hostile, "os.version"));
	assert_non_null(strstr(cut, "\"os.version\":\"0.17.0~a\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(there_and_back),
		KIT_TEST(the_same_bytes_again),
		KIT_TEST(a_cpio_file),
		KIT_TEST(what_is_refused),
		KIT_TEST(the_version_of_its_unikraft),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
