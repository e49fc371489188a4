/* The shim of one container: containerd's task API (wire/task/task.h) on one side, an OCI runtime on the
 * other. It is the parent of the container's processes, holds what they read and write, and outlives
 * containerd and Holm. One thread, one loop; each file here is one part of it. */
#ifndef HOLM_SHIM_SHIM_H
#define HOLM_SHIM_SHIM_H

#include "base/base.h"
#include "loop/child.h"
#include "loop/loop.h"
#include "wire/task/task.h"

#define RUNTIME_ROOT "/run/containerd/runc" /* unless told */
#define PID_FILE     "init.pid"
#define ROOTFS       "rootfs"
#define GATE         "exec.fifo" /* runc's, of a container that was created and not started */

/* children.c: ends of processes, those that others leave to us as well. */
struct children {
	struct loop *loop;
	struct signal_watch *watch;
	struct list watched;
	struct child_end {
		pid_t pid;
		int status;
	} ends[32]; /* of processes that nobody watched */
	size_t n_ends;
	size_t n_runs;    /* of OCI runtimes, which tell only later whom they have started */
	struct list runs; /* the same, as oci.c knows them */
};
typedef void (*child_fn)(void *arg, int status); /* exit code, or 128 + signal */
void children_init(struct children *children, struct loop *loop);
void children_fini(struct children *children);
/* One process that is or becomes our child. `fn` is called once, in a later turn. */
void children_watch(struct children *children, pid_t pid, child_fn fn, void *arg);
/* `fn` is not called any more for this `arg`. */
void children_forget(struct children *children, const void *arg);
/* The same for one that may start others: their ends are kept meanwhile. */
int children_run(struct children *children, const struct child_spec *spec, child_fn fn, void *arg,
		 struct err *err);

/* oci.c: runs of the OCI runtime. */
struct oci {
	struct children *children;
	const char *bundle;
	char *program;
	char *root;
	bool has_systemd_cgroup;
};
/* `err` NULL: it went well; `output` is its standard output if that was asked for. */
typedef void (*oci_fn)(void *arg, const struct err *err, const char *output);
struct oci_words {
	const char *const *words; /* "kill", …; NULL-ended */
	const int *stdio;         /* NULL: none */
	const char *input;        /* instead: this text, and its output is wanted */
};
void oci_run(struct oci *oci, const struct oci_words *words, oci_fn fn, void *arg);
/* `fn` is not called any more for this `arg`. */
void oci_forget(struct children *children, const void *arg);
/* Whoever waits for one is told that its end will not be seen. */
void oci_give_up(struct children *children);
/* "runc" is one whose ways are known: a container's process can be signalled and let go without it. */
bool oci_is(const char *program, const char *name);
/* From a file that a runtime has written. */
int oci_read_pid(const char *path, pid_t *ret, struct err *err);

/* copy.c: bytes from one descriptor to another until an end. Takes both. */
struct copy;
struct copy *copy_new(struct loop *loop, int take_from, int take_to, loop_fn on_end, void *arg);
bool copy_has_ended(const struct copy *copy);
struct copy *copy_free(struct copy *copy); /* NULL-safe */

/* stdio.c: what one process reads and writes. A FIFO is the process's own; from a terminal and into files
 * bytes are carried. */
struct stdio {
	struct children *children;
	char *input, *output, *errors;
	bool is_terminal;
	int theirs[3];  /* the process's ends until it has started; -1 */
	int readers[2]; /* of FIFOs that it writes to, so that a client who goes does not break it */
	int writers[2]; /* of a logger's pipes, so that it does not end before the container is deleted */
	int input_writer; /* of the FIFO that it reads, so that this does not end with a client */
	int terminal;     /* our end, -1 */
	int listener;     /* where the OCI runtime hands it over */
	char *listener_path;
	pid_t logger;
	struct copy *to_terminal;
	struct copy *outputs[2]; /* into files; the first also from a terminal */
	struct timer *timer;
	loop_fn on_closed; /* it is being closed */
	void *arg;
	bool is_late;   /* what is on its way is not waited for any more */
	bool is_ending; /* the logger was asked to */
};
struct stdio_owner {
	const char *ns, *container_id;
	const char *socket; /* prefix of the path where a terminal is handed over */
	unsigned number;    /* ends it: no other's at this time */
};
void stdio_init(struct stdio *io, struct children *children, const struct task_request *request);
void stdio_fini(struct stdio *io); /* at once, whatever is still in it */
/* Before the process is started ... */
int stdio_open(struct stdio *io, const struct stdio_owner *owner, struct err *err);
/* ... when it has been ... */
int stdio_begin(struct stdio *io, struct err *err);
void stdio_close_input(struct stdio *io);
int stdio_resize(struct stdio *io, uint32_t columns, uint32_t rows, struct err *err);
/* ... and when it has ended: readers of FIFOs see an end as soon as nobody else writes. */
void stdio_ended(struct stdio *io);
/* What is on its way is passed on (for 2 s at most), the logger ends, then `fn` in a later turn. */
void stdio_close(struct stdio *io, loop_fn fn, void *arg);
/* logger.c */
int logger_start(struct stdio *io, const struct stdio_owner *owner, struct err *err);
void stdio_proceed(struct stdio *io); /* with closing: the logger has ended */

/* rootfs.c */
int rootfs_mount(const struct task_mount *mounts, size_t n, const char *target, struct err *err);
int rootfs_unmount(const char *target, struct err *err);

/* container.c, process.c */
struct process {
	struct list node; /* of the container's further ones */
	struct container *container;
	char *id; /* "": the first */
	char *spec;
	pid_t pid; /* 0: not started */
	enum task_state state;
	struct task_end end;
	struct stdio io;
	struct task_call *call; /* being worked on; others wait */
	struct task_call **calls;
	size_t n_calls;
	struct task_call **waiters;
	size_t n_waiters;
	int gate; /* the FIFO that keeps a container's first process from its program, or -1 */
	struct io *gate_io;
	bool is_starting;
	bool has_ended; /* while it was starting */
	int status;
};
struct container {
	struct shim *shim;
	char *bundle;
	char *rootfs; /* NULL: nothing is mounted by us */
	struct oci oci;
	struct process first;
	struct list others;
	bool has_failed; /* it is only being cleared away */
};
void container_create(struct shim *shim, struct task_call *take_call);
void container_call(struct container *container, struct task_call *take_call);
struct container *container_free(struct container *container);

void process_init(struct process *process, struct container *container,
		  const struct task_request *request);
void process_fini(struct process *process);
void process_call(struct process *process, struct task_call *take_call);
/* It has its number now. */
int process_started(struct process *process, const char *pid_file, struct err *err);
void process_set_running(struct process *process, enum task_event_type type);
void process_done(struct process *process); /* with its call */
void process_tell(const struct process *process, enum task_event_type type);
/* exec.c */
void exec_add(struct container *container, struct task_call *take_call);
void exec_start(struct process *process);
char *exec_file(const struct process *process, const char *ending); /* path; the caller's */

struct shim {
	struct loop *loop;
	const char *ns;
	const char *id;
	const char *address; /* containerd's */
	char *socket;        /* path of ours */
	struct task_server *server;
	struct task_events *events;
	struct children children;
	struct container *container; /* NULL before it is created and when it has been deleted */
	struct task_call *next;      /* creation that waits until one that failed is cleared away */
	unsigned n_stdio;            /* that there ever were */
	bool is_ending;              /* as soon as the container has gone */
};
/* serve.c: it has gone; the shim too, if that was asked for. */
void shim_release(struct shim *shim);
/* The process that stays; its exit status. */
int serve_main(int argc, char **argv);
/* orphan.c: its shim has ended; returns when it has, too, or when its time is over. `address`: containerd's,
 * may be NULL. */
void orphan_end(const char *id, const char *bundle, const char *address);
/* remove.c: cleans up behind a shim that has gone; exit status. */
int remove_main(int argc, char **argv);

#endif
