/* Private: the state of the containerd driver and its parts. */
#ifndef HOLM_RUNTIME_CONTAINERD_DRIVER_H
#define HOLM_RUNTIME_CONTAINERD_DRIVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/base.h"
#include "base/cgroup.h"
#include "runtime/containerd/runtimes.h"
#include "runtime/oci/oci.h"
#include "runtime/runtime.h"
#include "wire/containerd/containerd.h"

#define NAMESPACE   "holm"
#define SNAPSHOTTER "overlayfs"
#define CONNS_MAX   16

/* Labels on what is ours; the first one keeps two Holms on one containerd apart. */
#define LABEL_NODE        "holm/node"
#define LABEL_NAME        "holm/name"
#define LABEL_DIGEST      "holm/digest"
#define LABEL_RUNTIME     "holm/runtime"
#define LABEL_INCARNATION "holm/incarnation"
#define LABEL_GENERATION  "holm/generation"
#define LABEL_STOP_SIGNAL "holm/stop-signal"

#define PROBE_NAME "probe" /* of test containers, which are not listed */

#define CALL_MS     20000  /* a call that only touches containerd's database */
#define START_MS    60000  /* one that starts a shim and a runtime, on a busy machine */
#define TRANSFER_MS 600000 /* the unpacking of one layer */

struct grpc_conn;

/* Texts of images' configs, by the digests of their manifests: what digests name does not change. */
#define CONFIGS_MAX 16
struct image_configs {
	struct {
		char digest[DIGEST_SIZE];
		char *text;
	} items[CONFIGS_MAX];
	size_t next; /* to be replaced */
};

struct driver {
	char *node_id;
	char *dir;           /* ours below the worker's data folder */
	char *instances_dir; /* a folder for each, in /run: they are written anew at every start */
	char *helper;
	char *shim;
	char *cgroup_parent;
	uint64_t log_max;
	struct cgroup_fs cgroups;
	bool has_swap_limit;
	struct oci_runtimes runtimes; /* fixed by open, but for what probes find */

	char *socket;       /* of the containerd in use */
	bool is_own;        /* started by us */
	char *daemon_dir;   /* of our own: configuration, images, log */
	char *state_dir;    /* of our own: socket, bundles; in /run */
	char *runtime_root; /* of our own: folder for the OCI runtimes' state; else NULL */
	_Atomic uint64_t answered_ms; /* when our own last did, monotonic; 0: never */
	_Atomic uint64_t removed_ms;  /* when a snapshot last was, monotonic; 0: collected since */
	atomic_bool takes_shim;       /* it knows how to talk to ours (src/shim) */

	/* Idle connections: a call takes one out of its slot and puts it back, so none is ever in
	 * two threads. */
	struct grpc_conn *_Atomic conns[CONNS_MAX];
	pthread_mutex_t lock; /* guards what follows */
	struct strv starting; /* instances between the begin and the end of start */
	struct strv fetching; /* leases of fetches under way */
	struct image_configs configs;
};

/* A connection for the time of one operation. */
struct client {
	struct driver *driver;
	struct containerd api;
};
struct client client_open(struct driver *driver, const struct cancel *cancel);
void client_close(struct client *client);
#define auto_client __attribute__((cleanup(client_close)))
/* The same connection with other limits. */
struct containerd client_with(const struct client *client, unsigned timeout_ms,
			      const struct cancel *cancel);
void client_drop_idle(struct driver *driver);

int check_cancel(const struct runtime_ctx *ctx, struct err *err);
void tell_phase(const struct runtime_ctx *ctx, const char *phase, uint64_t done, uint64_t total);

/* daemon.c: finds a containerd or starts one. */
int daemon_open(struct driver *driver, const char *address, struct err *err);
/* Our own is started again if it does not answer; without asking it, if its process is gone. */
void daemon_revive(struct driver *driver, struct grpc_conn *conn);
void daemon_revive_dead(struct driver *driver);
int daemon_shutdown(struct driver *driver, struct err *err);
/* What our own left of a container that it does not know any more. */
int daemon_remove_bundle(const struct driver *driver, const char *instance_id, struct err *err);
/* Of the containerd in use, as it tells it. */
void daemon_note_version(struct driver *driver, const char *version);

/* rootfs.c: a user of an image, by files in a container's layers. */
int rootfs_user(const struct containerd_mounts *mounts, const char *user, struct oci_user *ret,
		struct err *err);
/* A folder of an image, wherever its links lead; false if there is none. */
struct stat;
bool rootfs_find_folder(const struct containerd_mounts *mounts, const char *path, struct stat *ret);
/* Where a container's own files are written; the caller's, NULL if it has no such layer. */
char *rootfs_upper_dir(const struct containerd_mounts *mounts);

/* caps.c */
int caps_probe(void *state, struct runtime_info *ret, struct err *err);
/* How containerd calls a sub-runtime, NULL binary for its default; -ENOTSUP. `ret_binary` is the
 * caller's. */
int caps_binary(const struct driver *driver, const char *runtime, char **ret_binary,
		struct err *err);
/* Which runtimes there are, also by the file of further ones (may be NULL). */
int caps_prepare(struct driver *driver, const char *runtimes_path, struct err *err);
/* Removes what a probe left that was broken off. */
void caps_clean(struct driver *driver);

/* list.c */
int container_list(void *state, const char *instance_id, struct runtime_list *ret, struct err *err);
int container_stats(void *state, const char *instance_id, struct runtime_stats *ret,
		    struct err *err);
/* One instance: 1 if there is one, -EPERM if it is another node's. `ret_stop_signal` may be NULL. */
int container_find(struct client *client, const char *instance_id, struct runtime_status *ret,
		   int *ret_stop_signal, struct err *err);
/* Of one that has just been started. */
void container_started(struct client *client, const struct containerd_record *record, pid_t pid,
		       struct runtime_status *ret);
char *container_cgroup(const struct driver *driver, const char *instance_id);
char *container_dir(const struct driver *driver, const char *instance_id);

/* process.c, pause.c, stop.c */
int container_start(void *state, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
		    struct runtime_status *ret, struct err *err);
int instance_terminate(void *state, const struct runtime_status *last, struct err *err);
int container_set_paused(void *state, const char *instance_id, bool is_paused, struct err *err);
int container_stop(void *state, const char *instance_id, const struct runtime_ctx *ctx,
		   struct runtime_status *ret, struct err *err);
/* Ends what is left of it at once and removes all of it; nothing there is success. */
int container_remove(struct client *client, const char *instance_id, struct err *err);

#endif
