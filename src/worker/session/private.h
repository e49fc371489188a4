/* Commands, consoles and files of instances over streams of frames (wire/frame). */
#ifndef HOLM_WORKER_SESSION_PRIVATE_H
#define HOLM_WORKER_SESSION_PRIVATE_H

#include "wire/frame/frame.h"
#include "worker/private.h"

/* One frame to whoever reads. NULL: nobody does. */
void session_send(struct stream *stream, enum frame_type type, const void *data, size_t len);
/* The last frame, and the end of the stream. */
void session_end(struct stream *stream, int exit_code, const char *words);

/* One call of `run` in a later turn of the loop, however often it was asked for: never from inside a
 * callback of the stream, which the call may end. */
struct session_soon {
	struct loop *loop;
	void (*run)(void *arg);
	void *arg;
	struct timer *timer;
};
void soon_begin(struct session_soon *soon);
void soon_cancel(struct session_soon *soon);

/* Bytes on their way into a descriptor, which may be full. */
struct session_sink {
	struct loop *loop;
	int fd; /* -1: closed */
	struct io *io;
	struct buf pending;
	bool is_over;               /* closed once all is written */
	void (*drained)(void *arg); /* nothing is pending any more, or it is closed */
	void *arg;
};
#define SESSION_PENDING_MAX ((size_t)1 << 20)
void sink_init(struct session_sink *sink, struct loop *loop, void (*drained)(void *arg), void *arg);
void sink_open(struct session_sink *sink, int take_fd);
/* What comes before it is open, or after its end, waits or is dropped. -ENOBUFS: it is more than was asked
 * for. */
int sink_add(struct session_sink *sink, const void *data, size_t len, struct err *err);
void sink_end(struct session_sink *sink);
/* So much is pending that no more should come. */
bool sink_is_full(const struct session_sink *sink);
void sink_close(struct session_sink *sink);
/* Without the loop, which may be gone. */
void sink_fini(struct session_sink *sink);

/* Bytes out of a descriptor, as frames into a stream, as far as its reader takes them. */
struct session_source {
	struct loop *loop;
	int fd; /* -1: closed */
	struct io *io;
	enum frame_type type;
	void (*changed)(void *arg); /* it is closed, or something was read */
	void *arg;
	struct stream **stream; /* *stream NULL: what is read is dropped */
};
void source_open(struct session_source *source, int take_fd);
/* Reads again once the stream's reader has room. */
void source_continue(struct session_source *source);
void source_close(struct session_source *source);
void source_fini(struct session_source *source);

/* What all kinds have: a client's stream, whose input goes into a descriptor. First member of each. */
struct session {
	struct list node;
	struct sessions *all; /* of its kind */
	const struct session_kind *kind;
	struct worker *worker;
	struct stream *stream; /* NULL: the client has gone */
	struct frame_reader frames;
	struct session_sink input;
	struct session_soon soon; /* a tick */
	/* Why it is refused, or broken off: code 0: it is not. The first reason stays. */
	struct err failure;
};
struct session_kind {
	/* All frames but FRAME_INPUT. */
	void (*take)(struct session *session, const struct frame *frame);
	void (*room)(struct session *session); /* the client's reader takes bytes again */
	void (*tick)(struct session *session); /* in a turn of its own; may free it */
	/* Frees it without the loop, which is gone. */
	void (*release)(struct session *session);
};
/* From now on it has what the client sends. */
void session_init(struct session *session, const struct session_kind *kind, struct worker *worker,
		  struct sessions *all, struct stream *stream);
/* It is to end with this; ticks soon. */
void session_fail(struct session *session, const struct err *err);
/* Ends what is the loop's; then session_fini(), which is the rest. */
void session_stop(struct session *session);
void session_fini(struct session *session);
/* The instance if it runs, else NULL with -EBUSY. */
const struct winst *session_find(const struct session *session, const char *id, struct err *err);

/* Where a copy's path leads: below the root that the runtime opens, or below a volume's folder. */
struct copy_root {
	char *folder; /* NULL: the runtime's */
	char *path;   /* below it */
	char *name;   /* of the folder itself in archives, if it is meant; else NULL */
};
void copy_root_fini(struct copy_root *root);
/* Of an instance that runs. -ENOTSUP: a unikernel, and no volume of its holds the path; -EROFS: one that
 * it may only read from. */
int copy_root_find(const struct winst *inst, const char *path, bool is_put, struct copy_root *ret,
		   struct err *err);
/* On an executor, the target or source filled in; a descriptor for it, the caller's. */
int copy_root_open(const struct copy_root *root, struct err *err);

#endif
