/* containerd's gRPC services as plain functions: one per call, own structs in and out.
 *
 * Errors are those of wire/grpc; -ENOENT is containerd's NOT_FOUND, -EEXIST its ALREADY_EXISTS,
 * and -EIO whatever a shim or runtime said, with its text. */
#ifndef HOLM_WIRE_CONTAINERD_CONTAINERD_H
#define HOLM_WIRE_CONTAINERD_CONTAINERD_H

#include "base/base.h"

struct grpc_conn;
struct cancel; /* loop/loop.h */

/* How calls are made; the caller's, copied freely to vary a field. All members are borrowed. */
struct containerd {
	struct grpc_conn *grpc;
	const char *ns;          /* namespace of containers, images and snapshots */
	const char *snapshotter; /* "overlayfs" */
	const char *lease;       /* keeps what the calls make from the collector, or NULL */
	unsigned timeout_ms;     /* of each call */
	const struct cancel *cancel;
};

struct containerd_label {
	const char *key;
	const char *value;
};
struct containerd_labels {
	const struct containerd_label *items;
	size_t n;
};

struct containerd_descriptor {
	const char *media_type;
	const char *digest;
	uint64_t size;
};

int containerd_version(const struct containerd *c, char **ret, struct err *err);

/* `expire` (RFC 3339) bounds a lease that nobody deletes. */
int containerd_lease_create(const struct containerd *c, const char *id, const char *expire,
			    struct err *err);
int containerd_lease_delete(const struct containerd *c, const char *id, struct err *err);

/* Content store. */
int containerd_blob_find(const struct containerd *c, const char *digest, struct err *err);
int containerd_blob_read(const struct containerd *c, const char *digest, size_t max, char **ret,
			 struct err *err);
/* Adds labels to those it has. */
int containerd_blob_label(const struct containerd *c, const char *digest,
			  const struct containerd_labels *labels, struct err *err);
struct containerd_writer;
/* Opens the upload named `ref`. -EEXIST if the blob is there already, -EAGAIN while another upload
 * has the ref. */
int containerd_writer_open(const struct containerd *c, const char *ref,
			   const struct containerd_descriptor *blob, struct containerd_writer **ret,
			   struct err *err);
/* Bytes that are there: at first, what an earlier try has left. */
uint64_t containerd_writer_offset(const struct containerd_writer *w);
#define CONTAINERD_CHUNK (1u << 20) /* most bytes of one write */
int containerd_writer_write(struct containerd_writer *w, const void *data, size_t len,
			    struct err *err);
/* -EBUSY if size or digest do not match. -EEXIST is success. */
int containerd_writer_commit(struct containerd_writer *w, const struct containerd_labels *labels,
			     struct err *err);
struct containerd_writer *containerd_writer_close(struct containerd_writer *w); /* NULL-safe */
DEFINE_AUTO(containerd_writer_close, struct containerd_writer *)
/* Forgets an upload. */
int containerd_blob_abort(const struct containerd *c, const char *ref, struct err *err);

/* Images: a name for a manifest. `ret_digest` is the caller's. */
int containerd_image_find(const struct containerd *c, const char *name, char **ret_digest,
			  struct err *err);
int containerd_image_put(const struct containerd *c, const char *name,
			 const struct containerd_descriptor *target,
			 const struct containerd_labels *labels, struct err *err);
int containerd_image_delete(const struct containerd *c, const char *name, struct err *err);

/* Snapshots. */
struct containerd_mount {
	char *type;
	char *source;
	struct strv options;
};
struct containerd_mounts {
	struct containerd_mount *items;
	size_t n;
};
void containerd_mounts_fini(struct containerd_mounts *mounts);
#define auto_containerd_mounts __attribute__((cleanup(containerd_mounts_fini)))
/* A writable layer on `parent` ("" for none). */
struct containerd_snapshot {
	const char *key;
	const char *parent;
	struct containerd_labels labels;
};
int containerd_snapshot_prepare(const struct containerd *c,
				const struct containerd_snapshot *snapshot,
				struct containerd_mounts *ret, struct err *err);
int containerd_snapshot_commit(const struct containerd *c, const char *name, const char *key,
			       const struct containerd_labels *labels, struct err *err);
int containerd_snapshot_find(const struct containerd *c, const char *key, struct err *err);
int containerd_snapshot_remove(const struct containerd *c, const char *key, struct err *err);
/* Unpacks a layer into the mounts; `ret_diff_id` (the caller's) is its digest uncompressed. */
int containerd_diff_apply(const struct containerd *c, const struct containerd_descriptor *layer,
			  const struct containerd_mounts *mounts, char **ret_diff_id,
			  struct err *err);

/* What the runc shim calls; both may be NULL. */
struct containerd_runtime {
	const char *binary; /* path or name of an OCI runtime, NULL: runc */
	const char *root;   /* folder of its state, NULL: its own choice */
};

/* Containers: records. */
struct containerd_container {
	const char *id;
	struct containerd_labels labels;
	const char *image;
	const char *runtime; /* "io.containerd.runc.v2" */
	struct containerd_runtime options;
	const char *spec; /* OCI runtime spec, JSON text */
};
int containerd_container_create(const struct containerd *c,
				const struct containerd_container *container, struct err *err);
/* Before its task is created. */
int containerd_container_set_spec(const struct containerd *c, const char *id, const char *spec,
				  struct err *err);
int containerd_container_delete(const struct containerd *c, const char *id, struct err *err);

/* A record as listed. */
struct containerd_record {
	char *id;
	struct strv labels; /* "key=value" */
	uint64_t created_ms;
};
struct containerd_records {
	struct containerd_record *items;
	size_t n;
};
void containerd_records_fini(struct containerd_records *records);
#define auto_containerd_records __attribute__((cleanup(containerd_records_fini)))
/* The value of a label, or "". */
const char *containerd_record_label(const struct containerd_record *record, const char *key);
/* `filter` in containerd's language: `labels."holm/node"=="x",id=="y"`. */
int containerd_container_list(const struct containerd *c, const char *filter,
			      struct containerd_records *ret, struct err *err);

/* Tasks: their processes. */
struct containerd_task {
	const char *id;
	const struct containerd_mounts *rootfs;
	const char *output; /* URI for stdout and stderr, "" for none */
	struct containerd_runtime options;
};
enum containerd_task_state {
	CONTAINERD_TASK_UNKNOWN,
	CONTAINERD_TASK_CREATED,
	CONTAINERD_TASK_RUNNING,
	CONTAINERD_TASK_STOPPED,
	CONTAINERD_TASK_PAUSED,
	CONTAINERD_TASK_PAUSING,
};
struct containerd_process {
	char *id;
	pid_t pid;
	enum containerd_task_state state;
	uint32_t exit_code; /* when stopped */
	uint64_t exited_ms;
};
struct containerd_processes {
	struct containerd_process *items;
	size_t n;
};
void containerd_processes_fini(struct containerd_processes *processes);
#define auto_containerd_processes __attribute__((cleanup(containerd_processes_fini)))
int containerd_task_create(const struct containerd *c, const struct containerd_task *task,
			   pid_t *ret_pid, struct err *err);
int containerd_task_start(const struct containerd *c, const char *id, struct err *err);
int containerd_task_kill(const struct containerd *c, const char *id, int sig, struct err *err);
/* Blocks until it has ended, at most c->timeout_ms (-ETIMEDOUT). */
int containerd_task_wait(const struct containerd *c, const char *id, uint32_t *ret_exit_code,
			 struct err *err);
int containerd_task_delete(const struct containerd *c, const char *id, uint32_t *ret_exit_code,
			   struct err *err);
int containerd_task_get(const struct containerd *c, const char *id, struct containerd_process *ret,
			struct err *err);
void containerd_process_fini(struct containerd_process *process);
int containerd_task_list(const struct containerd *c, struct containerd_processes *ret,
			 struct err *err);

#endif
