/* Recognises kernels. All offsets come from the file, so every access goes through part(). */
#include <elf.h>
#include <endian.h>

#include "runtime/qemu/kernel.h"

#define MULTIBOOT_MAGIC  0x1BADB002u
#define MULTIBOOT_WITHIN 8192 /* the header lies in the first 8 KiB, at a multiple of 4 */
#define ARM64_MAGIC_AT   0x38 /* "ARM\x64" in the header of an Image */
#define SECTIONS_MAX     4096
#define RECORD_HEADER    6 /* u32 length, u16 layout; or u16 type, u32 length */
#define RECORD_NAME      1
#define RECORD_VERSION   7

struct bytes {
	const uint8_t *data;
	size_t len;
};

static const struct {
	const char *name;
	enum qemu_kernel_lib lib;
} libs[] = {
	{ "libvirtio_pci", QEMU_LIB_VIRTIO_PCI }, { "libvirtio_mmio", QEMU_LIB_VIRTIO_MMIO },
	{ "libvirtio_net", QEMU_LIB_VIRTIO_NET }, { "lib9pfs", QEMU_LIB_9PFS },
	{ "libukcpio", QEMU_LIB_CPIO },           { "libposix_environ", QEMU_LIB_ENVIRON },
};

/* NULL unless the whole part lies inside. */
static const uint8_t *part(struct bytes b, size_t offset, size_t len)
{
	return offset <= b.len && len <= b.len - offset ? b.data + offset : NULL;
}

static uint32_t u32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint16_t u16_at(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static bool has_multiboot(struct bytes b)
{
	for (size_t at = 0; at < MULTIBOOT_WITHIN; at += 4) {
		const uint8_t *p = part(b, at, 12);

		if (!p)
			return false;
		if (u32_at(p) == MULTIBOOT_MAGIC && u32_at(p) + u32_at(p + 4) + u32_at(p + 8) == 0)
			return true;
	}
	return false;
}

/* "0.17.0~sha" or "0.17.0"; 0 if it is of another form. */
static uint32_t parse_version(const char *s)
{
	uint32_t n[3] = { 0 };

	for (int i = 0; i < 3; i++) {
		size_t len = strspn(s, "0123456789");
		auto_free char *digits = xstrndup(s, len < 4 ? len : 4);

		if (parse_u32(digits, 0, 999, &n[i]) < 0 || (i < 2 && s[len] != '.'))
			return 0;
		s += len + 1;
	}
	return QEMU_KERNEL_VERSION(n[0], n[1], n[2]);
}

static void take_record(struct qemu_kernel *k, unsigned type, struct bytes value)
{
	auto_free char *text = xstrndup((const char *)value.data, value.len);

	if (type == RECORD_VERSION && !k->version)
		k->version = parse_version(text);
	if (type != RECORD_NAME)
		return;
	k->has_libs = true;
	for (size_t i = 0; i < ARRAY_LEN(libs); i++)
		if (str_eq(text, libs[i].name))
			k->libs |= libs[i].lib;
}

/* The records of one library, behind its header. */
static void take_library(struct qemu_kernel *k, struct bytes b)
{
	const uint8_t *p;

	while ((p = part(b, 0, RECORD_HEADER))) {
		uint32_t len = u32_at(p + 2);

		if (len < RECORD_HEADER || len > b.len)
			return;
		take_record(k, u16_at(p), (struct bytes){ p + RECORD_HEADER, len - RECORD_HEADER });
		b = (struct bytes){ b.data + len, b.len - len };
	}
}

static void take_libinfo(struct qemu_kernel *k, struct bytes b)
{
	const uint8_t *p;

	while ((p = part(b, 0, RECORD_HEADER))) {
		uint32_t len = u32_at(p);

		if (len < RECORD_HEADER || len > b.len)
			return;
		take_library(k, (struct bytes){ p + RECORD_HEADER, len - RECORD_HEADER });
		b = (struct bytes){ b.data + len, b.len - len };
	}
}

static const Elf32_Shdr *section_at(struct bytes b, const Elf32_Ehdr *e, size_t i, Elf32_Shdr *ret)
{
	const uint8_t *p = part(b, (size_t)e->e_shoff + i * sizeof(*ret), sizeof(*ret));

	return p ? memcpy(ret, p, sizeof(*ret)) : NULL;
}

/* The section's bytes, empty if there is none of that name. */
static struct bytes find_section(struct bytes b, const char *name)
{
	Elf32_Ehdr e;
	Elf32_Shdr names;
	Elf32_Shdr s;

	memcpy(&e, b.data, sizeof(e));
	if (e.e_shentsize != sizeof(s) || e.e_shnum > SECTIONS_MAX ||
	    !section_at(b, &e, e.e_shstrndx, &names))
		return (struct bytes){ 0 };
	for (size_t i = 0; i < e.e_shnum && section_at(b, &e, i, &s); i++) {
		size_t size = strlen(name) + 1;
		const uint8_t *p = part(b, (size_t)names.sh_offset + s.sh_name, size);
		const uint8_t *body = part(b, s.sh_offset, s.sh_size);

		if (p && body && memcmp(p, name, size) == 0)
			return (struct bytes){ body, s.sh_size };
	}
	return (struct bytes){ 0 };
}

/* A compiled-in or fall-back table (CONFIG_LIBVFSCORE_AUTOMOUNT_CI, _FB) is known by the names of
 * the tags, which nothing else in a kernel mentions. */
static bool has_tag(struct bytes b)
{
	return memmem(b.data, b.len, "fs0", sizeof("fs0")) ||
	       memmem(b.data, b.len, "fs1", sizeof("fs1"));
}

static int parse_elf(struct bytes b, struct qemu_kernel *ret, struct err *err)
{
	struct qemu_kernel k = { .kind = QEMU_KERNEL_X86 };

	if (b.data[EI_CLASS] == ELFCLASS64)
		return err_set(err, -ENOEXEC,
			       "kernel is a 64-bit ELF file (for Firecracker, or the debug file); "
			       "QEMU needs the 32-bit multiboot one of the qemu platform");
	if (!part(b, 0, sizeof(Elf32_Ehdr)) || b.data[EI_CLASS] != ELFCLASS32 ||
	    b.data[EI_DATA] != ELFDATA2LSB || u16_at(b.data + EI_NIDENT + 2) != EM_386)
		return err_set(err, -ENOEXEC, "kernel is an ELF file of another architecture");
	if (!has_multiboot(b))
		return err_set(err, -ENOEXEC,
			       "kernel has no multiboot header: it is an ordinary program or was "
			       "built for another platform");
	take_libinfo(&k, find_section(b, ".uk_libinfo"));
	k.names_tag = has_tag(b);
	*ret = k;
	return 0;
}

/* An Image records nothing in a findable place; its banner has the version: "Unikraft Calypso
 * 0.17.0~sha". */
static uint32_t find_banner(struct bytes b)
{
	static const char mark[] = "Unikraft ";
	const size_t mark_len = sizeof(mark) - 1;

	for (struct bytes rest = b; rest.len;) {
		const uint8_t *p = memmem(rest.data, rest.len, mark, mark_len);

		if (!p)
			return 0;
		rest.len -= (size_t)(p - rest.data) + mark_len;
		rest.data = p + mark_len;
		auto_free char *text = xstrndup((const char *)rest.data,
						rest.len < 64 ? rest.len : 64);
		char *space = strchr(text, ' ');
		uint32_t version = space ? parse_version(space + 1) : 0;

		if (version)
			return version;
	}
	return 0;
}

int qemu_kernel_parse(const void *data, size_t len, struct qemu_kernel *ret, struct err *err)
{
	struct bytes b = { data, len };

	if (part(b, 0, EI_NIDENT + 4) && memcmp(data, ELFMAG, SELFMAG) == 0)
		return parse_elf(b, ret, err);
	if (part(b, ARM64_MAGIC_AT, 8) && memcmp(b.data + ARM64_MAGIC_AT, "ARM\x64", 4) == 0) {
		*ret = (struct qemu_kernel){ .kind = QEMU_KERNEL_ARM64,
					     .version = find_banner(b),
					     .names_tag = has_tag(b) };
		return 0;
	}
	if (part(b, 0, 2) && memcmp(data, "\x1f\x8b", 2) == 0)
		return err_set(err, -ENOEXEC, "kernel is compressed with gzip");
	return err_set(err, -ENOEXEC,
		       "kernel is no kernel: neither an ELF multiboot file nor an "
		       "arm64 Image (%zu bytes)",
		       len);
}

bool qemu_kernel_may_have(const struct qemu_kernel *kernel, enum qemu_kernel_lib lib)
{
	return !kernel->has_libs || (kernel->libs & lib);
}
