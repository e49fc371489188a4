/* The state table: names and permitted transitions. */
#include "base/base.h"
#include "model/state.h"

#define TO(s) (1u << STATE_##s)

/* What the server decides from any state: another node, none, or the end. */
#define TO_ANEW (TO(REQUESTED) | TO(NO_WORKER_CAPACITY) | TO(NODE_SCHEDULED) | TO(UNDEPLOYED))
/* What a node may report of an instance of which the server knows nothing newer. */
#define TO_REPORTED \
	(TO(CREATING) | TO(CREATED) | TO(RUNNING) | TO(FAILED) | TO(DEAD) | TO(COMPLETED))

const char *const state_names[] = {
	[STATE_REQUESTED] = "REQUESTED",
	[STATE_NO_WORKER_CAPACITY] = "NO_WORKER_CAPACITY",
	[STATE_NODE_SCHEDULED] = "NODE_SCHEDULED",
	[STATE_CREATING] = "CREATING",
	[STATE_CREATED] = "CREATED",
	[STATE_RUNNING] = "RUNNING",
	[STATE_FAILED] = "FAILED",
	[STATE_DEAD] = "DEAD",
	[STATE_COMPLETED] = "COMPLETED",
	[STATE_UNDEPLOYED] = "UNDEPLOYED",
	[STATE_N] = NULL,
};
static_assert(ARRAY_LEN(state_names) == STATE_N + 1, "a name for every state");

/* A report may skip steps that went by between two reports: a state implies those before it. */
static const unsigned next_states[] = {
	[STATE_REQUESTED] = TO_ANEW,
	[STATE_NO_WORKER_CAPACITY] = TO_ANEW,
	[STATE_NODE_SCHEDULED] = TO_ANEW | TO_REPORTED,
	[STATE_CREATING] = TO_ANEW | TO_REPORTED,
	[STATE_CREATED] = TO_ANEW | TO_REPORTED,
	[STATE_RUNNING] = TO_ANEW | TO_REPORTED,
	[STATE_FAILED] = TO_ANEW | TO_REPORTED,
	[STATE_DEAD] = TO_ANEW | TO_REPORTED,
	[STATE_COMPLETED] = TO(CREATING) | TO(UNDEPLOYED),
	[STATE_UNDEPLOYED] = 0,
};
static_assert(ARRAY_LEN(next_states) == STATE_N, "a row for every state");

const char *state_name(enum instance_state s)
{
	return state_names[s];
}

int state_parse(const char *name, enum instance_state *ret)
{
	for (int i = 0; i < STATE_N; i++) {
		if (!str_eq(name, state_names[i]))
			continue;
		*ret = (enum instance_state)i;
		return 0;
	}
	return -EINVAL;
}

bool state_may_follow(enum instance_state from, enum instance_state to)
{
	return from == to || next_states[from] & (1u << to);
}

bool state_is_alive(enum instance_state s)
{
	return s == STATE_CREATED || s == STATE_RUNNING;
}
