/* Commands in running instances, beside their first process.
 *
 * begin() returns when the command runs; whoever called it reads, writes and closes the descriptors,
 * sees the end by the process (proc_open()), and calls end(), once it has read all, for the exit
 * code. Nothing is left then. Without an end() the next open() of the driver ends what is left.
 * All block for one short step and may be called on any thread. */
#ifndef HOLM_RUNTIME_EXEC_H
#define HOLM_RUNTIME_EXEC_H

#include "base/base.h"
#include "base/id.h"
#include "base/proc.h"

struct cancel;
struct runtime_driver;

#define RUNTIME_EXEC_WORDS_MAX 1024 /* of a command, and variables of its environment */

struct runtime_exec {
	const char *instance_id;
	const char *id;         /* of this run of a command: as id_format() makes them */
	const struct strv *cmd; /* at least one word */
	const struct strv *env; /* K=V, added to the instance's; may be NULL */
	const char *user;       /* USER[:GROUP]; NULL: the instance's */
	const char *dir;        /* NULL: the instance's */
	bool has_input;
	bool is_terminal; /* of `rows` and `columns`, 0: not known */
	uint32_t rows;
	uint32_t columns;
	/* Both of runtime_exec_run(): */
	uint32_t timeout_ms;
	const struct cancel
		*cancel; /* looked at every second, then as if the time was over; may be NULL */
};

/* The descriptors are the caller's, non-blocking FIFOs; -1: none. At the end of `out` and `err`
 * nothing more will come. */
struct runtime_exec_process {
	struct proc_id proc; /* pid 0: it has ended already */
	int in;
	int out;
	int err; /* none with a terminal */
};

/* The first process of an instance with a terminal, or with standard input. */
struct runtime_attachment {
	bool is_terminal;
	int in;     /* a FIFO, -1: it takes no input */
	int output; /* packets: a byte, 1 for stderr, else 0, and then what it prints from now on */
};
#define RUNTIME_PACKET_MAX ((size_t)16 << 10) /* and the byte before it */

/* Who runs programs that have no commands (unikernels) has attach() and resize() alone. */
struct runtime_exec_ops {
	/* Non-blocking descriptors, the caller's; any number may be attached. -ENOTSUP if it has neither
	 * terminal nor input, -ESRCH. close_input and resize of id "" are about the first process. */
	int (*attach)(void *state, const char *instance_id, struct runtime_attachment *ret,
		      struct err *err);
	/* -ENOENT: no such command, -EACCES: not to be executed, -ESRCH: the instance does not run,
	 * -EINVAL: no such user or folder, -ENOTSUP: this sub-runtime cannot. On failure nothing is
	 * left. */
	int (*begin)(void *state, const struct runtime_exec *exec, struct runtime_exec_process *ret,
		     struct err *err);
	/* The end of input, once `in` is closed. */
	int (*close_input)(void *state, const struct runtime_exec *exec, struct err *err);
	/* To exec->rows and exec->columns. */
	int (*resize)(void *state, const struct runtime_exec *exec, struct err *err);
	int (*kill)(void *state, const struct runtime_exec *exec, int sig, struct err *err);
	/* The folder that is the instance's root, as its first process sees it: a descriptor, the
	 * caller's. -ESRCH, -ENOTSUP where it cannot be reached. */
	int (*open_root)(void *state, const char *instance_id, struct err *err);
	/* What still runs of its session is killed if `is_forced`; else it must have ended. */
	int (*end)(void *state, const struct runtime_exec *exec, bool is_forced, int *ret_exit_code,
		   struct err *err);
};

/* A whole run, blocking its thread until the end or the timeout. */
#define RUNTIME_EXEC_OUTPUT_MAX 4096
struct runtime_exec_result {
	int exit_code;
	bool is_timed_out;                        /* it was killed for it */
	char output[RUNTIME_EXEC_OUTPUT_MAX + 1]; /* first bytes of stdout and stderr */
};
/* -ENOTSUP if the driver has no exec; else begin()'s errors. A command that cannot be run fails here
 * and has no exit code. */
int runtime_exec_run(const struct runtime_driver *driver, void *state,
		     const struct runtime_exec *exec, struct runtime_exec_result *ret,
		     struct err *err);

#endif
