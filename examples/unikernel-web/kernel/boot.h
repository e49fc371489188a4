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

/* Shared code begins here, on a stack and with paging. Does not return. */
void kernel_main(const struct boot_info *info) __attribute__((noreturn));
