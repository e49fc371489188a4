/* An instance as its folder has it: what Holm wrote when it started it, what its supervisor wrote
 * since. Nothing about it is kept in memory, so a Holm that starts anew sees as much as one that
 * was there. */
#ifndef HOLM_RUNTIME_QEMU_INSTANCE_H
#define HOLM_RUNTIME_QEMU_INSTANCE_H

#include "json/json.h"
#include "runtime/qemu/state.h"

struct qemu_record {
	char *boot_id;
	char *digest;
	uint64_t started_ms;
	uint32_t incarnation;
	uint32_t generation;
	char *accel;
	char *arch;   /* of the guest: amd64, arm64; NULL: amd64 */
	char *cgroup; /* NULL: none */
};
extern const struct field_table qemu_record_table;

/* The instance's folder, and its control group below each hierarchy's root; the caller's. The folder of
 * one that came from the pool is a symbolic link to that of its machine there, whose name the
 * control group has. */
char *instance_path(const struct qemu *qemu, const char *id);
char *instance_real_path(const struct qemu *qemu, const char *id);
char *instance_cgroup(const struct qemu *qemu, const char *id);

int instance_write(const char *path, const struct qemu_record *record, struct err *err);

/* Marks it as being stopped by us, which tells that from an end of its own. */
int instance_mark_stopping(const char *path, struct err *err);

/* Marks its console as one that has printed: of a guest that was started from a saved state, which has
 * no reason to. */
int instance_mark_spoken(const char *path, struct err *err);
/* The machine is off, and QEMU has to be killed. */
int instance_mark_off(const char *path, struct err *err);

/* What became of it; -ENOENT if there is no such instance. A folder without a record is a start
 * that never came to its end: STARTING while somebody has it, else nothing (-ENOENT). */
int instance_status(const struct qemu *qemu, const char *id, struct runtime_status *ret,
		    struct err *err);

#endif
