/* What runs in the simulated machine's instances, as far as probes see it: a program that is of use some
 * time after it was started, and may hang later. It goes on while Holm is away. */
#ifndef HOLM_TESTS_SIM_PROGRAMS_H
#define HOLM_TESTS_SIM_PROGRAMS_H

#include "world.h"

struct programs *programs_new(struct world *world); /* one at a time */
struct programs *programs_free(struct programs *programs);
/* For the worker's configuration. */
extern const struct prober programs_prober;

/* The run of the instance answers no more; its next one will. Returns its pid, 0 if none runs. */
pid_t programs_hang(struct programs *programs, const char *instance_id);
/* The pid of its run that is there now, 0: none. */
pid_t programs_pid(struct programs *programs, const char *instance_id);
/* Whether that run has answered a probe well. */
bool programs_has_answered(struct programs *programs, const char *instance_id);

#endif
