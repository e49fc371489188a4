/* What a multiboot loader leaves (Multiboot 0.6.96, section 3.3), in our words. */
#include "kernel/boot.h"

enum {
	MULTIBOOT_LOADED = 0x2BADB002,
	MULTIBOOT_HAS_MEMORY = 1,
	MULTIBOOT_HAS_CMDLINE = 4,
	MULTIBOOT_HAS_MODULES = 8,
};

/* The start of it. */
struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower_kib;
	uint32_t mem_upper_kib; /* above 1 MiB, where the kernel is */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t module_count;
	uint32_t modules;
};

struct multiboot_module {
	uint32_t start;
	uint32_t end;
	uint32_t name;
	uint32_t reserved;
};

/* The first module is the initrd; there are no others. */
static void take_modules(const struct multiboot_info *multiboot, struct boot_info *info)
{
	const struct multiboot_module *module;

	if (!(multiboot->flags & MULTIBOOT_HAS_MODULES) || !multiboot->module_count)
		return;
	module = (const struct multiboot_module *)(uintptr_t)multiboot->modules;
	info->initrd = (const uint8_t *)(uintptr_t)module->start;
	info->initrd_bytes = module->end - module->start;
}

void multiboot_main(uint32_t magic, const struct multiboot_info *multiboot);

size_t boot_mmio(const struct boot_mmio **ret)
{
	*ret = NULL;
	return 0;
}

void multiboot_main(uint32_t magic, const struct multiboot_info *multiboot)
{
	struct boot_info info = { .cmdline = "" };

	if (magic != MULTIBOOT_LOADED)
		info.problem = "boot: not started by a multiboot loader";
	else if (multiboot->flags & MULTIBOOT_HAS_CMDLINE)
		info.cmdline = (const char *)(uintptr_t)multiboot->cmdline;
	if (magic == MULTIBOOT_LOADED)
		take_modules(multiboot, &info);
	if (magic == MULTIBOOT_LOADED && multiboot->flags & MULTIBOOT_HAS_MEMORY)
		info.memory_bytes = (size_t)multiboot->mem_upper_kib * 1024;
	kernel_main(&info);
}
