/* The fork behind child.h. */
#ifndef HOLM_LOOP_SPAWN_H
#define HOLM_LOOP_SPAWN_H

#include "loop/child.h"

struct spawn {
	const struct child_spec *spec;
	const char *path; /* of the executable */
	char *const *env; /* never NULL */
	int input_fd;     /* becomes stdin */
	int output_fd;    /* becomes stdout and stderr */
	int netns_fd;     /* entered first; -1: none */
};

/* Returns when the new program runs, or with the reason why not. */
int spawn(const struct spawn *s, struct proc_id *ret, struct err *err);

#endif
