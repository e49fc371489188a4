/* The next step of one instance on its node: wish and facts in, one action out.
 *
 * Pure. The worker keeps the facts, carries the action out, and asks again; so a restart at any
 * point needs nothing but fresh facts. */
#ifndef HOLM_RECONCILE_RECONCILE_H
#define HOLM_RECONCILE_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/sla.h"

enum run_phase { RUN_ABSENT, RUN_ALIVE, RUN_ENDED };

struct reconcile_facts {
	bool is_wished;              /* someone wants it to run */
	bool is_kept;                /* not wished, but its record stays (holm down) */
	uint32_t wish_generation;    /* of the newest spec */
	uint32_t current_generation; /* of the spec it runs by, 0: none yet */
	uint32_t fetched_generation; /* whose image is known to be here, 0: none */
	uint32_t run_generation;     /* of what the runtime holds */
	enum run_phase run;
	bool is_attached;  /* its network link is known to be right */
	bool needs_mounts; /* its volumes are not known to be mounted as the current spec wants */
	bool has_mounts;   /* some may be mounted, right or not */
	bool is_completed; /* current generation ran to its end and is to stay ended */
	bool is_restart_wished; /* somebody asked for one that was not made yet */
	bool is_condemned;      /* it runs, and is to be stopped because a probe says so */
	bool is_pause_wished;   /* it is to be halted while it runs */
	bool is_pause_due;      /* it is not known to be as that says, and may be made so now */
	bool is_waiting;        /* back-off after an end or a failed start */
	bool is_update_waiting; /* back-off after the wish's image could not be had */
};

enum reconcile_action {
	ACTION_NONE,
	ACTION_FETCH,   /* image of the wish's generation */
	ACTION_REFETCH, /* image of the current generation: it runs by an older spec than the wish */
	ACTION_ADVANCE, /* the wish's spec becomes the current one */
	ACTION_RENEW, /* the restart that was asked for counts as made; what ended for good is to run */
	ACTION_ATTACH,
	ACTION_MOUNT,
	ACTION_START,
	ACTION_PAUSE,
	ACTION_RESUME,
	ACTION_STOP, /* also clears the remains of one that ended */
	ACTION_DETACH,
	ACTION_UNMOUNT,
	ACTION_FORGET,
	ACTION_N
};

enum reconcile_action reconcile_next(const struct reconcile_facts *facts);
const char *reconcile_action_name(enum reconcile_action action);

/* What an end by itself leads to. */
enum reconcile_ending {
	ENDING_RESTART,
	ENDING_COMPLETED, /* it stays ended, and that is well */
	ENDING_FAILED,    /* it stays ended, and that is not */
};
/* `is_clean`: exit code 0. */
enum reconcile_ending reconcile_ending(enum sla_restart policy, bool is_clean);

/* A probe: what its tries come to. */
struct probe_rule {
	uint32_t success_threshold, failure_threshold; /* in a row; at least 1 */
	uint64_t period_ms;
	uint64_t start_period_ms; /* failures do not count until then, or the first success */
};
struct probe_rule probe_rule_of(const struct sla_probe *probe);

enum probe_verdict { PROBE_UNKNOWN, PROBE_PASSED, PROBE_FAILED };

struct probe_tally {
	uint64_t begun_ms;            /* of the run, or of watching it */
	uint64_t counted_ms;          /* of the last failure that counted */
	uint64_t good_ms;             /* of the last success, 0: none */
	uint32_t successes, failures; /* in a row */
	uint32_t tries;               /* in vain, until the first success */
	bool has_passed;              /* once */
	enum probe_verdict verdict;
};
/* `has_passed`: it is known to have, before the watching was interrupted. */
void probe_tally_init(struct probe_tally *tally, uint64_t now_ms, bool has_passed);
enum probe_verdict probe_take(const struct probe_rule *rule, struct probe_tally *tally,
			      bool is_good, uint64_t now_ms);
/* From one try to the next. */
uint64_t probe_delay_ms(const struct probe_rule *rule, const struct probe_tally *tally);

#endif
