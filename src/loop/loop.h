/* The event loop: the only clock, source of randomness, threads and child processes.
 *
 * One thread owns a role's state and runs its loop. Two implementations stand behind
 * this header: libuv, and a simulation on virtual time with a seeded generator. A
 * cancelled watcher's callback never runs afterwards; memory is released by the loop. */
#ifndef HOLM_LOOP_LOOP_H
#define HOLM_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct loop;

struct loop *loop_new(void);
/* Cancels what is left (timers, watchers, posts), waits for running work, frees. No callback runs
 * any more, so what arguments of posts and work point at is the caller's to free. Not from inside
 * a callback. */
struct loop *loop_free(struct loop *loop);
/* Runs until loop_stop(), which may also come before. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Virtual time: loop_run() advances the clock to the next event until nothing is left, stop, or
 * `until_ms` of loop_sim_run(). Work takes 1 to 20 virtual ms; the order of events that are due
 * at once, and these delays, follow the seed. Descriptors and signals are not available. */
struct loop *loop_sim_new(uint64_t seed);
/* Runs until nothing is left (0), loop_stop() (0) or the time is reached (1). */
int loop_sim_run(struct loop *loop, uint64_t until_ms);
/* Runs exactly one event: false if there is none. */
bool loop_sim_step(struct loop *loop);

/* These three may be called on any thread. */
uint64_t loop_now_ms(const struct loop *loop);  /* monotonic */
uint64_t loop_wall_ms(const struct loop *loop); /* unix time */
void loop_random(struct loop *loop, void *out, size_t len);

typedef void (*loop_fn)(void *arg);

/* One-shot timer. The handle is dead once its callback began. */
struct timer;
struct timer *timer_start(struct loop *loop, uint64_t delay_ms, loop_fn fn, void *arg);
struct timer *timer_cancel(struct timer *timer); /* NULL-safe, returns NULL */

/* Runs fn in a later turn of the loop. loop_post is for the loop's own thread,
 * loop_post_from_thread for every other one (and safe on its own too). */
void loop_post(struct loop *loop, loop_fn fn, void *arg);
void loop_post_from_thread(struct loop *loop, loop_fn fn, void *arg);

/* Readiness of a descriptor, level-triggered, until cancelled. The descriptor stays the
 * caller's and has to outlive the watch. */
#define IO_READ   1u
#define IO_WRITE  2u
#define IO_HANGUP 4u /* the peer closed its end, or at least its sending half */
struct io;
typedef void (*io_fn)(void *arg, unsigned events);
struct io *io_watch(struct loop *loop, int fd, unsigned events, io_fn fn, void *arg);
struct io *io_cancel(struct io *io); /* NULL-safe, returns NULL */

typedef void (*signal_fn)(void *arg, int signum);
struct signal_watch;
struct signal_watch *signal_watch(struct loop *loop, int signum, signal_fn fn, void *arg);
struct signal_watch *signal_cancel(struct signal_watch *watch);

/* Bounded executors: threads of their own per kind of blocking work, so that one kind
 * never starves another. */
enum executor {
	EXECUTOR_STORE,
	EXECUTOR_NETWORK,
	EXECUTOR_RUNTIME,
	EXECUTOR_TRANSFER,
	EXECUTOR_VOLUME,
	EXECUTOR_PROBE,
	EXECUTOR_ACCOUNT, /* one thread: hashes of passwords take much memory */
	EXECUTOR_HOOK,
	EXECUTOR_N
};

/* Cancel token: set by the owner, looked at by the work between its steps. */
struct cancel {
	int flag;                    /* atomic */
	const struct cancel *parent; /* set with it; may be NULL */
};
void cancel_set(struct cancel *cancel);
bool cancel_is_set(const struct cancel *cancel); /* NULL: never */
/* For work on a thread that has to let time pass, before another try say: true as soon as it is set,
 * false after `ms`. */
bool cancel_wait(const struct cancel *cancel, uint64_t ms);

/* Runs `run(arg)` on a thread of the executor, then `done(arg)` once on the loop. `run` owns what
 * `arg` points at until `done`. Queued in order; never refused. */
void work_begin(struct loop *loop, enum executor executor, loop_fn run, loop_fn done, void *arg);

/* Index of the calling thread: 0 on the loop, 1..EXECUTOR_THREADS_MAX-1 on the threads of all
 * executors together, so that a driver can keep one connection per thread. */
#define EXECUTOR_THREADS_MAX 32
unsigned executor_thread_index(void);

/* How many turns there were, from being woken to waiting again, by how long they took: each is counted
 * at the first bound that it does not exceed, the longest ones at the end. `cpu`: by processor time,
 * without what others took away meanwhile. A simulated loop has none. */
#define LOOP_TURN_BOUNDS 11
extern const uint32_t loop_turn_bounds_ms[LOOP_TURN_BOUNDS];
struct loop_turns {
	uint64_t wall[LOOP_TURN_BOUNDS + 1];
	uint64_t cpu[LOOP_TURN_BOUNDS + 1];
};
void loop_turns(const struct loop *loop, struct loop_turns *ret);

/* Jittered back-off: doubles from `first_ms` (attempt 0) to `cap_ms`, each time a random value of
 * 50–100 % of that. */
uint64_t retry_delay_ms(struct loop *loop, unsigned attempt, uint64_t first_ms, uint64_t cap_ms);
/* The same with a random number of the caller's, for threads that have no loop. */
uint64_t retry_delay_of(uint64_t random, unsigned attempt, uint64_t first_ms, uint64_t cap_ms);

#endif
