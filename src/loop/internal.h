/* Inside of the loop: what its two implementations provide. Descriptors and signals exist in the
 * real one alone. */
#ifndef HOLM_LOOP_INTERNAL_H
#define HOLM_LOOP_INTERNAL_H

#include "base/list.h"
#include "loop/loop.h"

struct work {
	loop_fn run;
	loop_fn done;
	void *arg;
};

/* Contracts as in loop.h. */
struct loop_driver {
	bool has_io;
	void (*free)(struct loop *loop);
	void (*run)(struct loop *loop);
	void (*stop)(struct loop *loop);
	uint64_t (*now_ms)(const struct loop *loop);
	uint64_t (*wall_ms)(const struct loop *loop);
	void (*random)(struct loop *loop, void *out, size_t len);
	struct timer *(*timer_start)(struct loop *loop, uint64_t delay_ms, loop_fn fn, void *arg);
	void (*timer_cancel)(struct timer *timer);
	void (*post)(struct loop *loop, loop_fn fn, void *arg); /* any thread */
	void (*work_begin)(struct loop *loop, enum executor executor, const struct work *work);
	void (*turns)(const struct loop *loop, struct loop_turns *ret); /* NULL: none */
};

/* First member of the implementations' own structs. */
struct loop {
	const struct loop_driver *driver;
};

struct timer {
	struct loop *loop;
};

struct io *uv_io_watch(struct loop *loop, int fd, unsigned events, io_fn fn, void *arg);
void uv_io_cancel(struct io *io);
struct signal_watch *uv_signal_watch(struct loop *loop, int signum, signal_fn fn, void *arg);
void uv_signal_cancel(struct signal_watch *watch);

/* turns.c: the watch that every callback of a turn starts, if it is the first one, and that is stopped
 * before waiting again. */
struct turn_watch {
	struct loop_turns turns;
	bool is_running;
	uint64_t wall_ns;
	uint64_t cpu_ns;
};
void turn_begin(struct turn_watch *watch);
void turn_end(struct turn_watch *watch);

/* How many threads an executor has. */
unsigned executor_width(enum executor executor);

/* The executors of a real loop, whose done callbacks go through loop_post_from_thread(). */
struct executors;
struct executors *executors_new(struct loop *loop);
/* Waits for work that runs, drops work that is queued. */
struct executors *executors_free(struct executors *executors);
void executors_begin(struct executors *executors, enum executor kind, const struct work *work);

#endif
