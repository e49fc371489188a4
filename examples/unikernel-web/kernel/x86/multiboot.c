/* What a multiboot loader leaves (Multiboot 0.6.96, section 3.3), in our words. */
#include "kernel/boot.h"

enum {
	MULTIBOOT_LOADED = 0x2BADB002,
	MULTIBOOT_HAS_MEMORY = 1,
	MULTIBOOT_HAS_CMDLINE = 4,
};

/* The start of it. */
struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower_kib;
	uint32_t mem_upper_kib; /* above 1 MiB, where the kernel is */
	uint32_t boot_device;
	uint32_t cmdline;
};

void multiboot_main(uint32_t magic, const struct multiboot_info *multiboot);

void multiboot_main(uint32_t magic, const struct multiboot_info *multiboot)
{
	struct boot_info info = { .cmdline = "" };

	if (magic != MULTIBOOT_LOADED)
		info.problem = "boot: not started by a multiboot loader";
	else if (multiboot->flags & MULTIBOOT_HAS_CMDLINE)
		info.cmdline = (const char *)(uintptr_t)multiboot->cmdline;
	if (magic == MULTIBOOT_LOADED && multiboot->flags & MULTIBOOT_HAS_MEMORY)
		info.memory_bytes = (size_t)multiboot->mem_upper_kib * 1024;
	kernel_main(&info);
}
