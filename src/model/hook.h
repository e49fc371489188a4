/* Hooks: URLs that are told of changes, or asked before them. Names of members, events and entities are
 * those of Oakestra's resource abstractor (docs/hooks.md). */
#ifndef HOLM_MODEL_HOOK_H
#define HOLM_MODEL_HOOK_H

#include "base/id.h"
#include "base/parse.h"
#include "json/json.h"

#define HOOKS_MAX          50
#define HOOK_NAME_MAX      100  /* bytes */
#define HOOK_URL_MAX       2048 /* the same */
#define HOOK_SECRET_MIN    16   /* the same */
#define HOOK_SECRET_MAX    256  /* the same */
#define HOOK_SECRET_RANDOM 32   /* of one that we make, as hex digits twice that */
#define HOOK_WAITING_MAX   1000 /* deliveries of a hook */
#define HOOK_TRIES_MAX     10
#define HOOK_RESULTS_MAX   20 /* that are kept of a hook */

enum hook_event {
	HOOK_PRE_CREATE,
	HOOK_PRE_UPDATE,
	HOOK_PRE_DELETE,
	HOOK_POST_CREATE,
	HOOK_POST_UPDATE,
	HOOK_POST_DELETE,
	HOOK_EVENT_N,
};

/* What a change goes by that could not be asked about. */
enum hook_failure { HOOK_OPEN, HOOK_CLOSED, HOOK_FAILURE_N };

#define HOOK_APPLICATIONS "applications"
#define HOOK_JOBS         "jobs" /* services */
#define HOOK_INSTANCES    "instances"
#define HOOK_RESOURCES    "resources" /* nodes */

struct hook {
	char id[ID_SIZE];
	char *name; /* unique */
	char *url;  /* unique for an entity */
	char *entity;
	struct strv events;
	enum hook_failure on_failure;
	char *secret; /* sealed */
	uint64_t created_ms;
	uint64_t changed_ms;
};

/* Of a change, to be told to a hook. */
struct hook_delivery {
	char id[ID_SIZE]; /* grows from one to the next */
	char hook_id[ID_SIZE];
	enum hook_event event;
	char *entity;
	char object_id[ID_SIZE];
	uint64_t at_ms; /* of the change */
	uint32_t tries; /* that failed */
};

/* What is sent of it. */
struct hook_message {
	char id[ID_SIZE];
	enum hook_event event;
	char *entity;
	char object_id[ID_SIZE];
	char at[RFC3339_MAX];
};

/* Of one time that a hook was called. */
enum hook_outcome {
	HOOK_DELIVERED,
	HOOK_FAILED,
	HOOK_GIVEN_UP,
	HOOK_DROPPED,
	HOOK_AGREED,
	HOOK_CHANGED,
	HOOK_REFUSED,
	HOOK_OUTCOME_N,
};
struct hook_result {
	char at[RFC3339_MAX];
	enum hook_outcome outcome;
	char delivery[ID_SIZE]; /* "" of those that were dropped */
	char *event;            /* of a delivery, NULL of those */
	char *object_id;        /* the same */
	uint32_t number;        /* of the try, or of those that were dropped */
	uint32_t status;        /* of the answer, 0: there was none */
	char *message;          /* what went wrong, NULL: nothing */
};

void hook_result_fini(struct hook_result *result);

/* What became of a hook's deliveries. */
struct hook_log {
	char id[ID_SIZE]; /* the hook's */
	uint64_t n_delivered;
	uint64_t n_given_up;
	uint64_t n_dropped;
	struct hook_result *results; /* the last ones */
	size_t n_results;
};

/* What a client sends, to make one or to change some of it. */
struct hook_body {
	char *name;
	char *url;
	char *entity;
	struct strv events;
	enum hook_failure on_failure;
	char *secret; /* NULL: as it is, or one of ours */
	bool has_events;
	bool has_on_failure;
};
/* Its secret is wiped. */
void hook_body_fini(struct hook_body *body);

/* As clients see it. */
struct hook_view {
	char id[ID_SIZE];
	char *name;
	char *url;
	char *entity;
	struct strv events;
	enum hook_failure on_failure;
	char created_at[RFC3339_MAX];
	uint32_t n_waiting;
	struct hook_log log;
	char *secret; /* once, in the answer to who made or changed it */
};
void hook_view_fini(struct hook_view *view);

extern const struct field_table hook_table, hook_delivery_table, hook_message_table, hook_log_table;
extern const struct field_table hook_body_table, hook_patch_table, hook_view_table;

const char *hook_event_name(enum hook_event event);
bool hook_event_is_pre(enum hook_event event);
bool hook_has_event(const struct hook *hook, enum hook_event event);

/* Adds one, whose texts it takes, in place of the oldest if there are enough. */
void hook_log_add(struct hook_log *log, const struct hook_result *take_result);

/* Whether what is given of it can be; all of it has to be given if `is_whole`. -EINVAL names the member. */
int hook_body_check(const struct hook_body *body, bool is_whole, struct err *err);

#endif
