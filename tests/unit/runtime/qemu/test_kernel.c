/* Recognising kernels: files made here byte by byte, whole, cut and damaged. */
#include <elf.h>
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "runtime/qemu/kernel.h"

#define FILE_MAX      16384
#define MULTIBOOT_AT  sizeof(Elf32_Ehdr)
#define SECTIONS_AT   512
#define NAMES_AT      1024
#define LIBINFO_AT    2048
#define N_SECTIONS    3
#define NAMES         "\0.shstrtab\0.uk_libinfo"
#define NAME_SHSTRTAB 1
#define NAME_LIBINFO  11

struct image {
	uint8_t data[FILE_MAX];
	size_t len;
	size_t libinfo_len;
};

static void put_record(struct image *i, uint16_t type, const char *text)
{
	uint32_t len = (uint32_t)strlen(text) + 1 + 6;
	uint8_t *p = i->data + LIBINFO_AT + i->libinfo_len;

	memcpy(p, &type, 2);
	memcpy(p + 2, &len, 4);
	memcpy(p + 6, text, len - 6);
	i->libinfo_len += len;
}

/* One library's records: its name, a compiler, perhaps a version. */
static void put_library(struct image *i, const char *name, const char *version)
{
	size_t start = i->libinfo_len;
	uint16_t layout = 1;

	i->libinfo_len += 6;
	put_record(i, 1, name);
	put_record(i, 4, "GCC 12.2.0");
	if (version)
		put_record(i, 7, version);
	uint32_t len = (uint32_t)(i->libinfo_len - start);
	memcpy(i->data + LIBINFO_AT + start, &len, 4);
	memcpy(i->data + LIBINFO_AT + start + 4, &layout, 2);
}

static void finish(struct image *i)
{
	const Elf32_Ehdr e = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1 },
			       .e_type = ET_EXEC,
			       .e_machine = EM_386,
			       .e_shoff = SECTIONS_AT,
			       .e_shentsize = sizeof(Elf32_Shdr),
			       .e_shnum = N_SECTIONS,
			       .e_shstrndx = 1 };
	const Elf32_Shdr sections[N_SECTIONS] = {
		{ 0 },
		{ .sh_name = NAME_SHSTRTAB, .sh_offset = NAMES_AT, .sh_size = sizeof(NAMES) },
		{ .sh_name = NAME_LIBINFO,
		  .sh_offset = LIBINFO_AT,
		  .sh_size = (uint32_t)i->libinfo_len },
	};
	const uint32_t multiboot[3] = { 0x1BADB002, 3, -(0x1BADB002u + 3) };

	memcpy(i->data, &e, sizeof(e));
	memcpy(i->data + MULTIBOOT_AT, multiboot, sizeof(multiboot));
	memcpy(i->data + SECTIONS_AT, sections, sizeof(sections));
	memcpy(i->data + NAMES_AT, NAMES, sizeof(NAMES));
	i->len = LIBINFO_AT + i->libinfo_len;
}

static struct image *image_new(const char *version)
{
	struct image *i = NEW(struct image);

	put_library(i, "libkvmplat", NULL);
	put_library(i, "libvirtio_pci", NULL);
	put_library(i, "lib9pfs", NULL);
	put_library(i, "libuklibid", version);
	finish(i);
	return i;
}

/* Parses an exact copy on the heap, so that a read past the end is seen. */
static int parse(const void *data, size_t len, struct qemu_kernel *ret, struct err *err)
{
	auto_free void *copy = xmalloc(len + (len == 0));

	memcpy(copy, data, len);
	return qemu_kernel_parse(copy, len, ret, err);
}

static void reads_records(void **state)
{
	auto_free struct image *i = image_new("0.17.0~eaf6fda1-custom");
	struct qemu_kernel k;
	struct err err;

	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_int_equal(k.kind, QEMU_KERNEL_X86);
	assert_int_equal(k.version, 17000);
	assert_true(k.has_libs);
	assert_int_equal(k.libs, QEMU_LIB_VIRTIO_PCI | QEMU_LIB_9PFS);
	assert_true(qemu_kernel_may_have(&k, QEMU_LIB_9PFS));
	assert_false(qemu_kernel_may_have(&k, QEMU_LIB_CPIO));
}

static void odd_versions_are_unknown(void **state)
{
	static const char *const odd[] = { "", "0.17", "0.17.", "x.1.2", "0.99999.1", "-1.0.0" };

	for (size_t n = 0; n < ARRAY_LEN(odd); n++) {
		auto_free struct image *i = image_new(odd[n]);
		struct qemu_kernel k;
		struct err err;

		assert_int_equal(parse(i->data, i->len, &k, &err), 0);
		assert_int_equal(k.version, 0);
	}
}

static void accepts_multiboot_without_records(void **state)
{
	auto_free struct image *i = NEW(struct image);
	struct qemu_kernel k;
	struct err err;

	finish(i);
	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_false(k.has_libs);
	assert_true(qemu_kernel_may_have(&k, QEMU_LIB_CPIO));
	memset(i->data + offsetof(Elf32_Ehdr, e_shoff), 0xff, 4);
	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_int_equal(k.version, 0);
}

static void sees_a_table_of_its_own(void **state)
{
	auto_free struct image *i = image_new("0.17.0");
	struct qemu_kernel k;
	struct err err;

	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_false(k.names_tag);
	memcpy(i->data + 1500, "\0fs1", 5);
	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_true(k.names_tag);
}

static void refuse(const struct image *i, const char *part)
{
	struct qemu_kernel k;
	struct err err = { 0 };

	assert_int_equal(parse(i->data, i->len, &k, &err), -ENOEXEC);
	if (!strstr(err.msg, part))
		fail_msg("expected \"%s\", got \"%s\"", part, err.msg);
}

static void refuses_with_a_reason(void **state)
{
	auto_free struct image *i = image_new("0.17.0");

	i->data[EI_CLASS] = ELFCLASS64;
	refuse(i, "Firecracker");
	finish(i);
	i->data[offsetof(Elf32_Ehdr, e_machine)] = EM_ARM;
	refuse(i, "another architecture");
	finish(i);
	i->data[MULTIBOOT_AT + 8]++;
	refuse(i, "no multiboot header");
	memcpy(i->data, "\x1f\x8b\x08", 3);
	refuse(i, "gzip");
	memcpy(i->data, "#!/b", 4);
	refuse(i, "no kernel");
	i->len = 0;
	refuse(i, "no kernel");
}

static void recognises_arm64(void **state)
{
	static const char banner[] = "Unikraft\0Unikraft Calypso 0.17.0~5c0ba1f";
	uint8_t data[512] = "MZ";
	struct qemu_kernel k;
	struct err err;

	memcpy(data + 0x38, "ARM\x64", 4);
	memcpy(data + 300, banner, sizeof(banner));
	assert_int_equal(parse(data, sizeof(data), &k, &err), 0);
	assert_int_equal(k.kind, QEMU_KERNEL_ARM64);
	assert_int_equal(k.version, 17000);
}

/* The same records without a table that leads to them. */
static void become_arm64_image(struct image *i)
{
	memset(i->data, 0, LIBINFO_AT);
	memcpy(i->data, "MZ", 2);
	memcpy(i->data + 0x38, "ARM\x64", 4);
}

static void finds_records_in_an_arm64_image(void **state)
{
	auto_free struct image *i = image_new("0.16.1");
	struct qemu_kernel k;
	struct err err;

	become_arm64_image(i);
	i->len += 64; /* what follows is no library */
	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_int_equal(k.kind, QEMU_KERNEL_ARM64);
	assert_int_equal(k.version, 16001);
	assert_true(k.has_libs);
	assert_int_equal(k.libs, QEMU_LIB_VIRTIO_PCI | QEMU_LIB_9PFS);
}

/* Bytes like those of a record or two can be in any program. */
static void takes_no_two_libraries_for_records(void **state)
{
	auto_free struct image *i = NEW(struct image);
	struct qemu_kernel k;
	struct err err;

	put_library(i, "libkvmplat", NULL);
	put_library(i, "lib9pfs", "0.17.0");
	finish(i);
	become_arm64_image(i);
	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_false(k.has_libs);
	assert_int_equal(k.version, 0);
}

static void become_arm64_elf(struct image *i)
{
	const Elf64_Ehdr e = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			       .e_type = ET_EXEC,
			       .e_machine = EM_AARCH64,
			       .e_shoff = SECTIONS_AT,
			       .e_shentsize = sizeof(Elf64_Shdr),
			       .e_shnum = N_SECTIONS,
			       .e_shstrndx = 1 };
	const Elf64_Shdr sections[N_SECTIONS] = {
		{ 0 },
		{ .sh_name = NAME_SHSTRTAB, .sh_offset = NAMES_AT, .sh_size = sizeof(NAMES) },
		{ .sh_name = NAME_LIBINFO, .sh_offset = LIBINFO_AT, .sh_size = i->libinfo_len },
	};

	memset(i->data, 0, NAMES_AT);
	memcpy(i->data, &e, sizeof(e));
	memcpy(i->data + SECTIONS_AT, sections, sizeof(sections));
}

static void recognises_arm64_elf(void **state)
{
	auto_free struct image *i = image_new("0.17.0~eaf6fda1-custom");
	struct qemu_kernel k;
	struct err err;

	become_arm64_elf(i);
	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_int_equal(k.kind, QEMU_KERNEL_ARM64);
	assert_int_equal(k.version, 17000);
	assert_int_equal(k.libs, QEMU_LIB_VIRTIO_PCI | QEMU_LIB_9PFS);
	memset(i->data + LIBINFO_AT, 0, i->libinfo_len);
	refuse(i, "ordinary program");
	i->data[offsetof(Elf64_Ehdr, e_machine)] = EM_X86_64;
	refuse(i, "Firecracker");
}

static void names_the_platform_of_another_build(void **state)
{
	auto_free struct image *i = NEW(struct image);

	put_library(i, "libxenplat", NULL);
	finish(i);
	become_arm64_elf(i);
	i->data[offsetof(Elf64_Ehdr, e_machine)] = EM_X86_64;
	refuse(i, "is built for Xen");
}

#define SEGMENTS_AT 256

/* Two that are loaded, and one that is nowhere. */
static void tells_how_far_it_reaches(void **state)
{
	const Elf32_Phdr s32[] = {
		{ .p_type = PT_LOAD, .p_paddr = 0x226000, .p_memsz = 0x4c000 },
		{ .p_type = PT_LOAD, .p_paddr = 0x100000, .p_memsz = 0x1000 },
		{ .p_type = PT_NOTE, .p_paddr = 0xffff0000, .p_memsz = 0x1000 },
	};
	const Elf64_Phdr s64[] = {
		{ .p_type = PT_LOAD, .p_paddr = 0x40100000, .p_memsz = 0x5000 },
		{ .p_type = PT_LOAD, .p_paddr = UINT64_MAX, .p_memsz = 2 },
	};
	const uint64_t head[2] = { htole64(0x80000), htole64(0x100000) };
	auto_free struct image *i = image_new("0.17.0");
	struct qemu_kernel k;
	struct err err;

	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_int_equal(k.reach, 0);
	Elf32_Ehdr *e32 = (Elf32_Ehdr *)i->data;
	e32->e_phoff = SEGMENTS_AT;
	e32->e_phentsize = sizeof(s32[0]);
	e32->e_phnum = ARRAY_LEN(s32);
	memcpy(i->data + SEGMENTS_AT, s32, sizeof(s32));
	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_int_equal(k.reach, 0x272000);
	become_arm64_elf(i);
	Elf64_Ehdr *e64 = (Elf64_Ehdr *)i->data;
	e64->e_phoff = SEGMENTS_AT;
	e64->e_phentsize = sizeof(s64[0]);
	e64->e_phnum = ARRAY_LEN(s64);
	memcpy(i->data + SEGMENTS_AT, s64, sizeof(s64));
	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_int_equal(k.reach, 0x105000);
	become_arm64_image(i);
	memcpy(i->data + 8, head, sizeof(head));
	assert_int_equal(parse(i->data, i->len, &k, &err), 0);
	assert_int_equal(k.reach, 0x180000);
}

static void damage(struct image *i)
{
	struct qemu_kernel k;
	struct err err;

	for (size_t len = 0; len < i->len; len++)
		parse(i->data, len, &k, &err);
	for (size_t at = 0; at < i->len; at++) {
		uint8_t was = i->data[at];

		i->data[at] = 0xff;
		parse(i->data, i->len, &k, &err);
		i->data[at] = 0;
		parse(i->data, i->len, &k, &err);
		i->data[at] = was;
	}
}

/* Whatever is cut off or changed: an answer, and no read outside. */
static void survives_damage(void **state)
{
	auto_free struct image *i = image_new("0.17.0");

	damage(i);
	become_arm64_elf(i);
	damage(i);
	become_arm64_image(i);
	damage(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_records),
		cmocka_unit_test(odd_versions_are_unknown),
		cmocka_unit_test(accepts_multiboot_without_records),
		cmocka_unit_test(sees_a_table_of_its_own),
		cmocka_unit_test(refuses_with_a_reason),
		cmocka_unit_test(names_the_platform_of_another_build),
		cmocka_unit_test(tells_how_far_it_reaches),
		cmocka_unit_test(recognises_arm64),
		cmocka_unit_test(finds_records_in_an_arm64_image),
		cmocka_unit_test(takes_no_two_libraries_for_records),
		cmocka_unit_test(recognises_arm64_elf),
		cmocka_unit_test(survives_damage),
	};

	return cmocka_run_group_tests_name("runtime/qemu/kernel", tests, NULL, NULL);
}
