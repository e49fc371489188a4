/* What the worker's files share. See worker.c for the order of events. */
#ifndef HOLM_WORKER_PRIVATE_H
#define HOLM_WORKER_PRIVATE_H

#include "base/pace.h"
#include "loop/loop.h"
#include "model/message.h"
#include "reconcile/reconcile.h"
#include "worker/call.h"
#include "worker/images/images.h"
#include "worker/launch/launch.h"
#include "worker/life/life.h"
#include "worker/machine.h"
#include "worker/network/network.h"
#include "worker/op.h"
#include "worker/session/session.h"
#include "worker/value/value.h"
#include "worker/worker.h"

/* An opened runtime. */
struct runtime_slot {
	const struct runtime_driver *driver;
	void *state;              /* NULL: not usable */
	struct runtime_info info; /* what the probe found */
	bool is_probing;
};

/* What is kept on disk of an instance beside its two specs. */
struct run_record {
	bool is_wished;
	char namespace_ip[IPV4_STR_MAX]; /* "" until it has one */
	uint32_t incarnation;
	uint32_t restarts;            /* made, of those that were asked for */
	uint32_t started_incarnation; /* whose startup probe has passed, or that was ready, 0: none */
	uint32_t ready_incarnation;   /* that is ready by its probes, 0: none */
	char digest[DIGEST_SIZE];     /* of the current spec's image, "" until it was had */
	bool is_completed;            /* the current spec ran to its end and stays ended */
	bool is_failed;               /* meaningful then: that was a failure */
	char detail[DETAIL_MAX];      /* how it ended then */
	uint32_t failures;            /* ends in a row, as of the last one */
	uint64_t retry_at_ms;         /* unix time: when it was to be started after that */
	uint64_t run_ms;              /* unix time: begin of its last run, 0: none is known */
	uint64_t previous_ms;         /* the same of the run before */
};

/* An instance on this node. */
struct winst {
	struct worker *worker;
	char id[ID_SIZE];
	struct msg_deploy wish;
	struct msg_deploy current; /* generation 0: none yet */
	struct run_record record;

	bool is_busy;                 /* a step is under way */
	unsigned n_saving;            /* commits under way: no step before they are on disk */
	bool needs_save;              /* the last commit failed */
	bool needs_inspect;           /* its process has ended, or may have */
	struct fetch_waiter fetch;    /* while its image is being had */
	uint32_t fetching_generation; /* meanwhile, 0: none */
	uint32_t fetched_generation;
	char *image; /* of the fetched generation: name, or folder of a unikernel */
	char digest[DIGEST_SIZE];
	bool is_attached;   /* its link is known to be right */
	bool may_have_link; /* one may be there, right or not */
	bool may_have_run;  /* its runtime may have something of it, listed or not */
	struct overlay_link link;
	bool may_have_volumes;       /* some may be mounted, or be recorded as such */
	uint32_t mounted_generation; /* whose volumes are mounted, 0: none known */
	struct volume_mounts mounts; /* of it */
	struct op *volume_op;        /* a step that mounts or releases them, or NULL */

	bool is_refreshing; /* files of its secrets are being brought up to date */
	bool needs_refresh; /* afterwards again */

	enum run_phase run;
	struct runtime_status status; /* meaningful unless absent */
	struct runtime_slot *slot;    /* that holds it, or will */
	int exit_fd;                  /* pidfd of status.watch, or -1 */
	struct io *exit_watch;
	struct timer *look;    /* where nothing can be watched */
	uint64_t memory_bytes; /* last reading */

	struct timer *grace;    /* from the stop signal to the kill */
	bool is_draining;       /* about to be stopped: no new connections */
	uint64_t publish_after; /* RUNNING is told once this publication is done; 0: it is */
	struct timer *retry;    /* back-off after an end or failed start */
	struct timer *update_retry;
	unsigned failures; /* in a row */
	struct life life;
	unsigned update_failures;
	bool lacks_space;          /* for its image, at the last try: others make room */
	enum instance_state state; /* what is told, with detail and the rest in `told` */
	char detail[DETAIL_MAX];
	char update_error[DETAIL_MAX]; /* why the wish's image could not be had, "" if it could */
	struct instance_status told;
};

struct transfer;
struct publish;

struct worker {
	struct worker_config config;
	struct store *store;
	struct overlay *overlay;
	struct runtime_slot slots[WORKER_RUNTIMES_MAX];
	struct map instances; /* id → struct winst */
	struct list ops;
	struct list saves;        /* commits under way */
	struct map transfers;     /* image → struct transfer */
	struct list logs;         /* that are being read */
	struct list calls;        /* that wait for an answer */
	struct sessions execs;    /* commands in instances, for clients */
	struct sessions attaches; /* clients that are connected to instances */
	struct sessions copies;   /* of files, for clients */
	struct timer *progress_timer;
	struct images *images;
	struct map unikernels; /* URL → struct unikernel_image on disk */

	struct volumes *volumes;
	struct volume_info volume_info; /* by the last look */
	bool is_volume_known;           /* there was one */
	struct op *look_op;             /* one is under way */
	bool needs_look;                /* afterwards another */
	unsigned volume_failures;       /* looks in a row that found a broken driver */
	struct timer *volume_timer;

	struct map values;  /* "secret/NAME" → struct kept_value */
	uint64_t value_seq; /* counts their changes */

	struct strv subnets;
	struct strv problems;   /* of the overlay */
	uint64_t revision;      /* of the wish as last told by the server */
	struct msg_table table; /* as last told by the server */
	struct bus_subscription *control;
	struct bus_subscription *net;
	struct timer *heartbeat;
	struct timer *stats_timer; /* a reading between two heartbeats */

	bool is_accepted;       /* by the server */
	bool is_synced;         /* it has told its whole wish */
	bool is_asking_subnet;  /* for one more block */
	bool is_measuring;      /* statistics are being read */
	uint64_t measured_ms;   /* when the last one began */
	struct machine_use use; /* last reading */
	struct warm_state warm;

	unsigned n_opening;       /* steps of the start that are under way */
	struct timer *open_again; /* for runtimes that failed */
	unsigned open_failures;   /* in a row */
	unsigned n_broken;        /* runtimes, by the last look */
	bool is_open;             /* drivers are open: instances are looked after */
	bool is_setup;            /* the overlay has its blocks */
	bool is_setting_up;
	bool needs_setup;
	struct timer *setup_timer; /* another try */
	bool is_probed;
	bool is_ready_told;
	bool is_down; /* everything is to stop */
	void (*down_done)(void *arg, const struct err *err);
	void *down_arg;
	struct timer *down_timer;
	struct err down_err;  /* what could not be stopped in time */
	bool is_closing_down; /* instances are gone, the overlay is going */

	struct winst **leaving; /* that wait to be detached */
	size_t n_leaving;
	bool is_detaching;
	struct pace detach_pace;
	struct timer *detach_timer;

	int nameserver_fd; /* pidfd, -1: none */
	struct io *nameserver_watch;
	uint64_t nameserver_ms;   /* since when it is watched */
	unsigned nameserver_ends; /* in a row, each soon after its start */
	uint64_t publish_seq;     /* counts publications begun */
	bool is_publishing;
	bool is_looking; /* after the network */
	bool needs_publish;
	struct pace publish_pace;
	struct timer *publish_timer;
	struct timer *publish_retry; /* after one that failed */
};

/* instance.c */
struct winst *winst_new(struct worker *worker, const char *id);
struct winst *winst_free(struct winst *inst);
void winst_tick(struct winst *inst);
/* The step under way has ended: ticks. */
void winst_step_done(struct winst *inst);
void winst_tick_all(struct worker *worker);
/* Something went wrong on the way to running: state FAILED and a back-off. What has come to its end
 * stays so: what is left of it is tried again. */
void winst_fail(struct winst *inst, const struct err *err);
/* What is not on disk is not begun; what runs goes on. */
void winst_save_fail(struct winst *inst, const struct err *err);
/* The same as winst_fail() for the image of a newer spec: what runs goes on. */
void winst_update_fail(struct winst *inst, const struct err *err);
/* Begins the wait after a failure and counts it; returns how long. */
uint64_t winst_back_off(struct winst *inst);
/* The same wait, as far as an earlier Holm has left it over. */
void winst_resume_back_off(struct winst *inst);
void winst_set_state(struct winst *inst, enum instance_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Facts from the runtime, found at start or after an exit. */
void winst_saw_run(struct winst *inst, struct runtime_slot *slot,
		   const struct runtime_status *status);

/* run.c: start, stop, watching the end */
void run_start(struct winst *inst);
void run_stop(struct winst *inst);
/* What run_stop() goes on with, once no connection is led to it any more. */
void run_end(struct winst *inst);
void run_watch(struct winst *inst);
void run_unwatch(struct winst *inst);
void run_inspect(struct winst *inst);

/* fetch.c: instances and their images */
void fetch_begin(struct winst *inst, const struct msg_deploy *deploy);
void fetch_cancel(struct winst *inst);
/* Of the download it waits for, 0 if none goes on. */
unsigned fetch_percent(const struct winst *inst);

/* admit.c: whether there is room for the current spec; -ENOSPC says what is lacking. */
int admit(const struct winst *inst, struct err *err);

/* volume/volumes.c */
int volumes_load(struct worker *worker, struct err *err);
void volumes_mount(struct winst *inst);
void volumes_unmount(struct winst *inst);
/* Ends a step under way soon, whatever the driver does. */
void volumes_cancel(struct winst *inst);
void volumes_cancel_all(struct worker *worker);
bool volumes_are_mounted(const struct winst *inst);
/* What the node offers now; the server is told what is new. */
void volumes_look(struct worker *worker);

/* volume/calls.c */
void volume_ls_begin(struct call *call, const struct json *args);
void volume_create_begin(struct call *call, const struct json *args);
void volume_rm_begin(struct call *call, const struct json *args);

/* records.c */
int records_load(struct worker *worker, struct err *err);
void records_free_all(struct worker *worker);
/* Saves record and specs; the instance takes no step before they are on disk. */
void records_save(struct winst *inst);
/* The record alone; nothing waits for it, and what cannot be written is only logged. */
void records_note(struct winst *inst);
void records_forget(struct winst *inst);
void records_save_subnets(struct worker *worker);
void records_save_unikernel(struct worker *worker, const char *url,
			    const struct unikernel_image *image);
void records_forget_unikernel(struct worker *worker, const char *url);

/* messages.c */
void messages_begin(struct worker *worker);
void messages_register(struct worker *worker);
void messages_ask_subnet(struct worker *worker);
void messages_report(struct winst *inst);
void messages_resources(struct worker *worker, const struct msg_resources *resources);

/* streams.c: what is asked of this node; call.c */
void streams_begin(struct worker *worker);
void streams_free_all(struct worker *worker);
void call_open(struct worker *worker, struct stream *stream, struct json *take_request);
/* The stream is ended with this error, later. */
void call_refuse(struct worker *worker, struct stream *stream, const struct err *err);
void call_free_all(struct worker *worker);

/* Handlers of calls (call.h). */
void call_ping(struct call *call, const struct json *args);

/* open.c: drivers and probes; down.c; stats.c; logs.c */
void open_begin(struct worker *worker);
void open_probe(struct worker *worker);
/* One of the looks that the start waits for is done. */
void open_probed(struct worker *worker);
void down_check(struct worker *worker);
void stats_begin(struct worker *worker);
/* Of what has just begun: at once, and of many that begin together a few times. */
void stats_soon(struct worker *worker);
void logs_open(struct worker *worker, struct stream *stream, struct json *take_request);
char *logs_path(const struct worker *worker, const char *instance_id);
void logs_remove(const char *path);
void logs_free_all(struct worker *worker);
/* Once; err NULL: accepted by the server. */
void worker_tell_ready(struct worker *worker, const struct err *err);
/* Tells it when all of the start is done, and what was adopted is told as running. */
void worker_check_ready(struct worker *worker);

/* The driver that runs this kind, or NULL. */
struct runtime_slot *worker_find_slot(struct worker *worker, const char *virtualization);
/* A probe that goes on may find one. */
bool worker_is_pending(const struct worker *worker, const char *virtualization);
/* Probes use the drivers. */
bool worker_is_probing(const struct worker *worker);

#endif
