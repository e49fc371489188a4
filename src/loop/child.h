/* Child processes: the only place that forks. Argument vectors and explicit environments,
 * never a shell. These calls block for the spawn alone and may be used on any thread. */
#ifndef HOLM_LOOP_CHILD_H
#define HOLM_LOOP_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/proc.h"

#define CHILD_FDS_MAX 16

/* Every child is the leader of a session of its own, with empty signal mask, default signal actions
 * and no descriptors but those named here. */
struct child_spec {
	char *const *argv;       /* argv[0] is looked up in PATH and the sbin folders unless it has
				  * a slash, which makes it a path from `dir` */
	char *const *env;        /* NULL: PATH, LANG=C only */
	const char *dir;         /* working directory, NULL: / */
	const int *stdio;        /* stdin, stdout and stderr; NULL: stdin from /dev/null, and */
	const char *output_path; /* stdout and stderr appended here; NULL: /dev/null */
	const int *keep_fds;     /* inherited as 3, 4, … in this order, at most CHILD_FDS_MAX */
	size_t n_keep_fds;
	bool is_detached; /* outlives us; else is killed when the thread that starts it ends */
	const char *join_netns; /* path of a network namespace to enter first, or NULL */
};

/* Starts it; the parent is told of a failed exec as an error (-ENOENT and so on). A detached child
 * is reparented to init and never a zombie of ours; of any other the owner has to collect the end
 * with child_wait(). */
int child_spawn(const struct child_spec *spec, struct proc_id *ret, struct err *err);

/* Waits until a child that is not detached has ended, at most timeout_ms (0: only looks), and
 * releases it, so once only. Returns the exit code, 128 + signal, -ETIMEDOUT, -ECHILD if it is no
 * child of ours. On the loop: watch proc_open()'s descriptor, then call this with 0. */
int child_wait(const struct proc_id *id, unsigned timeout_ms, struct err *err);

/* Runs to the end within timeout_ms (killed beyond with its session, -ETIMEDOUT). ret_output (the
 * last 64 KiB of stdout and stderr, the caller's) may be NULL; it is set only when an exit code is
 * returned. Returns the exit code, 128 + signal, or negative errno. Ignores output_path. */
int child_run(const struct child_spec *spec, unsigned timeout_ms, char **ret_output,
	      struct err *err);

#endif
