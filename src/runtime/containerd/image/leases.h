/* Private: leases of fetches. A lease keeps what a fetch stores until its image refers to all of it. A
 * fetch that failed and may be tried again leaves its lease to the next try; it is found again by its
 * labels, after a crash of ours too. */
#ifndef HOLM_RUNTIME_CONTAINERD_IMAGE_LEASES_H
#define HOLM_RUNTIME_CONTAINERD_IMAGE_LEASES_H

#include "runtime/containerd/driver.h"

/* For one fetch of this image. `*ret_id` is the caller's, set on failure too, and ended in any case. */
int lease_begin(const struct client *client, const char *image, char **ret_id, struct err *err);

enum lease_end {
	LEASE_KEPT,    /* for the next try */
	LEASE_DROPPED, /* with those of earlier tries at the same image */
	LEASE_CLEANED, /* the same; returns when what only they kept is removed */
};
void lease_end(const struct client *client, const char *image, const char *id, enum lease_end how);

/* Of struct runtime_image_ops. */
int leases_settle(void *state, const struct strv *wanted, struct err *err);

#endif
