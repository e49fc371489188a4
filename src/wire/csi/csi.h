/* A CSI plugin's node service over its unix socket: Container Storage Interface, v1. Blocking, for
 * executor threads; errors are those of grpc.h with the plugin's own words. All calls but the questions
 * are idempotent by the specification. */
#ifndef HOLM_WIRE_CSI_CSI_H
#define HOLM_WIRE_CSI_CSI_H

#include "base/base.h"

struct cancel; /* loop/loop.h */
struct grpc_conn;

/* How a call is made; all borrowed. */
struct csi {
	struct grpc_conn *grpc;
	unsigned timeout_ms;
	const struct cancel *cancel;
};

#define CSI_NAME_MAX 64 /* with the final NUL; a driver's name has at most 63 characters */

struct csi_plugin {
	char name[CSI_NAME_MAX];
	char version[64];
	char node_id[257]; /* what the plugin calls this node, "" if it does not say */
	bool is_ready;
	bool has_stage;        /* STAGE_UNSTAGE_VOLUME */
	bool has_multi_writer; /* SINGLE_NODE_MULTI_WRITER */
};
/* Name, readiness and what it can do. -EBADMSG for a name that is none. */
int csi_ask(const struct csi *csi, struct csi_plugin *ret, struct err *err);

struct csi_volume {
	const char *id;
	const char *stage_path;  /* NULL for a plugin that does not stage */
	const char *target_path; /* of publish and unpublish */
	bool is_multi_writer;
	bool is_read_only;
	const struct strv *context; /* key, value, key, value, … */
};
int csi_stage(const struct csi *csi, const struct csi_volume *volume, struct err *err);
int csi_publish(const struct csi *csi, const struct csi_volume *volume, struct err *err);
/* These two: a volume that the plugin does not know is success. */
int csi_unpublish(const struct csi *csi, const struct csi_volume *volume, struct err *err);
int csi_unstage(const struct csi *csi, const struct csi_volume *volume, struct err *err);

#endif
