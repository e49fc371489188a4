/* A virtual machine's processes: its supervisor, and QEMU below it. */
#ifndef HOLM_RUNTIME_QEMU_PROCESS_H
#define HOLM_RUNTIME_QEMU_PROCESS_H

#include "base/exit_record.h"
#include "runtime/qemu/state.h"

#define QEMU_QMP_NAME "qmp"

/* The folder of a machine. It is taken by whoever holds the lock in it: the thread that prepares
 * or removes it, then the supervisor, which inherits the lock and keeps it as long as it lives. */
struct vm_dir {
	char *path;
	char *vm;      /* QEMU's working directory, below it */
	uint32_t user; /* QEMU's user and group; 0: as we run */
	int lock;      /* -1: not taken */
};

/* Makes the folder, takes it and gives it a user; -EBUSY if it is taken. `path` lies in qemu->dir. */
int vm_dir_make(const struct qemu *qemu, const char *path, struct vm_dir *ret, struct err *err);
/* Takes an existing one within the time, for its end; -ENOENT, -EBUSY. */
int vm_dir_take(const char *path, unsigned timeout_ms, struct vm_dir *ret, struct err *err);
/* True if somebody has it. */
bool vm_dir_is_taken(const char *path);
void vm_dir_fini(struct vm_dir *dir);
#define auto_vm_dir __attribute__((cleanup(vm_dir_fini)))

struct vm_launch {
	const struct qemu *qemu;
	const struct vm_dir *dir;
	const struct strv *argv; /* qemu_args_build() */
	const char *log_path;
	const char *tap;   /* NULL: no network */
	const char *netns; /* path of the tap's network namespace, QEMU's too; NULL: ours */
	bool has_vhost;
	bool has_state;
	int state;                          /* what it is restored from; the caller's */
	const struct runtime_mount *mounts; /* folders for descriptors from QEMU_FD_SHARE on */
	size_t n_mounts;
	bool has_kvm;        /* keep the group of /dev/kvm */
	const char *cgroup;  /* or NULL */
	unsigned timeout_ms; /* 0: no time limit */
	unsigned nice;       /* nice value, 0: ours */
};

/* Starts the supervisor with a listening QMP socket that QEMU will answer on: it can be connected to
 * at once, and its end tells that QEMU has ended. */
int vm_launch(const struct vm_launch *launch, struct proc_id *ret_helper, struct err *err);

struct vm_processes {
	struct proc_id helper; /* pid 0: none recorded */
	struct proc_id vm;
};
/* As the supervisor wrote them down, dead or alive. */
void vm_processes_read(const char *path, struct vm_processes *ret);

/* How it ended; -ENOENT while it has not, or nobody saw it. */
int vm_exit_read(const char *path, struct exit_record *ret, struct err *err);

/* What the supervisor itself had to say, "" if all is well; the caller's. */
char *vm_supervisor_words(const char *path);

/* SIGKILL to QEMU and waits for it and its supervisor; success if they are gone already. */
int vm_kill(const char *path, unsigned timeout_ms, struct err *err);

#endif
