/* What the server's files share. state.c has the idea: every object has a current version,
 * which readers see, and during a request a next one, which becomes current once it is on disk. */
#ifndef HOLM_SERVER_PRIVATE_H
#define HOLM_SERVER_PRIVATE_H

#include "loop/loop.h"
#include "model/message.h"
#include "server/server.h"

enum kind {
	KIND_APP,
	KIND_SERVICE,
	KIND_INSTANCE,
	KIND_NODE,
	KIND_SECRET,
	KIND_CONFIG,
	KIND_USER,
	KIND_ORGANIZATION,
	KIND_TOKEN,
	KIND_CUSTOM_TYPE,
	KIND_CUSTOM,
	KIND_HOOK,
	KIND_DELIVERY,
	KIND_HOOK_LOG,
	KIND_N
};

struct doc {
	enum kind kind;
	char id[ID_SIZE];
	void *cur;  /* as committed, NULL: not yet */
	void *next; /* as it will be, NULL: deleted; meaningful if is_touched */
	bool is_touched;
	bool is_undo_noted; /* by the request that runs now */
	/* family.c; of committed ones */
	struct doc *parent;   /* of a service its application, of an instance its service */
	struct list children; /* in the order in which they are listed */
	struct list sibling;
};

/* What is known of a node beyond its document; not stored. */
struct node_live {
	bool is_alive;
	uint64_t seen_ms;
	uint64_t revision; /* of its wish, as last sent */
	struct resources used;
	struct node_warm warm;
};

/* What an instance, or the cluster, used at a moment. */
struct usage {
	uint64_t at_ms;     /* unix time */
	double cpu_percent; /* of its node's processors, or of all nodes' */
	double memory;      /* bytes; of all nodes: percent */
};

#define HISTORY_MAX 100

/* The last ones, a ring. */
struct history {
	struct usage *points;
	uint32_t n;
	uint32_t next; /* place of the next one */
};

/* Facts of an instance, from its node or (not placed) from us. */
struct fact {
	struct instance_status status;
	struct instance_stats stats;
	struct instance_stats stats_before; /* the one before, or zeros: not of another run */
	uint64_t stats_ms;                  /* unix time of `stats`, 0: none */
	struct history history;
};

struct request;
struct undo;
struct accounts;
struct hooks;

struct server {
	struct server_config config;
	struct store *store;
	struct map docs[KIND_N]; /* id → struct doc */
	struct map facts;        /* instance id → struct fact */
	struct map lives;        /* node id → struct node_live */
	struct history history;  /* of all nodes together */

	struct list requests; /* waiting */
	struct list running;  /* in the commit under way */
	bool is_scheduled;
	bool is_committing;
	struct doc **touched; /* by the commit under way or being made */
	size_t n_touched;
	struct undo *undo; /* of the request that runs now */
	size_t n_undo;

	uint64_t revision;
	uint64_t event_seq; /* of the last event */
	bool needs_table;
	struct timer *table_timer; /* until a table is told again */
	uint64_t table_ms;         /* when what a node reported was told last */
	bool needs_placing;
	bool is_settling;    /* a request to settle waits */
	struct timer *retry; /* of what a failed commit left undone */
	struct timer *liveness;
	struct bus_subscription *messages;
	struct accounts *accounts;
	struct hooks *hooks;
	struct list watches;
	struct event **events; /* ring of the last ones */
	size_t n_events;
};

/* state.c */
extern const struct field_table *const kind_tables[KIND_N];
const char *kind_name(enum kind kind);
int state_load(struct server *server, struct err *err);
void state_fini(struct server *server);
/* As committed. */
const void *state_get(const struct server *server, enum kind kind, const char *id);
/* Inside a request: with what it and those before it have changed. */
const void *next_get(const struct server *server, enum kind kind, const char *id);
/* Inside a request: takes the object (heap, of the kind's struct), NULL deletes. */
void next_put(struct server *server, enum kind kind, const char *id, void *take_object);
/* A heap copy to be changed and put. */
void *object_copy(enum kind kind, const void *object);
void object_free(enum kind kind, void *object);
/* One without any version. */
void doc_free(struct server *server, struct doc *doc);

/* Ends a request that succeeded, or that failed. */
void undo_drop(struct server *server);
void undo_apply(struct server *server);

/* Iterates over committed objects, or over those of the request. The body sees `type *name`. */
#define state_for_each(server, kind, type, name)                \
	map_for_each(&(server)->docs[kind], i_##name, e_##name) \
		for (const type *name = ((struct doc *)e_##name->value)->cur; name; name = NULL)
#define next_for_each(server, kind, type, name)                 \
	map_for_each(&(server)->docs[kind], i_##name, e_##name) \
		for (const type *name = doc_next(e_##name->value); name; name = NULL)
const void *doc_next(const struct doc *doc);

/* family.c */
/* A document has become one that is committed, or is none any more. */
void family_join(struct server *server, struct doc *doc);
void family_leave(struct doc *doc);
/* All that were loaded. */
void family_load(struct server *server);
/* The committed services of an application by their age, or instances of a service by their number. */
const struct doc *family_first(const struct server *server, enum kind kind, const char *id);
const struct doc *family_next(const struct doc *doc);
/* The body sees `type *name`. */
#define family_for_each(server, kind, id, type, name)                               \
	for (const struct doc *d_##name = family_first(server, kind, id); d_##name; \
	     d_##name = family_next(d_##name))                                      \
		for (const type *name = d_##name->cur; name; name = NULL)

/* request.c: `run` reads and changes objects by next_…; a negative result undoes what it changed.
 * done runs once, after the commit or with the error; -ESHUTDOWN: the server is being freed, only
 * release `arg`. */
typedef int (*request_fn)(struct server *server, void *arg, struct err *err);
typedef void (*request_done_fn)(struct server *server, void *arg, const struct err *err);
void request_begin(struct server *server, request_fn run, request_done_fn done, void *arg);
void request_free_all(struct server *server);

/* changes.c: what a commit brought about: events and messages to nodes. */
void changes_apply(struct server *server, struct doc *const *touched, size_t n);
/* Begins a request that does what nobody asks for: it places instances that wait for a node, and
 * drops those that their node has removed. */
void settle_begin(struct server *server);
void settle_later(struct server *server);
bool fact_is_gone(const struct fact *fact);

/* address.c; all inside a request */
int address_take(struct server *server, const char *wanted, const char *owner_id, char **ret,
		 struct err *err);
int address_pick_subnet(struct server *server, char **ret, struct err *err);

/* place.c; inside a request */
/* What the node may be promised. */
struct resources place_offer(const struct node *node);
int place_check(struct server *server, const struct service *service, struct err *err);
/* A node for the instance, or why there is none (in the fact's detail). */
void place_instance(struct server *server, struct instance *inst, const struct service *service);
void place_pending(struct server *server);
/* The instance reserves what the spec says. */
void place_reserve(struct instance *inst, const struct service_spec *spec);
/* The service's instances reserve what its spec says now; -ENOSPC if their nodes do not have it. */
int place_resize(struct server *server, const struct service *service, struct err *err);

/* scale.c; inside a request */
void scale_to(struct server *server, const struct service *service, uint32_t replicas);
uint32_t scale_count(const struct server *server, const char *service_id);
void scale_remove_instance(struct server *server, const struct instance *inst);
void scale_remove_service(struct server *server, const struct service *service);

/* One more, with the next number, which is returned. */
uint32_t scale_add_instance(struct server *server, const struct service *service);

/* find.c; `is_next` looks at the request's versions */
const struct app *find_app(const struct server *server, const char *name, bool is_next,
			   struct err *err);
const struct service *find_service(const struct server *server, const char *name, bool is_next,
				   struct err *err);

/* messages.c */
void messages_begin_server(struct server *server);
void messages_deploy(struct server *server, const struct instance *inst);
void messages_delete(struct server *server, const struct instance *inst);
void messages_table(struct server *server);
void messages_send(struct server *server, const char *node_id, const char *what,
		   char *take_payload);

/* custom/view.c: as watchers see them */
struct custom_type;
struct custom;
void custom_type_view(const struct custom_type *type, void *out);
void custom_view(const struct server *server, const struct custom *custom, void *out);

/* account/account.c, around state_load() */
void accounts_new(struct server *server);
int accounts_begin(struct server *server, struct err *err);
void accounts_free(struct server *server);
/* account/audit.c: a document that is of none of the kinds above. */
int audit_load(struct server *server, const char *kind, const char *id, const char *body,
	       struct err *err);

/* facts: found or made */
struct fact *fact_get(struct server *server, const char *instance_id);
const struct fact *fact_find(const struct server *server, const char *instance_id);
void fact_remove(struct server *server, const char *instance_id);
struct node_live *live_get(struct server *server, const char *node_id);
bool live_is_alive(const struct server *server, const char *node_id);

/* What a view shows is the state's, but for this; both live until it is written. */
struct view_made {
	struct strv texts;
	struct port_view *ports;
};

/* view.c: whether watchers are told of its changes */
bool view_is_shown(enum kind kind);
void view_emit(struct server *server, enum kind kind, const void *object, struct json_out *out);
/* The one that says how its service is: any if all run, else the first that does not; NULL: has none. */
const struct instance *view_least(const struct server *server, const struct service *service);
/* JSON of one object, the caller's; NULL if it is not there */
char *view_json(struct server *server, enum kind kind, const char *id);

/* watch.c */
void watch_changed(struct server *server, enum kind kind, const char *id);
void watch_free_all(struct server *server);

/* plan.c */
/* What is answered to a request that changes something. */
struct plan_answer {
	struct plan_view plan;
	server_done_fn done;
	void *arg;
};
/* At the request's end, with its result: a dry run is undone like one that was refused. */
int plan_undo_dry_run(const struct plan_answer *answer, int result, struct err *err);
/* Once, in the request's `done`: tells the plan, a dry run's too, or why there is none, and releases it. */
void plan_tell(struct server *server, struct plan_answer *answer, const struct err *err);
void plan_add(struct plan_view *plan, const char *action, const char *kind, const char *name);
void plan_detail(struct plan_view *plan, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Names each field that differs: "memory: 100 → 200, code: …". */
char *plan_diff(const struct service_spec *before, const struct service_spec *after);

/* view.c: a zeroed one if nothing was told. */
const struct fact *fact_or_none(const struct server *server, const char *id);
enum instance_state view_state_by(const struct instance *inst, const struct fact *fact);
enum instance_state view_state_of(const struct server *server, const struct instance *inst);
/* Splits app.appns.service.servicens in the middle; both are the caller's. */
void view_split_name(const char *sname, char **ret_app, char **ret_service);
/* stats.c: a measurement. */
void stats_take(struct server *server, const struct instance_stats *stats);
/* Cores in use between the last two measurements; false before there are two of the same run. */
bool stats_cpu_cores(const struct fact *fact, double *ret);
/* Share in percent, 0 of nothing. */
double stats_percent(double part, double whole);
/* What the nodes that are there use together, noted at each call. */
void stats_note_nodes(struct server *server);

/* history.c */
void history_add(struct history *history, const struct usage *usage);
/* From the oldest, 0, on; NULL at the end. */
const struct usage *history_get(const struct history *history, uint32_t index);
void history_fini(struct history *history);

/* What the rest uses of these folders. */
#include "server/hook/hook.h"
#include "server/value/value.h"
#include "server/wish/wish.h"

#endif
