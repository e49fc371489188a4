/* Clients' streams both ways, as the rest of the worker sees them. */
#ifndef HOLM_WORKER_SESSION_SESSION_H
#define HOLM_WORKER_SESSION_SESSION_H

#include "base/base.h"

struct json;
struct runtime_status;
struct stream;
struct winst;
struct worker;

/* Those of one kind. */
struct sessions {
	struct list list;
	unsigned n;
};
void sessions_free_all(struct sessions *all);
void exec_open(struct worker *worker, struct stream *stream, struct json *take_request);
void attach_open(struct worker *worker, struct stream *stream, struct json *take_request);
/* To those who are attached to this run of it. */
void attach_tell_end(const struct winst *inst, const struct runtime_status *status);
void copy_open(struct worker *worker, struct stream *stream, struct json *take_request);
/* Those of its files end, and tell why. */
void copy_tell_end(const struct winst *inst);
/* No thread waits for a client any more. */
void copy_leave_all(struct worker *worker);

#endif
