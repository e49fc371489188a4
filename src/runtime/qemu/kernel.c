/* Recognises kernels. All offsets come from the file, so every access goes through part(). */
#include <elf.h>
#include <endian.h>

#include "runtime/qemu/kernel.h"

#define MULTIBOOT_MAGIC  0x1BADB002u
#define MULTIBOOT_WITHIN 8192     /* the header lies in the first 8 KiB, at a multiple of 4 */
#define MULTIBOOT_PLACES 0x10000u /* it says itself where what is loaded */
#define ARM64_MAGIC_AT   0x38     /* "ARM\x64" in the header of an Image */
#define ARM64_OFFSET_AT  0x08     /* u64 offset in memory, u64 size with what is not in the file */
#define ARM64_MEMORY     0x40000000u /* where memory begins on QEMU's virt */
#define SEGMENTS_MAX     64
#define SECTIONS_MAX     4096
#define RECORD_HEADER    6 /* u32 length, u16 layout; or u16 type, u32 length */
#define LAYOUT           1 /* of the records, in all versions so far */
#define LIBRARY_MAX      65536
#define LIBRARIES_MIN    3
#define TRIES_MAX        65536 /* places that look like the first one */
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
	{ "libuknetdev", QEMU_LIB_NETDEV },       { "libxenplat", QEMU_LIB_XEN },
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

static bool has_multiboot(struct bytes b, uint32_t *ret_flags)
{
	for (size_t at = 0; at < MULTIBOOT_WITHIN; at += 4) {
		const uint8_t *p = part(b, at, 12);

		if (!p)
			return false;
		*ret_flags = u32_at(p + 4);
		if (u32_at(p) == MULTIBOOT_MAGIC && u32_at(p) + *ret_flags + u32_at(p + 8) == 0)
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

/* Of either class of ELF. */
struct section {
	uint32_t name;
	uint64_t offset;
	uint64_t size;
};

struct sections {
	uint64_t offset;
	size_t count;
	size_t names;
	bool is_64;
};

static bool section_at(struct bytes b, const struct sections *in, size_t i, struct section *ret)
{
	size_t size = in->is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	const uint8_t *p = in->offset <= b.len ? part(b, in->offset + i * size, size) : NULL;
	Elf64_Shdr s64;
	Elf32_Shdr s32;

	if (p && in->is_64) {
		memcpy(&s64, p, sizeof(s64));
		*ret = (struct section){ s64.sh_name, s64.sh_offset, s64.sh_size };
	} else if (p) {
		memcpy(&s32, p, sizeof(s32));
		*ret = (struct section){ s32.sh_name, s32.sh_offset, s32.sh_size };
	}
	return p;
}

/* The header must be there whole. */
static struct sections read_sections(struct bytes b)
{
	Elf64_Ehdr e64;
	Elf32_Ehdr e32;

	if (b.data[EI_CLASS] == ELFCLASS64) {
		memcpy(&e64, b.data, sizeof(e64));
		return (struct sections){ e64.e_shoff,
					  e64.e_shentsize == sizeof(Elf64_Shdr) ? e64.e_shnum : 0,
					  e64.e_shstrndx, true };
	}
	memcpy(&e32, b.data, sizeof(e32));
	return (struct sections){ e32.e_shoff,
				  e32.e_shentsize == sizeof(Elf32_Shdr) ? e32.e_shnum : 0,
				  e32.e_shstrndx, false };
}

/* The highest address that segments of an ELF file are loaded to; 0 if there
 * are none. */
static uint64_t reach32(struct bytes b)
{
	uint64_t reach = 0;
	Elf32_Ehdr e;
	Elf32_Phdr s;

	memcpy(&e, b.data, sizeof(e));
	for (size_t i = 0; i < e.e_phnum && i < SEGMENTS_MAX; i++) {
		const uint8_t *p = part(b, e.e_phoff + i * sizeof(s), sizeof(s));

		if (!p || e.e_phentsize != sizeof(s))
			break;
		memcpy(&s, p, sizeof(s));
		if (s.p_type == PT_LOAD && s.p_memsz && (uint64_t)s.p_paddr + s.p_memsz > reach)
			reach = (uint64_t)s.p_paddr + s.p_memsz;
	}
	return reach;
}

static uint64_t reach64(struct bytes b)
{
	uint64_t reach = 0;
	Elf64_Ehdr e;
	Elf64_Phdr s;

	memcpy(&e, b.data, sizeof(e));
	for (size_t i = 0; i < e.e_phnum && i < SEGMENTS_MAX; i++) {
		const uint8_t *p = e.e_phoff <= b.len
					   ? part(b, e.e_phoff + i * sizeof(s), sizeof(s))
					   : NULL;

		if (!p || e.e_phentsize != sizeof(s))
			break;
		memcpy(&s, p, sizeof(s));
		if (s.p_type == PT_LOAD && s.p_memsz && s.p_memsz <= UINT64_MAX - s.p_paddr &&
		    s.p_paddr + s.p_memsz > reach)
			reach = s.p_paddr + s.p_memsz;
	}
	return reach;
}

/* The section's bytes, empty if there is none of that name. */
static struct bytes find_section(struct bytes b, const char *name)
{
	struct sections in = read_sections(b);
	size_t size = strlen(name) + 1;
	struct section names;
	struct section s;

	if (in.count > SECTIONS_MAX || !section_at(b, &in, in.names, &names) ||
	    names.offset > b.len)
		return (struct bytes){ 0 };
	for (size_t i = 0; i < in.count && section_at(b, &in, i, &s); i++) {
		const uint8_t *p = part(b, names.offset + s.name, size);
		const uint8_t *body = part(b, s.offset, s.size);

		if (p && body && memcmp(p, name, size) == 0)
			return (struct bytes){ body, s.size };
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

/* "Unikraft Calypso 0.17.0~sha" is in every kernel. */
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

/* Every program of an arm64 Linux is an ELF file of this form, so it must say that it is more. */
static int parse_arm64_elf(struct bytes b, struct qemu_kernel *ret, struct err *err)
{
	struct qemu_kernel k = { .kind = QEMU_KERNEL_ARM64 };

	take_libinfo(&k, find_section(b, ".uk_libinfo"));
	if (!k.version)
		k.version = find_banner(b);
	if (!k.has_libs && !k.version)
		return err_set(err, -ENOEXEC,
			       "kernel is an arm64 ELF file without Unikraft's records: it is an "
			       "ordinary program");
	k.names_tag = has_tag(b);
	uint64_t reach = reach64(b);
	k.reach = reach > ARM64_MEMORY ? reach - ARM64_MEMORY : 0;
	*ret = k;
	return 0;
}

/* What a 64-bit file for x86 was built for; QEMU boots none of them. */
static int refuse_x86_64(struct bytes b, struct err *err)
{
	struct qemu_kernel k = { 0 };

	if (part(b, 0, sizeof(Elf64_Ehdr)))
		take_libinfo(&k, find_section(b, ".uk_libinfo"));
	if (k.libs & QEMU_LIB_XEN)
		return err_set(err, -ENOEXEC,
			       "kernel is built for Xen (libxenplat is in it); Holm runs those of "
			       "the platform qemu");
	return err_set(err, -ENOEXEC,
		       "kernel is a 64-bit ELF file (for Firecracker, or the debug file); "
		       "QEMU needs the 32-bit multiboot one of the qemu platform");
}

static int parse_elf(struct bytes b, struct qemu_kernel *ret, struct err *err)
{
	struct qemu_kernel k = { .kind = QEMU_KERNEL_X86 };
	uint32_t flags;

	if (part(b, 0, sizeof(Elf64_Ehdr)) && b.data[EI_CLASS] == ELFCLASS64 &&
	    b.data[EI_DATA] == ELFDATA2LSB && u16_at(b.data + EI_NIDENT + 2) == EM_AARCH64)
		return parse_arm64_elf(b, ret, err);
	if (b.data[EI_CLASS] == ELFCLASS64)
		return refuse_x86_64(b, err);
	if (!part(b, 0, sizeof(Elf32_Ehdr)) || b.data[EI_CLASS] != ELFCLASS32 ||
	    b.data[EI_DATA] != ELFDATA2LSB || u16_at(b.data + EI_NIDENT + 2) != EM_386)
		return err_set(err, -ENOEXEC, "kernel is an ELF file of another architecture");
	if (!has_multiboot(b, &flags))
		return err_set(err, -ENOEXEC,
			       "kernel has no multiboot header: it is an ordinary program or was "
			       "built for another platform");
	take_libinfo(&k, find_section(b, ".uk_libinfo"));
	k.names_tag = has_tag(b);
	k.reach = flags & MULTIBOOT_PLACES ? 0 : reach32(b);
	*ret = k;
	return 0;
}

/* How long the library is that begins here, 0 if none does. Its end may be padding. */
static size_t library_len(struct bytes b)
{
	const uint8_t *p = part(b, 0, RECORD_HEADER);
	size_t len = p ? u32_at(p) : 0;

	if (len < 2 * RECORD_HEADER || len > LIBRARY_MAX || len > b.len || u16_at(p + 4) != LAYOUT)
		return 0;
	for (size_t at = RECORD_HEADER; at + RECORD_HEADER <= len;) {
		size_t record = u32_at(b.data + at + 2);

		if (record < RECORD_HEADER || record > len - at)
			return 0;
		at += record;
	}
	return len;
}

/* All from here on that are libraries. */
static struct bytes libraries_at(struct bytes b, size_t *ret_count)
{
	struct bytes rest = b;

	*ret_count = 0;
	for (size_t len; (len = library_len(rest)); ++*ret_count)
		rest = (struct bytes){ rest.data + len, rest.len - len };
	return (struct bytes){ b.data, b.len - rest.len };
}

/* An Image has no table of sections, but the records are in it. They are known by several in
 * a row, each of the layout in use and beginning with its name. */
static struct bytes find_records(struct bytes b)
{
	static const uint8_t mark[] = { LAYOUT, 0, RECORD_NAME, 0 };

	size_t n_tries = 0;

	for (size_t at = sizeof(uint32_t); at < b.len && n_tries < TRIES_MAX; n_tries++) {
		const uint8_t *p = memmem(b.data + at, b.len - at, mark, sizeof(mark));
		size_t count;

		if (!p)
			break;
		at = (size_t)(p - b.data);
		struct bytes found = libraries_at((struct bytes){ p - sizeof(uint32_t),
								  b.len - at + sizeof(uint32_t) },
						  &count);
		if (count >= LIBRARIES_MIN)
			return found;
		at++;
	}
	return (struct bytes){ 0 };
}

static int parse_image(struct bytes b, struct qemu_kernel *ret)
{
	struct qemu_kernel k = { .kind = QEMU_KERNEL_ARM64 };
	const uint8_t *head = part(b, ARM64_OFFSET_AT, 2 * sizeof(uint64_t));
	uint64_t offset, size;

	memcpy(&offset, head, sizeof(offset));
	memcpy(&size, head + sizeof(offset), sizeof(size));
	if (size && le64toh(size) <= UINT64_MAX - le64toh(offset))
		k.reach = le64toh(offset) + le64toh(size);

	take_libinfo(&k, find_records(b));
	if (!k.version)
		k.version = find_banner(b);
	k.names_tag = has_tag(b);
	*ret = k;
	return 0;
}

int qemu_kernel_parse(const void *data, size_t len, struct qemu_kernel *ret, struct err *err)
{
	struct bytes b = { data, len };

	if (part(b, 0, EI_NIDENT + 4) && memcmp(data, ELFMAG, SELFMAG) == 0)
		return parse_elf(b, ret, err);
	if (part(b, ARM64_MAGIC_AT, 8) && memcmp(b.data + ARM64_MAGIC_AT, "ARM\x64", 4) == 0)
		return parse_image(b, ret);
	if (part(b, 0, 2) && memcmp(data, "\x1f\x8b", 2) == 0)
		return err_set(err, -ENOEXEC, "kernel is compressed with gzip");
	return err_set(err, -ENOEXEC,
		       "kernel is no kernel: neither an ELF multiboot file nor one "
		       "for arm64, ELF or Image (%zu bytes)",
		       len);
}

bool qemu_kernel_may_have(const struct qemu_kernel *kernel, enum qemu_kernel_lib lib)
{
	return !kernel->has_libs || (kernel->libs & lib);
}
