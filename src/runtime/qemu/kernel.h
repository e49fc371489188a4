/* What kind of kernel a file holds, from its bytes alone. */
#ifndef HOLM_RUNTIME_QEMU_KERNEL_H
#define HOLM_RUNTIME_QEMU_KERNEL_H

#include "base/base.h"

enum qemu_kernel_kind {
	QEMU_KERNEL_X86,   /* ELF32 with a multiboot header around 64-bit code */
	QEMU_KERNEL_ARM64, /* Linux arm64 Image, or ELF64 */
	QEMU_KERNEL_N
};

enum qemu_kernel_lib {
	QEMU_LIB_VIRTIO_PCI = 1,
	QEMU_LIB_VIRTIO_MMIO = 2,
	QEMU_LIB_VIRTIO_NET = 4,
	QEMU_LIB_9PFS = 8,
	QEMU_LIB_CPIO = 16,
	QEMU_LIB_ENVIRON = 32,
	QEMU_LIB_NETDEV = 64,
	QEMU_LIB_XEN = 128, /* the platform that it is built for */
};

/* 0.17.0 is 17000. */
#define QEMU_KERNEL_VERSION(major, minor, patch) \
	((uint32_t)(major)*1000000 + (uint32_t)(minor)*1000 + (uint32_t)(patch))

struct qemu_kernel {
	enum qemu_kernel_kind kind;
	uint32_t version; /* QEMU_KERNEL_VERSION(), 0: unknown */
	bool has_libs;    /* it records its libraries, so that one not there is known to miss */
	uint32_t libs;    /* enum qemu_kernel_lib */
	bool names_tag;   /* it has a table of its own that mounts the shared folder fs0 or fs1 */
	uint64_t reach;   /* bytes from the beginning of memory to its end, 0: unknown */
};

/* -ENOEXEC with the reason for whatever cannot be booted. Unikraft's own records (`.uk_libinfo`)
 * are read where they exist; a multiboot kernel or an Image without them is fine. */
int qemu_kernel_parse(const void *data, size_t len, struct qemu_kernel *ret, struct err *err);

/* False only if the kernel says which libraries it has and this is not among them. */
bool qemu_kernel_may_have(const struct qemu_kernel *kernel, enum qemu_kernel_lib lib);

#endif
