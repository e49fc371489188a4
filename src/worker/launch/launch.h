/* What goes before a start: what the runtime is told, and the pool of machines that wait for one. */
#ifndef HOLM_WORKER_LAUNCH_LAUNCH_H
#define HOLM_WORKER_LAUNCH_LAUNCH_H

#include "model/message.h"
#include "overlay/overlay.h"
#include "runtime/runtime.h"
#include "volume/volume.h"
#include "worker/value/value.h"

struct op;
struct winst;
struct worker;

/* spec.c: what one start is told, taken along to an executor; it does not move meanwhile. */
struct start_spec {
	struct runtime_spec spec;
	char id[ID_SIZE];
	char *log_path;
	struct msg_deploy deploy;
	char *image;
	char *name;
	char *search;
	struct runtime_mount *mounts;
	struct volume_mounts volumes;
	struct values_given given;
	struct overlay_link link;
	char digest[DIGEST_SIZE];
};
void start_spec_init(struct start_spec *start, struct winst *inst);
void start_spec_fini(struct start_spec *start);

/* admit.c. What has been promised to instances, but for this one (may be NULL). */
struct resources admit_promised(const struct worker *worker, const struct winst *except);

/* warm.c. Most bytes that the pool may have beside what instances are promised, `more` (may be NULL) and
 * what the machine uses; never more than the node's setting. */
uint64_t warm_bound(const struct worker *worker, const struct winst *more);

/* What the pool has to give up, on an executor, before an instance starts. */
struct warm_room {
	const struct runtime_driver *driver; /* NULL: nothing */
	void *state;
	char id[ID_SIZE];
	uint64_t max_bytes;
};
void warm_room_init(struct warm_room *room, struct winst *inst);
int warm_room_make(const struct warm_room *room, struct err *err);

/* The pool of machines that wait. */
struct warm_state {
	struct op *op; /* it is being tended, or NULL */
	bool is_asked; /* afterwards again */
	struct runtime_warm_use use;
	char problem[ERR_MSG_MAX]; /* as last told */
	uint64_t not_before_ms;    /* after a failure */
};

/* Machines that wait for a start: brings them to what is wished now, in the background. */
void warm_tend(struct worker *worker);
/* What there is of them. */
struct node_warm warm_held(const struct worker *worker);

#endif
