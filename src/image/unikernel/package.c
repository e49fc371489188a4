/* Making an artifact: layers of one file each, a configuration, a manifest and an index (image spec
 * 1.0, as kraftkit's oci package writes them). */
#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "image/unikernel/package.h"
#include "wire/digest/digest.h"

#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE    "application/vnd.oci.image.layer.v1.tar"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE    "application/vnd.oci.image.index.v1+json"
#define KERNEL        "unikraft/bin/kernel"
#define INITRD        "unikraft/bin/initrd"
#define PIECE         ((size_t)256 << 10)
#define HEAD_BYTES    64
#define TEXT_MAX      ((size_t)1 << 20)
#define FILE_MODE     (S_IFREG | 0755)

int package_file(struct err *err)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (str_is_empty(dir))
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? err_errno(err, "create a file in %s", dir) : fd;
}

void package_fini(struct package *package)
{
	for (size_t i = 0; i < ARRAY_LEN(package->layers); i++)
		if (package->layers[i].fd >= 0)
			close(package->layers[i].fd);
	if (package->config.fd >= 0)
		close(package->config.fd);
	free(package->manifest_text);
	free(package->index_text);
}

static void describe(struct image_descriptor *d, const char *type, const char *text)
{
	*d = (struct image_descriptor){ .size = strlen(text) };
	STR_COPY(d->media_type, type);
	digest_of(text, strlen(text), d->digest);
}

/* Digest and size of what is in the file. */
static int measure(struct image_blob *blob, const char *type, struct err *err)
{
	blob->descriptor = (struct image_descriptor){ 0 };
	if (digest_fd(blob->fd, blob->descriptor.digest, &blob->descriptor.size, err) < 0)
		return err_wrap(err, "temporary file");
	STR_COPY(blob->descriptor.media_type, type);
	return 0;
}

static int copy_data(struct archive *a, int fd, int64_t size, struct err *err)
{
	auto_free char *piece = xmalloc(PIECE);
	int64_t at = 0;
	ssize_t n;

	while ((n = pread(fd, piece, PIECE, at)) > 0) {
		if (archive_write_data(a, piece, (size_t)n) < 0)
			return err_set(err, -EIO, "%s", archive_error_string(a));
		at += n;
	}
	if (n < 0)
		return err_errno(err, "read");
	return at == size ? 0 : err_set(err, -EAGAIN, "it changed meanwhile");
}

/* One file in a tar archive, without times and owners. */
static int write_tar(int out, const char *name, int in, int64_t size, struct err *err)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	int r = 0;

	archive_write_set_format_ustar(a);
	archive_write_add_filter_none(a);
	archive_write_set_bytes_in_last_block(a, 1);
	archive_entry_set_pathname(entry, name);
	archive_entry_set_mode(entry, FILE_MODE);
	archive_entry_set_size(entry, size);
	archive_entry_set_mtime(entry, 0, 0);
	if (archive_write_open_fd(a, out) != ARCHIVE_OK ||
	    archive_write_header(a, entry) < ARCHIVE_WARN)
		r = err_set(err, -EIO, "%s", archive_error_string(a));
	if (r == 0)
		r = copy_data(a, in, size, err);
	if (archive_write_close(a) != ARCHIVE_OK && r == 0)
		r = err_set(err, -EIO, "%s", archive_error_string(a));
	archive_entry_free(entry);
	archive_write_free(a);
	return r;
}

static int add_layer(struct package *package, const char *name, int fd, struct err *err)
{
	struct image_blob *blob = &package->layers[package->n_layers];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, "look at %s", name);
	blob->fd = package_file(err);
	if (blob->fd < 0)
		return blob->fd;
	package->n_layers++;
	if (write_tar(blob->fd, name, fd, st.st_size, err) < 0)
		return err_wrap(err, "pack %s", name);
	return measure(blob, LAYER_TYPE, err);
}

static int open_regular(const char *path, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "open %s: no regular file", path);
	return TAKE_FD(fd);
}

/* "x86_64" or "arm64" by the head of the file, NULL if it is none that could be booted. */
static const char *arch_of(const unsigned char head[HEAD_BYTES])
{
	uint16_t machine;

	if (memcmp(head + 0x38, "ARM\x64", 4) == 0)
		return "arm64";
	if (memcmp(head, ELFMAG, SELFMAG) != 0)
		return NULL;
	memcpy(&machine, head + offsetof(Elf32_Ehdr, e_machine), sizeof(machine));
	machine = le16toh(machine);
	if (machine == EM_AARCH64)
		return "arm64";
	return machine == EM_386 && head[EI_CLASS] == ELFCLASS32 ? "x86_64" : NULL;
}

static int check_arch(const struct unikernel_build *build, const char *have, struct err *err)
{
	const struct {
		const char *given, *arch;
	} spellings[] = {
		{ "amd64", "x86_64" },
		{ "x86_64", "x86_64" },
		{ "arm64", "arm64" },
		{ "aarch64", "arm64" },
	};

	for (size_t i = 0; build->arch && i < ARRAY_LEN(spellings); i++)
		if (str_eq(build->arch, spellings[i].given) && str_eq(have, spellings[i].arch))
			return 0;
	if (!build->arch)
		return 0;
	return err_set(err, -EINVAL, "kernel %s is for %s, not for %s", build->kernel, have,
		       build->arch);
}

/* In the layer, which nobody changes meanwhile. */
static int find_version(struct package *package, struct err *err)
{
	const struct image_blob *layer = &package->layers[0];
	void *data = mmap(NULL, layer->descriptor.size, PROT_READ, MAP_PRIVATE, layer->fd, 0);

	if (data == MAP_FAILED)
		return err_errno(err, "map the kernel");
	kernel_version_find(data, layer->descriptor.size, package->version);
	munmap(data, layer->descriptor.size);
	return 0;
}

static int add_kernel(struct package *package, const struct unikernel_build *build, struct err *err)
{
	auto_close int fd = open_regular(build->kernel, err);
	unsigned char head[HEAD_BYTES] = { 0 };

	if (fd < 0)
		return fd;
	if (pread(fd, head, sizeof(head), 0) < 0)
		return err_errno(err, "read %s", build->kernel);
	package->arch = arch_of(head);
	if (!package->arch)
		return err_set(err, -EINVAL,
			       "kernel %s is none for QEMU: neither a 32-bit ELF file for x86 (a "
			       "64-bit one is a build for Firecracker, or the debug file) nor one "
			       "for arm64",
			       build->kernel);
	int r = check_arch(build, package->arch, err);
	if (r == 0)
		r = add_layer(package, KERNEL, fd, err);
	return r < 0 ? r : find_version(package, err);
}

/* A file as it is, a folder as an archive made of it. */
static int open_rootfs(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, "open %s", path);
	if (!S_ISDIR(st.st_mode))
		return open_regular(path, err);
	auto_close int fd = package_file(err);
	int r = fd < 0 ? fd : cpio_pack(path, fd, err);
	return r < 0 ? r : TAKE_FD(fd);
}

static int add_rootfs(struct package *package, const char *path, struct err *err)
{
	auto_close int fd = open_rootfs(path, err);
	char magic[6] = "";

	if (fd < 0)
		return fd;
	if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) || memcmp(magic, "07070", 5) != 0 ||
	    (magic[5] != '1' && magic[5] != '2'))
		return err_set(err, -EINVAL,
			       "%s is no cpio archive in the newc format, uncompressed, which is "
			       "all that a guest reads",
			       path);
	return add_layer(package, INITRD, fd, err);
}

static void put_words(struct json_out *out, const char *key, const struct strv *words)
{
	if (!words->n)
		return;
	json_out_array(out, key);
	for (size_t i = 0; i < words->n; i++)
		json_out_str(out, NULL, words->items[i]);
	json_out_array_end(out);
}

/* Of a configuration, and of an entry of an index. */
static void put_platform(struct json_out *out, const struct package *package)
{
	json_out_str(out, "architecture", package->arch);
	json_out_str(out, "os", "qemu");
	if (package->version[0])
		json_out_str(out, "os.version", package->version);
}

static int add_config(struct package *package, const struct unikernel_build *build, struct err *err)
{
	auto_json_out struct json_out out = { 0 };
	auto_free char *text = NULL;

	json_out_init(&out, TEXT_MAX);
	json_out_object(&out, NULL);
	put_platform(&out, package);
	json_out_object(&out, "config");
	put_words(&out, "Env", &build->env);
	put_words(&out, "Cmd", &build->cmd);
	json_out_object_end(&out);
	json_out_object(&out, "rootfs");
	json_out_str(&out, "type", "layers");
	json_out_array(&out, "diff_ids");
	for (size_t i = 0; i < package->n_layers; i++)
		json_out_str(&out, NULL, package->layers[i].descriptor.digest);
	json_out_array_end(&out);
	json_out_object_end(&out);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &text, err);
	if (r < 0)
		return err_wrap(err, "configuration");
	package->config.fd = package_file(err);
	if (package->config.fd < 0)
		return package->config.fd;
	r = fd_write_all(package->config.fd, text, strlen(text));
	if (r < 0)
		return err_set(err, r, "write a temporary file: %s", strerror(-r));
	return measure(&package->config, CONFIG_TYPE, err);
}

static void put_descriptor(struct json_out *out, const struct image_descriptor *d)
{
	json_out_str(out, "mediaType", d->media_type);
	json_out_str(out, "digest", d->digest);
	json_out_int(out, "size", (int64_t)d->size);
}

/* By which Unikraft's tools know what is theirs to run. */
static void put_annotations(struct json_out *out, const char *version)
{
	json_out_object(out, "annotations");
	json_out_str(out, "sh.kraftkit.version", "holm-" HOLM_VERSION);
	if (*version)
		json_out_str(out, "org.unikraft.kernel.version", version);
	json_out_object_end(out);
}

static int write_manifest(struct package *package, struct err *err)
{
	static const char *const keys[] = { "org.unikraft.kernel.image",
					    "org.unikraft.kernel.initrd" };
	static const char *const paths[] = { "/" KERNEL, "/" INITRD };
	auto_json_out struct json_out out = { 0 };

	json_out_init(&out, TEXT_MAX);
	json_out_object(&out, NULL);
	json_out_int(&out, "schemaVersion", 2);
	json_out_str(&out, "mediaType", MANIFEST_TYPE);
	json_out_object(&out, "config");
	put_descriptor(&out, &package->config.descriptor);
	json_out_object_end(&out);
	json_out_array(&out, "layers");
	for (size_t i = 0; i < package->n_layers; i++) {
		json_out_object(&out, NULL);
		put_descriptor(&out, &package->layers[i].descriptor);
		json_out_object(&out, "annotations");
		json_out_str(&out, keys[i], paths[i]);
		json_out_object_end(&out);
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	put_annotations(&out, package->version);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &package->manifest_text, err);
	if (r == 0)
		describe(&package->manifest, MANIFEST_TYPE, package->manifest_text);
	return r;
}

/* Another entry for the same platform gives way to ours. */
static bool is_ours(const struct package *package, const struct json *entry)
{
	const struct json *its = json_get(entry, "platform");
	const char *os = json_get_str(its, "os"), *arch = json_get_str(its, "architecture");
	struct platform own = { .os = "qemu" }, other = { 0 };

	STR_COPY(own.arch, package->arch);
	STR_COPY(other.os, os ? os : "");
	STR_COPY(other.arch, arch ? arch : "");
	platform_normalize(&own);
	platform_normalize(&other);
	return str_eq(own.os, other.os) && str_eq(own.arch, other.arch);
}

int package_index(struct package *package, const struct json *earlier, struct err *err)
{
	const struct json *entries = json_get(earlier, "manifests");
	auto_json_out struct json_out out = { 0 };

	if (json_count(entries) > INDEX_MAX)
		return err_set(err, -E2BIG, "its index has %zu entries, more than %d",
			       json_count(entries), INDEX_MAX);
	json_out_init(&out, MANIFEST_MAX);
	json_out_object(&out, NULL);
	json_out_int(&out, "schemaVersion", 2);
	json_out_str(&out, "mediaType", INDEX_TYPE);
	json_out_array(&out, "manifests");
	for (size_t i = 0; i < json_count(entries); i++) {
		auto_free char *text = json_format(json_at(entries, i));

		if (!is_ours(package, json_at(entries, i)))
			json_out_raw(&out, NULL, text);
	}
	json_out_object(&out, NULL);
	put_descriptor(&out, &package->manifest);
	json_out_object(&out, "platform");
	put_platform(&out, package);
	json_out_object_end(&out);
	put_annotations(&out, package->version);
	json_out_object_end(&out);
	json_out_array_end(&out);
	put_annotations(&out, ""); /* it may have kernels of several */
	json_out_object_end(&out);
	int r = json_out_finish(&out, &package->index_text, err);
	if (r == 0)
		describe(&package->index, INDEX_TYPE, package->index_text);
	return r;
}

static int build_all(struct package *package, const struct unikernel_build *build, struct err *err)
{
	int r = add_kernel(package, build, err);

	if (r == 0 && build->rootfs)
		r = add_rootfs(package, build->rootfs, err);
	if (r == 0)
		r = add_config(package, build, err);
	return r < 0 ? r : write_manifest(package, err);
}

int package_build(const struct unikernel_build *build, struct package *ret, struct err *err)
{
	struct package package = { .layers = { { .fd = -1 }, { .fd = -1 } },
				   .config = { .fd = -1 } };
	int r = build_all(&package, build, err);

	if (r < 0) {
		package_fini(&package);
		return r;
	}
	*ret = package;
	return 0;
}
