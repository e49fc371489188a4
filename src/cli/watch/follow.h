/* What --wait follows: the instances of some services, until each runs or has failed. Pure: views in,
 * verdict out. */
#ifndef HOLM_CLI_WATCH_FOLLOW_H
#define HOLM_CLI_WATCH_FOLLOW_H

#include "model/view.h"

#define FOLLOW_ENDS_MAX 3 /* an instance that ended by itself so often counts as failed */

enum follow_verdict { FOLLOW_PENDING, FOLLOW_GOOD, FOLLOW_FAILED };

/* An instance as last told. */
struct followed {
	char id[ID_SIZE];
	char *label;   /* service.servicens.number */
	char *service; /* its service's full name */
	char *before;  /* how it stood before the request, NULL: it was not there */
	char *state;
	char *reason;
	uint32_t progress_percent;
	uint32_t generation;
	uint32_t wished_generation;
	uint32_t incarnation;
	uint32_t incarnation_before; /* the request */
	uint32_t ends;
	bool is_seen;    /* told since the last reset */
	bool is_changed; /* it stands otherwise than before */
	bool is_removed; /* to go */
	bool is_gone;
	bool is_update_failed;
	bool is_paused;
	bool is_pause_wished;
	bool is_pause_failed;
	bool is_restarted; /* by the request */
};

struct follow {
	struct map instances;   /* id → struct followed, in order of appearance */
	struct map restarted;   /* full names of instances that the request restarts */
	struct map services;    /* full name → struct followed_service */
	struct map service_ids; /* id → the same */
	bool is_narrow;         /* only those count that the request restarts */
};

/* The services that the plan is about; those it replaces have to show news before they count. */
void follow_init(struct follow *follow, const struct plan_view *plan);
void follow_fini(struct follow *follow);

/* How an instance stood before the request. */
void follow_before(struct follow *follow, const struct instance_view *view);

/* Around a complete list; what it did not hold is gone. */
void follow_list_begin(struct follow *follow);
void follow_list_end(struct follow *follow);

/* News. An instance is returned if it is followed. */
const struct followed *follow_instance(struct follow *follow, const struct instance_view *view);
const struct followed *follow_instance_gone(struct follow *follow, const char *id);
void follow_service(struct follow *follow, const struct service_view *view);
void follow_service_gone(struct follow *follow, const char *id);

enum follow_verdict follow_verdict_of(const struct follow *follow, const struct followed *f);
/* Whether one that runs has ended by itself since the request: it may do so again. */
bool follow_has_restarted(const struct follow *follow);
/* FAILED once nothing is pending any more and something failed. */
enum follow_verdict follow_verdict(const struct follow *follow);

#endif
