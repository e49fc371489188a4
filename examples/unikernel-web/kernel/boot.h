/* What the boot loader tells, in one form for every machine. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct boot_info {
	const char *problem;   /* why the guest cannot run; NULL if it can */
	const char *cmdline;   /* its first word is argv[0]; "" when there is none */
	size_t memory_bytes;   /* from the start of the kernel's memory, 0: not told */
	const uint8_t *initrd; /* in that memory, where the loader put it; NULL when there is none */
	size_t initrd_bytes;
};

/* A place where a virtio device may be. */
struct boot_mmio {
	uintptr_t base;
	unsigned line; /* for irq_register() */
};

/* Those that the machine tells of by itself, beside those of the command line. */
size_t boot_mmio(const struct boot_mmio **ret);

/* Shared code begins here, on a stack and with paging. Does not return. */
void kernel_main(const struct boot_info *info) __attribute__((noreturn));
