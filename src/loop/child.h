/* Child processes: the only place that forks. Argument vectors and explicit environments,
 * never a shell. These calls block for the spawn alone and may be used on any thread. */
#ifndef HOLM_LOOP_CHILD_H
#define HOLM_LOOP_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/proc.h"

struct child_spec {
	char *const *argv;       /* argv[0] is looked up in PATH unless it has a slash */
	char *const *env;        /* NULL: PATH, LANG=C only */
	const char *dir;         /* working directory, NULL: / */
	const char *output_path; /* stdout and stderr appended here; NULL: /dev/null */
	const int *keep_fds;     /* inherited as 3, 4, … in this order */
	size_t n_keep_fds;
	bool is_detached;       /* a session of its own, outlives us; else dies with us */
	const char *join_netns; /* path of a network namespace to enter first, or NULL */
};

/* Starts it; the parent is told of a failed exec as an error (-ENOENT and so on). A detached child
 * is reparented to init and never a zombie of ours. */
int child_spawn(const struct child_spec *spec, struct proc_id *ret, struct err *err);

/* Runs to the end within timeout_ms (killed beyond, -ETIMEDOUT). ret_output (stdout and stderr, at
 * most 64 KiB, the caller's) may be NULL. Returns the exit code, 128 + signal, or negative errno. */
int child_run(const struct child_spec *spec, unsigned timeout_ms, char **ret_output,
	      struct err *err);

#endif
