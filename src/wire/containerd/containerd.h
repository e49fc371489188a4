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
/* The folder of a plug-in, by its type ("io.containerd.content.v1") and id; the caller's. -ENOENT if
 * there is no such plug-in, or it names none. */
int containerd_plugin_root(const struct containerd *c, const char *type, const char *id, char **ret,
			   struct err *err);

/* A label containerd.io/gc.expire (RFC 3339) bounds a lease that nobody deletes. */
int containerd_lease_create(const struct containerd *c, const char *id,
			    const struct containerd_labels *labels, struct err *err);
/* Has c->lease keep a snapshot that may be there already, from the collector too. */
int containerd_lease_snapshot(const struct containerd *c, const char *key, struct err *err);
/* `is_synced`: returns when the collector has removed what only the lease kept. */
int containerd_lease_delete(const struct containerd *c, const char *id, bool is_synced,
			    struct err *err);
struct containerd_lease {
	char *id;
	char *value; /* of the label that was asked for, or "" */
};
struct containerd_leases {
	struct containerd_lease *items;
	size_t n;
};
void containerd_leases_fini(struct containerd_leases *leases);
#define auto_containerd_leases __attribute__((cleanup(containerd_leases_fini)))
int containerd_lease_list(const struct containerd *c, const char *filter, const char *label,
			  struct containerd_leases *ret, struct err *err);

/* Content store. */
int containerd_blob_find(const struct containerd *c, const char *digest, struct err *err);
int containerd_blob_size(const struct containerd *c, const char *digest, uint64_t *ret,
			 struct err *err);
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

/* Images: a name for a manifest. */
int containerd_image_put(const struct containerd *c, const char *name,
			 const struct containerd_descriptor *target,
			 const struct containerd_labels *labels, struct err *err);

/* An image as it is recorded. */
struct containerd_image {
	char *name;
	char *digest; /* of its target */
	char *media_type;
	uint64_t size;      /* of the target */
	struct strv labels; /* "key=value" */
	uint64_t created_ms;
	uint64_t updated_ms;
};
void containerd_image_fini(struct containerd_image *image);
#define auto_containerd_image __attribute__((cleanup(containerd_image_fini)))
/* The value of a label, or "". */
const char *containerd_image_value(const struct containerd_image *image, const char *key);
int containerd_image_get(const struct containerd *c, const char *name, struct containerd_image *ret,
			 struct err *err);
struct containerd_images {
	struct containerd_image *items;
	size_t n;
};
void containerd_images_fini(struct containerd_images *images);
#define auto_containerd_images __attribute__((cleanup(containerd_images_fini)))
int containerd_image_list(const struct containerd *c, struct containerd_images *ret,
			  struct err *err);
/* Sets labels beside those it has; an empty value takes the label away. -ENOENT. */
int containerd_image_label(const struct containerd *c, const char *name,
			   const struct containerd_labels *labels, struct err *err);
/* Gone is success. `is_synced`: returns when the collector has removed what nothing refers to. */
int containerd_image_delete(const struct containerd *c, const char *name, bool is_synced,
			    struct err *err);

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
/* Of a snapshot that is there; -ENOENT. */
int containerd_snapshot_mounts(const struct containerd *c, const char *key,
			       struct containerd_mounts *ret, struct err *err);
int containerd_snapshot_commit(const struct containerd *c, const char *name, const char *key,
			       const struct containerd_labels *labels, struct err *err);
int containerd_snapshot_find(const struct containerd *c, const char *key, struct err *err);
/* Bytes on disk of this layer alone. */
int containerd_snapshot_usage(const struct containerd *c, const char *key, uint64_t *ret,
			      struct err *err);
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
/* Before its task is created. */
int containerd_container_set_spec(const struct containerd *c, const char *id, const char *spec,
				  struct err *err);
/* Its OCI spec; the caller's. -ENOENT. */
int containerd_container_spec(const struct containerd *c, const char *id, char **ret,
			      struct err *err);
int containerd_container_delete(const struct containerd *c, const char *id, struct err *err);

/* A record as listed. */
struct containerd_record {
	char *id;
	struct strv labels; /* "key=value" */
	uint64_t created_ms;
};
void containerd_record_fini(struct containerd_record *record);
#define auto_containerd_record __attribute__((cleanup(containerd_record_fini)))
int containerd_container_create(const struct containerd *c,
				const struct containerd_container *container,
				struct containerd_record *ret, struct err *err);
/* One by its id: much cheaper than a list with a filter, for which containerd reads all records. */
int containerd_container_get(const struct containerd *c, const char *id,
			     struct containerd_record *ret, struct err *err);
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
	const char *input;  /* FIFO, NULL: none */
	const char *output; /* URI or FIFO for stdout, "" for none */
	const char *error;  /* the same for stderr, NULL: none; not used with a terminal */
	bool is_terminal;
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
/* An error if it is so already. */
int containerd_task_set_paused(const struct containerd *c, const char *id, bool is_paused,
			       struct err *err);
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

/* Further processes in a container, each with an id of its own there. */
struct containerd_exec {
	const char *container_id;
	const char *id;
	const char *input; /* paths of FIFOs, "": none */
	const char *output;
	const char *error;
	bool is_terminal;
	const char *process; /* OCI process, JSON text */
};
struct containerd_exec_ref {
	const char *container_id;
	const char *id; /* "": the container's first process */
};
struct containerd_size {
	uint32_t columns;
	uint32_t rows;
};
int containerd_exec_add(const struct containerd *c, const struct containerd_exec *exec,
			struct err *err);
int containerd_exec_start(const struct containerd *c, struct containerd_exec_ref ref,
			  pid_t *ret_pid, struct err *err);
int containerd_exec_get(const struct containerd *c, struct containerd_exec_ref ref,
			struct containerd_process *ret, struct err *err);
int containerd_exec_kill(const struct containerd *c, struct containerd_exec_ref ref, int sig,
			 struct err *err);
int containerd_exec_wait(const struct containerd *c, struct containerd_exec_ref ref,
			 uint32_t *ret_exit_code, struct err *err);
int containerd_exec_delete(const struct containerd *c, struct containerd_exec_ref ref,
			   uint32_t *ret_exit_code, struct err *err);
int containerd_exec_close_input(const struct containerd *c, struct containerd_exec_ref ref,
				struct err *err);
int containerd_exec_resize(const struct containerd *c, struct containerd_exec_ref ref,
			   const struct containerd_size *size, struct err *err);

#endif
