/* What happens to an instance while it runs and when it ends by itself. */
#ifndef HOLM_WORKER_LIFE_LIFE_H
#define HOLM_WORKER_LIFE_LIFE_H

#include "base/base.h"
#include "model/object.h"

struct io;
struct listening;
struct prober;
struct probing;
struct winst;
struct worker;

/* Last lines of an instance's output, as they stand in a reason. */
#define LAST_WORDS_MAX   300 /* bytes */
#define LAST_WORDS_LINES 3

#define LIFE_HEALTHY_MS 10000 /* a run of so long was no failure from the start */

/* From a log in the format of the container runtime interface (it may begin inside a record): the
 * last lines that were written at `since_ms` (unix time) or later, oldest first, joined by " | ",
 * without control characters. "" if there are none. */
void last_words(const char *log, size_t len, uint64_t since_ms, char out[LAST_WORDS_MAX + 1]);
/* The same of the files of a log; blocks. Files that are not there are empty. */
void last_words_read(const char *path, uint64_t since_ms, char out[LAST_WORDS_MAX + 1]);

/* The first line of any text, without control characters. */
void first_words(const char *text, char *out, size_t size);

/* How an instance ended and what follows, as it is told. */
struct ending {
	char words[256];                 /* "exit code 3" */
	char output[LAST_WORDS_MAX + 1]; /* last lines, or "" */
	const char *policy;              /* why it is not started again, or NULL: it is */
	unsigned n;                      /* ends in a row, this one counted */
	uint64_t delay_ms;               /* to the next start */
};
/* What went wrong with pausing it or letting it go on; zeros: nothing did. */
struct pause {
	char error[DETAIL_MAX];
	bool is_refused; /* the runtime cannot do it: not tried again before the wish changes */
	bool is_unsure;  /* whether it is paused by now, whatever its status says */
	unsigned failures;
	struct timer *retry;
};
/* What a worker's instance has of this folder. */
struct life {
	struct ending ending;        /* the last one */
	struct probing *probing;     /* NULL: no probes go on */
	struct listening *listening; /* NULL: it is not waited for */
	bool is_ready;               /* gets traffic, as far as probes decide */
	bool was_ready;              /* once in this run */
	bool was_healthy;            /* for a while, before it was condemned */
	uint64_t oom_kills;          /* of its processes in this run, while it goes on */
	struct timer *boot;          /* its time for that, or NULL */
	bool is_boot_due;            /* it is over, and the next look tells */
	struct pause pause;
	char condemned[DETAIL_MAX]; /* why it is to be stopped and started again, or "" */
	int keeper_fd;              /* pidfd of status.keeper while that is watched, or -1 */
	struct io *keeper_watch;
	bool lost_keeper; /* it runs without, for a moment */
	struct timer *
		drain; /* the longest that its end waits for the kernel's tables, or for requests */
	uint64_t drain_after; /* its end waits for this publication; 0: for none */
};

/* "exit code 3, crash loop: 7 ends in a row, next start in 12.8 s; last output: …" */
void ending_format(const struct ending *ending, char out[DETAIL_MAX]);

/* It runs, and is to be stopped and started again: the words say why. The first reason stays. Without
 * `was_healthy` its failures in a row go on. */
void life_condemn(struct winst *inst, bool was_healthy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* This run was no failure from the start. */
bool life_is_long(const struct winst *inst);

/* An end by itself, with its facts in inst->status and last output in inst->life.ending: DEAD with another
 * start, or, by the restart policy, COMPLETED or FAILED for good. */
void ending_note(struct winst *inst);
/* The same for an end that we brought about because of a failure (a probe's): `words` say why. */
void ending_note_failure(struct winst *inst, const char *words);
/* More of its output than was known at first. */
void ending_output(struct winst *inst, const char *output);
/* So many of its processes were killed for memory, and it goes on: told if that is news. */
void ending_note_kills(struct winst *inst, uint64_t oom_kills);
/* The words for that, "" if there were none. */
void ending_format_kills(const struct winst *inst, char out[DETAIL_MAX]);
/* The restart policy may be another now: one that ended for good may be started again. */
void ending_reconsider(struct winst *inst);
/* It waits for its next start since before this Holm was started. */
void ending_tell_waiting(struct winst *inst);
/* An end for good, as it was recorded, is told again. */
void ending_tell_recorded(struct winst *inst);

/* The time for booting of one that has just been seen to run, where its runtime has such a thing. When
 * it is over, the instance is looked at and judged: it goes on, or is condemned. */
void boot_begin(struct winst *inst);
void boot_judge(struct winst *inst);
void boot_end(struct winst *inst);

/* One that has just been started, has addresses and, by its probes, is ready: it is not before it listens,
 * where it can be waited for. */
void listen_begin(struct winst *inst);
void listen_end(struct winst *inst);
/* The same after the loop has been freed. */
struct listening *listen_free(struct listening *listening);

/* What is wrong with it is found where its keeper ends (runtime.h): it is condemned while it still
 * answers. keeper_watch() again for each run that is seen. */
void keeper_watch(struct winst *inst);
void keeper_unwatch(struct winst *inst);

/* It runs, and is to be stopped: no connection is led to it any more. run_end() follows, as soon as the
 * kernel's tables say so if another instance takes its connections, else at once. */
void drain_begin(struct winst *inst);
/* The publication with this number has been made, or has failed. */
void drain_published(struct worker *worker, uint64_t seq);
/* It has ended before: true if run_end() was still to come, which will not now. */
bool drain_cancel(struct winst *inst);

/* Of one that runs: whether it is not as wished, and that may be changed now; a step that does it. Paused
 * is told once no address leads to it any more. */
bool pause_is_due(const struct winst *inst);
void pause_begin(struct winst *inst, bool is_paused);
bool pause_keeps_traffic_away(const struct winst *inst);
/* The state of one that is paused. */
void pause_tell(struct winst *inst);
/* It has ended: what went wrong counts no more. */
void pause_forget(struct winst *inst);
/* The wish is another one: it is tried now. */
void pause_again(struct winst *inst);

/* Probes of an instance. It has just been seen to run: whether it counts as ready, which one without a
 * startup and a readiness probe is, and one that is known to have been. */
void probes_saw_alive(struct winst *inst);
/* It runs and can be reached: begins its probes unless they have begun. Results move inst->life.is_ready and
 * its state, or condemn it. */
void probes_begin(struct winst *inst);
/* Its spec has other probes now, or none. */
void probes_change(struct winst *inst);
void probes_end(struct winst *inst);
/* The same after the loop has been freed. */
struct probing *probes_free(struct probing *probing);
/* How its ports are asked. */
const struct prober *prober_of(const struct winst *inst);

#endif
