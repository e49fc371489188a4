/* Machines that wait: QEMU with the state of a booted guest loaded, halted, in a network namespace of its
 * own with a tap. A start takes one by naming its folder for the instance and letting it run. */
#ifndef HOLM_RUNTIME_QEMU_WARM_H
#define HOLM_RUNTIME_QEMU_WARM_H

#include "runtime/qemu/process.h"
#include "runtime/qemu/snapshot.h"
#include "runtime/warm.h"
#include "wire/qmp/qmp.h"

#define WARM_PREFIX "warm-" /* of their folders, beside those of instances */

struct warm_machine {
	char *label;
	char name[sizeof(WARM_PREFIX) + ID_LEN]; /* of its folder and control group */
	char key[SNAPSHOT_KEY_SIZE];             /* of the state that it has loaded */
	uint64_t netns;                          /* inode */
	struct vm_processes processes;
	struct qmp *qmp;
	uint64_t bytes;
	bool is_ending;
	bool is_stuck;             /* it did not end when it was to */
	char instance_id[ID_SIZE]; /* whom it is kept for, "": nobody */
	uint64_t kept_ms;          /* since when (monotonic) */
};

/* warm.c: making one, and starting an instance from one. */
/* Makes one like an instance of this spec; -ENOENT while there is no saved state. */
int warm_make(struct qemu *qemu, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
	      struct warm_machine *ret, struct err *err);
/* What it would take of the machine's memory. */
uint64_t warm_bytes(const struct runtime_spec *spec);
/* The instance runs, or nothing has changed but that a machine that was of no use is gone. Why not is
 * logged. */
int warm_start(struct qemu *qemu, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
	       struct err *err);
/* Forgets it, and lets it be. */
void warm_machine_fini(struct warm_machine *machine);

/* warm_pool.c: which ones there are. */
struct warm;
struct warm *warm_new(void);
struct warm *warm_free(struct qemu *qemu); /* ends them all; returns NULL */
void warm_empty(struct qemu *qemu);
/* Ends those of an earlier Holm. */
void warm_sweep(const struct qemu *qemu);
/* The one that is kept for the instance, which is the caller's then, if it is of this key and in the
 * instance's namespace. -ENOENT with the reason. */
int warm_claim(struct qemu *qemu, const struct runtime_spec *spec, const char *key,
	       struct warm_machine *ret, struct err *err);

extern const struct runtime_warm_ops qemu_warm_ops;

#endif
