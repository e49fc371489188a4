/* Having images, for whoever wants them: one transfer for all who want the same. */
#ifndef HOLM_WORKER_IMAGES_TRANSFER_H
#define HOLM_WORKER_IMAGES_TRANSFER_H

#include "base/base.h"
#include "base/list.h"
#include "model/sla.h"

struct worker;
struct runtime_slot;
struct transfer;

/* Somebody who waits for an image: an instance, or a question to the node. Embedded in what is the
 * caller's; zeroed but for the callbacks, of which `began` and `moved` may be NULL. */
struct fetch_result {
	const char *image;  /* name it is stored under, or folder of a unikernel */
	const char *digest; /* of the platform's manifest, or of the archive */
	bool was_here;      /* nothing was transferred */
};
struct fetch_progress {
	const char *phase; /* "pulling", "unpacking", or NULL at first */
	uint64_t done_bytes;
	uint64_t total_bytes; /* 0: not known yet */
};
struct fetch_waiter {
	struct list node;
	struct worker *worker;
	struct transfer *transfer; /* NULL: it waits for nothing */
	/* It is not here, or is asked for anew: the transfer begins. */
	void (*began)(struct fetch_waiter *waiter);
	/* About four times a second. */
	void (*moved)(struct fetch_waiter *waiter, const struct fetch_progress *progress);
	/* Exactly once, never from inside fetch_join(); `result` is NULL if it failed. */
	void (*done)(struct fetch_waiter *waiter, const struct fetch_result *result,
		     const struct err *err);
};

struct fetch_want {
	struct runtime_slot *slot; /* where it goes */
	const char *ref;           /* image reference, or URL of a unikernel */
	const char *platform;      /* NULL: this machine's */
	enum sla_pull policy;
	/* Which one if it is here, whatever its name leads to by now; NULL or "": the name decides. */
	const char *digest;
};
/* Waits for the image, with all others who want the same; the transfer goes on as long as one waits. */
void fetch_join(struct worker *worker, const struct fetch_want *want, struct fetch_waiter *waiter);
/* No callback runs any more; fine for one that does not wait. The last one to leave cancels. */
void fetch_leave(struct fetch_waiter *waiter);
/* As of the last `moved`. */
struct fetch_progress fetch_progress(const struct fetch_waiter *waiter);
void fetch_free_all(struct worker *worker);
void fetch_load_unikernel(struct worker *worker, const char *url, const char *body);
/* The folder is no longer found by this URL. */
void fetch_forget_unikernel(struct worker *worker, const char *url);
/* An image of this name (or URL) is looked for or transferred at this moment. */
bool fetch_is_under_way(const struct worker *worker, const char *name);

#endif
