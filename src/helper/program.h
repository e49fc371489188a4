/* The supervised program: the child side of `run`. */
#ifndef HOLM_HELPER_PROGRAM_H
#define HOLM_HELPER_PROGRAM_H

#include "helper/run.h"

/* Descriptors that it inherits if they are open. */
enum { PROGRAM_FDS_FROM = 4, PROGRAM_FDS_END = 8 };
/* Its end of the connection of events.h, if there is one. */
enum { PROGRAM_EVENTS = PROGRAM_FDS_END };
/* The first of its shared folders; all numbers below the last one are kept for this. */
enum { PROGRAM_SHARES_FROM = 16, PROGRAM_SHARES_END = PROGRAM_SHARES_FROM + SHARES_MAX };

struct program {
	pid_t pid;
	int pidfd;  /* readable once it has ended */
	int output; /* read ends of its standard output and error */
	int errors;
};

/* In the instance's folder: the pipe that is its standard input. */
#define PROGRAM_INPUT "in"

/* Forks it. Meanwhile its surroundings are made, but its first instruction does not run before
 * program_release(), so that its pid can be written down first, and it ends if we do before that. What
 * hinders it it says after that on its standard error, and ends with PROGRAM_FAILED. */
#define PROGRAM_FAILED 127
/* `events` becomes its PROGRAM_EVENTS, -1: none. */
int program_fork(const struct run_options *options, int events, struct program *ret, int *ret_gate,
		 struct err *err);
void program_release(int take_gate);

#endif
