/* A machine while it is made: what was found out, and the steps, for a start and for the pool. */
#ifndef HOLM_RUNTIME_QEMU_BUILD_H
#define HOLM_RUNTIME_QEMU_BUILD_H

#include "runtime/qemu/defaults.h"
#include "runtime/qemu/files.h"
#include "runtime/qemu/process.h"
#include "runtime/qemu/snapshot.h"

struct build {
	struct qemu *qemu;
	const struct runtime_spec *spec;
	const char *name;          /* of its folder and control group */
	struct runtime_spec whole; /* the same, with what the image brings */
	struct qemu_defaults defaults;
	const struct runtime_ctx *ctx;
	struct qemu_files files;
	struct qemu_vm vm;
	bool needs_root;
	struct strv argv;
	struct vm_dir dir;
	char *cgroup;      /* NULL: none */
	bool is_cold;      /* whatever the spec says */
	bool is_key_only;  /* only the key is asked for */
	bool is_for_pool;  /* from a saved state, and halted */
	bool is_halted;    /* by a save that went wrong */
	bool is_state_bad; /* QEMU cannot run from it */
	bool is_late;      /* QEMU did not come to run from it in time */
	unsigned nice;     /* of its processes */
	char key[SNAPSHOT_KEY_SIZE];
	int state; /* what it is restored from, or -1 */
};

#define BUILD(qemu_, spec_, ctx_)                      \
	((struct build){ .qemu = (qemu_),              \
			 .spec = (spec_),              \
			 .name = (spec_)->instance_id, \
			 .ctx = (ctx_),                \
			 .dir = { .lock = -1 },        \
			 .state = -1 })
void build_fini(struct build *b);

/* Image, key, saved state, arguments. */
int build_examine(struct build *b, struct err *err);
/* The limits of its control group, which is made if it is not there. */
int build_limit(struct build *b, struct err *err);
int build_write_record(const struct build *b, struct err *err);
int build_make_log_folder(const char *log_path, struct err *err);
/* All of it, until it runs; on failure nothing is left but the log. */
int build_run(struct build *b, struct err *err);

#endif
