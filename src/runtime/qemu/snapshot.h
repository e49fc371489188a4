/* Saved states of booted guests, from which later instances of the same image and configuration
 * start. A state is a file below `snapshots/`, named by a key over everything that has to be equal,
 * with a record beside it; QEMU gets it as a descriptor to read. */
#ifndef HOLM_RUNTIME_QEMU_SNAPSHOT_H
#define HOLM_RUNTIME_QEMU_SNAPSHOT_H

#include "json/json.h"
#include "runtime/qemu/state.h"

#define SNAPSHOTS_MAX           16
#define SNAPSHOT_AGE_S          (7 * 24 * 3600) /* since it was used last */
#define SNAPSHOT_MEMORY_MAX_MIB 1024

#define SNAPSHOT_KEY_SIZE 65 /* hex digits and NUL */

/* The key of what would be started with these arguments, as they are for a boot: their words but the
 * instance's name, the image and QEMU's version. */
void snapshot_key(const struct qemu *qemu, const struct runtime_spec *spec, const struct strv *argv,
		  char ret[SNAPSHOT_KEY_SIZE]);

/* 0 if what is asked for can be started from a saved state; else -ENOTSUP with the reason. */
int snapshot_check(const struct runtime_spec *spec, const struct qemu_vm *vm, struct err *err);

/* A descriptor of the state, whole as it was saved; -ENOENT if there is none, -EBADMSG if it was
 * damaged, and is removed then. */
int snapshot_open(struct qemu *qemu, const char *key, struct err *err);

/* Forgets a state that QEMU could not be started from. */
void snapshot_drop(struct qemu *qemu, const char *key);

/* Waits until the guest answers on its port, then saves its state, while it goes on. `path` is the
 * instance's folder. -EALREADY: another one has saved it meanwhile; -EIO: it is not certain that the
 * guest runs on; any other error: it does. */
struct snapshot_source {
	const struct runtime_spec *spec;
	const struct cancel *cancel;  /* or NULL */
	const struct proc_id *helper; /* its end is the guest's */
	const char *path;
	const char *key;
};
int snapshot_save(struct qemu *qemu, const struct snapshot_source *source, struct err *err);

/* In the folder of an instance, as long as its guest may be halted by us. */
#define SNAPSHOT_HALTED_MARK "saving"

/* Lets a guest go on that was being saved, or taken from the pool, when an earlier Holm was killed; `path`
 * is its folder. */
void snapshot_recover(const char *path);

/* Removes states whose image is gone, old ones, the least used beyond the maximum, and leftovers. */
void snapshot_prune(struct qemu *qemu);

#endif
