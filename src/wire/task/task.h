/* The shim's side of containerd's task API (version 2, over ttrpc), and the events that it tells containerd.
 *
 * Source: containerd 1.6, runtime/v2/task/shim.proto, api/events/task.proto, ttrpc 1.1. */
#ifndef HOLM_WIRE_TASK_TASK_H
#define HOLM_WIRE_TASK_TASK_H

#include "base/base.h"
#include "loop/loop.h"

enum task_method {
	TASK_STATE,
	TASK_CREATE,
	TASK_START,
	TASK_DELETE,
	TASK_PIDS,
	TASK_PAUSE,
	TASK_RESUME,
	TASK_CHECKPOINT,
	TASK_KILL,
	TASK_EXEC,
	TASK_RESIZE,
	TASK_CLOSE_INPUT,
	TASK_UPDATE,
	TASK_WAIT,
	TASK_STATS,
	TASK_CONNECT,
	TASK_SHUTDOWN,
	TASK_METHOD_N
};

struct task_mount {
	const char *type;
	const char *source;
	char *const *options;
	size_t n_options;
};

/* What is wanted. Texts are "" where a method has no such word; all are borrowed from the call. */
struct task_request {
	enum task_method method;
	const char *id;                      /* of the container */
	const char *exec_id;                 /* "": its first process */
	const char *input, *output, *errors; /* paths or URIs, "": none */
	bool is_terminal;
	/* TASK_CREATE */
	const char *bundle;
	const struct task_mount *mounts;
	size_t n_mounts;
	const char *binary; /* the OCI runtime, "": runc */
	const char *root;   /* where it keeps its state, "": containerd's default */
	bool has_systemd_cgroup, has_no_pivot, has_no_keyring;
	bool has_checkpoint;
	/* TASK_EXEC: a process, TASK_UPDATE: resources; the OCI specification's JSON, `json_len` bytes */
	const char *json;
	size_t json_len;
	int sig;     /* TASK_KILL */
	bool is_all; /* every process of the container */
	uint32_t columns, rows;
};

enum task_state {
	TASK_IS_UNKNOWN,
	TASK_IS_CREATED,
	TASK_IS_RUNNING,
	TASK_IS_STOPPED,
	TASK_IS_PAUSED,
	TASK_IS_PAUSING
};

/* A request that has not been answered. */
struct task_call;
const struct task_request *task_call_request(const struct task_call *call);

struct task_end {
	uint32_t exit_status;
	struct timespec at; /* zero: it has not ended */
};
struct task_process_state {
	const char *id, *exec_id, *bundle;
	uint32_t pid;
	enum task_state state;
	const char *input, *output, *errors;
	bool is_terminal;
	struct task_end end;
};
struct task_pid {
	uint32_t pid;
	const char *exec_id; /* "": none of those that were added */
};
struct task_stats {
	bool is_v2;
	uint64_t memory_bytes, memory_limit_bytes, cpu_ns, pids, oom_kills;
};

/* Each answers and releases the call. */
void task_reply_empty(struct task_call *take_call);
void task_reply_pid(struct task_call *take_call, uint32_t pid);
void task_reply_state(struct task_call *take_call, const struct task_process_state *state);
void task_reply_deleted(struct task_call *take_call, uint32_t pid, const struct task_end *end);
void task_reply_end(struct task_call *take_call, const struct task_end *end);
void task_reply_pids(struct task_call *take_call, const struct task_pid *pids, size_t n);
void task_reply_stats(struct task_call *take_call, const struct task_stats *stats);
void task_reply_connected(struct task_call *take_call, uint32_t shim_pid, uint32_t task_pid);
/* -ENOENT, -EEXIST, -EINVAL, -EBUSY (a state in which it cannot be) and -ENOTSUP have codes of their own. */
void task_reply_error(struct task_call *take_call, const struct err *err);

/* Accepts connections at a listening socket, which it takes. A call is answered any time later; of one
 * whose connection has gone the answer is dropped. */
struct task_server;
typedef void (*task_fn)(void *arg, struct task_call *call);
struct task_server *task_server_new(struct loop *loop, int take_fd, task_fn fn, void *arg);
/* What has been answered but not yet sent is sent, if it goes without waiting. */
struct task_server *task_server_free(struct task_server *server);

/* What a shim's program prints after "delete": a message, the caller's bytes. */
char *task_format_deleted(uint32_t pid, const struct task_end *end, size_t *ret_len);

enum task_event_type {
	TASK_EVENT_CREATE,
	TASK_EVENT_START,
	TASK_EVENT_EXIT,
	TASK_EVENT_DELETE,
	TASK_EVENT_EXEC_ADDED,
	TASK_EVENT_EXEC_STARTED,
	TASK_EVENT_PAUSED,
	TASK_EVENT_RESUMED,
	TASK_EVENT_N
};
struct task_event {
	enum task_event_type type;
	const char *id;      /* of the container */
	const char *exec_id; /* TASK_EVENT_EXIT and EXEC_…; "" the first process */
	uint32_t pid;
	struct task_end end;                /* EXIT, DELETE */
	const struct task_request *request; /* CREATE */
};

/* Tells containerd, in order; what it does not take now is kept (the last 64) and tried again until it
 * does. `address`: path of containerd's ttrpc socket, "" to tell nobody. */
struct task_events;
struct task_events *task_events_new(struct loop *loop, const char *address, const char *ns);
struct task_events *task_events_free(struct task_events *events);
void task_events_send(struct task_events *events, const struct task_event *event);
/* Calls `fn` as soon as everything has been taken, at once maybe, or after `wait_ms`. */
void task_events_drain(struct task_events *events, uint64_t wait_ms, loop_fn fn, void *arg);

#endif
