/* The QEMU argument list of an instance: a pure function of what was asked and what was found out.
 *
 * Names of files are fixed and relative to the instance's `vm` folder, QEMU's working directory:
 * `kernel`, `initrd`, `files`. Descriptors come open from the supervisor, so that QEMU itself
 * needs no privilege. */
#ifndef HOLM_RUNTIME_QEMU_ARGS_H
#define HOLM_RUNTIME_QEMU_ARGS_H

#include "base/base.h"
#include "runtime/qemu/kernel.h"
#include "runtime/runtime.h"

enum qemu_accel { QEMU_ACCEL_TCG, QEMU_ACCEL_KVM, QEMU_ACCEL_N };
enum qemu_machine {
	QEMU_MACHINE_PC,
	QEMU_MACHINE_MICROVM, /* starts faster; for images with virtio over MMIO */
	QEMU_MACHINE_VIRT,    /* arm64 */
	QEMU_MACHINE_N
};

/* Descriptors that QEMU inherits. */
enum { QEMU_FD_QMP = 4, QEMU_FD_TAP = 5, QEMU_FD_VHOST = 6 };
#define QEMU_FD_EVENTS 8  /* another monitor: the supervisor's, who makes it */
#define QEMU_FD_SHARE  16 /* of the first mount */

/* Mounts, by the size of a guest's table of them (fstab: 16 with the root), and of microvm's bus. */
#define QEMU_MOUNTS_MAX 15
#define QEMU_MMIO_MAX   8
/* Number on that bus of the first mount's device: behind the network card and the image's folders. */
#define QEMU_MMIO_MOUNTS(vm) ((vm)->has_files ? 3u : 1u)

#define QEMU_SEED_WORDS         8
#define QEMU_MEMORY_DEFAULT_MIB 64

struct qemu_vm {
	enum qemu_accel accel;
	enum qemu_machine machine;
	struct qemu_kernel kernel;
	bool has_initrd; /* the image's, or one without files */
	bool has_files;
	bool has_tap; /* QEMU_FD_TAP is open */
	bool has_vhost;
	bool is_restored; /* from the state in qemu_state_fd() instead of booting */
	bool is_halted;   /* and does not run on by itself */
	uint32_t seed[QEMU_SEED_WORDS];
	/* Of the guest's command line, as the image says that it was configured; 0: as is usual. */
	uint32_t variables_max;
	uint32_t words_max;
	size_t n_image_variables; /* of the spec's environment those that the image brings */
};

/* microvm wherever the kernel's records say that it drives virtio over MMIO. One that drives PCI too
 * gets pc before 0.14, which cannot be told where its devices are, and under KVM, where nothing has
 * shown yet that microvm's interrupts arrive. */
enum qemu_machine qemu_machine_for(const struct qemu_kernel *kernel, enum qemu_accel accel);

/* Where a state to restore is: behind the tap, or behind vhost's descriptor. */
int qemu_state_fd(const struct qemu_vm *vm);

/* A guest with volumes whose image has no root: an initrd without files makes an empty one where the
 * kernel has none inside. */
bool qemu_needs_root(const struct runtime_spec *spec, const struct qemu_vm *vm);

/* What the mounts are, for a person: "volumes" */
const char *qemu_mounts_name(const struct runtime_spec *spec);

/* "amd64", "qemu-system-x86_64" */
const char *qemu_arch(enum qemu_kernel_kind kind);
const char *qemu_program(enum qemu_kernel_kind kind);

/* -EINVAL with the reason for what cannot be passed to a guest; -ENOTSUP for what this kernel
 * cannot do. */
int qemu_args_build(const struct runtime_spec *spec, const struct qemu_vm *vm, struct strv *ret,
		    struct err *err);

/* The guest's command line, by the grammar of Unikraft 0.11 to 0.18:
 *
 *	NAME lib.param=value… -- application arguments
 *
 * -EINVAL: a word that cannot be written, more than 4096 bytes, 60 words or 8 variables (or as many as
 * the image takes), beyond which a guest dies in silence or drops words. */
int qemu_cmdline_build(const struct runtime_spec *spec, const struct qemu_vm *vm, char **ret,
		       struct err *err);

#endif
