/* States of an instance. Inside the program an enum, at the border Oakestra's strings. */
#ifndef HOLM_MODEL_STATE_H
#define HOLM_MODEL_STATE_H

#include <stdbool.h>

#include "base/err.h"

/*  REQUESTED → NODE_SCHEDULED → CREATING → CREATED → RUNNING → DEAD → CREATING … (restart)
 *      │                            │                   ├→ COMPLETED (exit 0, not to restart)
 *      └→ NO_WORKER_CAPACITY        └→ FAILED ───────→ CREATING … (retry)
 *  every state → UNDEPLOYED */
enum instance_state {
	STATE_REQUESTED,          /* wished for, no node yet */
	STATE_NO_WORKER_CAPACITY, /* no node fits; tried again when nodes change */
	STATE_NODE_SCHEDULED,     /* a node was chosen, it has not answered */
	STATE_CREATING,           /* image, network, start: the detail tells which */
	STATE_CREATED,            /* runs, but not ready yet */
	STATE_RUNNING,            /* the runtime confirmed it */
	STATE_FAILED,             /* could not be started (the detail tells why and when next), or
				     failed and is not started again, by its restart policy */
	STATE_DEAD,               /* ended by itself; started again */
	STATE_COMPLETED,          /* ended with exit code 0, and stays so by its restart policy */
	STATE_UNDEPLOYED,         /* being removed, or removed */
	STATE_N
};

extern const char *const state_names[]; /* ended by NULL, for field tables */
const char *state_name(enum instance_state s);
/* -EINVAL for an unknown name, or none. */
int state_parse(const char *name, enum instance_state *ret);
/* Permissive where a report may skip steps that went by unseen; UNDEPLOYED is final. */
bool state_may_follow(enum instance_state from, enum instance_state to);
/* The states in which the runtime holds a process for it. */
bool state_is_alive(enum instance_state s);

#endif
