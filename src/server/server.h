/* The server role: keeps what users wish, places it on nodes, and knows how it stands.
 *
 * A request is checked against memory, committed by the store, and only then answered and
 * acted on. Requests that arrive during a commit form the next one. Observed facts (status, memory
 * in use) are kept in memory: their node tells them again. */
#ifndef HOLM_SERVER_SERVER_H
#define HOLM_SERVER_SERVER_H

#include "base/base.h"
#include "base/secret.h"
#include "model/sla.h"
#include "model/value.h"
#include "model/view.h"
#include "store/store.h"
#include "wire/bus.h"

struct loop;
struct server;
struct server_hook_call;
struct server_hook_answer;

#define SERVER_DEFAULT_OWNER "Admin"
#define SERVER_CLUSTER_NAME  "holm"

/* Strings and tables are borrowed and outlive the server. */
struct server_config {
	struct loop *loop;
	struct bus *bus;
	const struct store_driver *store;
	const char *store_where;
	const char *namespace_pool; /* "10.18.0.0-10.29.255.255" */
	const char *service_pool;   /* "10.30.0.0/16" */
	uint32_t own_port;          /* of the API: no service may map it; 0: none */
	/* As one cluster, to its users. */
	const char *cluster_id;       /* 24 hex digits; NULL: zeros */
	const char *cluster_name;     /* that constraints name; NULL: SERVER_CLUSTER_NAME */
	const char *cluster_location; /* "LAT,LON,RADIUS_KM", NULL: not told */
	const char *key_path; /* file that seals secrets, made at first use; NULL: none are kept */
	const char *keys_dir; /* of the keys that sign tokens; NULL: nobody can log in */
	/* Calls a hook, see server/extend.h; on a thread. NULL: none can be. */
	int (*call_hook)(void *arg, const struct server_hook_call *call,
			 struct server_hook_answer *ret, struct err *err);
	void *hook_arg;
};

struct server *server_new(const struct server_config *config, struct err *err);
/* Before the loop is freed: breaks off what others are asked for. */
void server_leave(struct server *server);
/* Memory only, after the loop has been freed. */
struct server *server_free(struct server *server);

/* Each runs done once, later; plan is NULL when err->code is set. Codes: -EINVAL not allowed,
 * -ENOENT no such object, -EEXIST address or port taken, -ENOSPC no node could ever hold it,
 * -ENOTSUP no node has the runtime, others from the store: nothing was changed in any case. */
typedef void (*server_done_fn)(void *arg, const struct plan_view *plan, const struct err *err);

/* Makes the descriptor's applications, among its owner's, what it says; a dry run only tells the plan. */
struct server_apply {
	struct sla *take_sla;
	const char *owner; /* user name, in organization root; copied; NULL: SERVER_DEFAULT_OWNER */
	const struct strv *warnings; /* copied into the plan; may be NULL */
	bool is_dry_run;
};
void server_apply_begin(struct server *server, const struct server_apply *request,
			server_done_fn done, void *arg);
/* `name`: app.appns, app alone where unique, or id. */
void server_delete_app_begin(struct server *server, const char *name, server_done_fn done,
			     void *arg);
/* `name`: app.appns.service.servicens, service.servicens or service where unique, or id. */
void server_scale_begin(struct server *server, const char *name, uint32_t replicas,
			server_done_fn done, void *arg);
/* An instance (see server_find_instance()), or all instances of a service (named as above): stopped and
 * started again on their nodes, under the same numbers and addresses. */
struct server_restart {
	const char *name;
	bool is_dry_run; /* only tells which would be restarted, in order of their numbers */
};
void server_restart_begin(struct server *server, const struct server_restart *request,
			  server_done_fn done, void *arg);

/* The same instances are halted where they are, with all that they have in memory, or go on. That is kept
 * until it is wished otherwise: what is started meanwhile, by a newer version or after an end, is halted as
 * soon as it runs. A restart lets go on, too. */
struct server_pause {
	const char *name;
	bool is_paused;
};
void server_pause_begin(struct server *server, const struct server_pause *request,
			server_done_fn done, void *arg);

/* A node (see server_find_node()) gets no more instances, or does again; those it has stay, and are
 * restarted and replaced there. */
struct server_cordon {
	const char *node;
	bool is_cordoned;
};
void server_cordon_begin(struct server *server, const struct server_cordon *request,
			 server_done_fn done, void *arg);

/* Secrets and configuration objects. */
struct server_value {
	enum value_kind kind;
	const char *name;
	const void *bytes; /* copied; to set */
	size_t len;
	bool is_forced; /* to remove: though a service uses it */
};
/* Makes it or gives it a new value; nothing happens if it has it already. -EINVAL: no such name may
 * be, or it is empty; -E2BIG beyond VALUE_SIZE_MAX; -ENOSPC: too many; -ENOENT, -EACCES, -EBADMSG of
 * the key file, named. */
void server_set_value_begin(struct server *server, const struct server_value *value,
			    server_done_fn done, void *arg);
/* -EBUSY names the services that use it. */
void server_remove_value_begin(struct server *server, const struct server_value *value,
			       server_done_fn done, void *arg);
/* Value of a configuration object; secrets are given to instances alone. -ENOENT. */
int server_read_config(struct server *server, const char *name, struct secret *ret,
		       struct err *err);

/* A JSON array that is written piece by piece, since it may be long. What is in it is settled when it
 * begins, how that is when it is written; what has gone meanwhile is left out. */
struct server_list;
/* Goes on until about `enough` bytes are there: whether there is more. */
bool server_list_write(struct server_list *list, size_t enough);
/* What that wrote. */
const char *server_list_piece(const struct server_list *list, size_t *ret_len);
/* The whole list, instead; the caller's. */
char *server_list_text(struct server_list *take_list);
/* If the filter's limit has cut it: the id that the next page comes after; else NULL. */
const char *server_list_next(const struct server_list *list);
struct server_list *server_list_free(struct server_list *list);

enum server_listed {
	SERVER_APPS,
	SERVER_SERVICES,
	SERVER_INSTANCES,
	SERVER_NODES,
	SERVER_SECRETS,
	SERVER_CONFIGS,
	SERVER_LISTED_N,
};
/* Those alone that fit all that is given, as far as they have such a thing. */
struct server_filter {
	const char *app;    /* app.appns */
	const char *status; /* name of a state; a service's is that of its least advanced instance */
	const char *node;   /* id */
	const char *after;  /* id: then in order of their ids, those after it */
	uint32_t limit;     /* so many of these; 0: all */
};
/* Of the views of model/view.h, in the order in which they were made; `filter` may be NULL. */
struct server_list *server_list_begin(struct server *server, enum server_listed what,
				      const struct server_filter *filter);
/* Of those that run, or of those of them that the name fits; model/stats_view.h. */
char *server_list_stats(struct server *server, const char *name);

/* An instance by id, "service.N", "app.appns.service.servicens.N" or a unique prefix of its id: its id
 * and its node's. -ENOENT names what there is, -EEXIST if several fit. */
struct server_instance_ref {
	char id[ID_SIZE];
	char node_id[ID_SIZE]; /* "" while it has none */
	char label[72];        /* "web.0" */
};
struct server_instance_refs {
	struct server_instance_ref *items;
	size_t n;
};
int server_find_instance(struct server *server, const char *name, struct server_instance_ref *ret,
			 struct err *err);

/* All instances of a service that are on a node, in order of their numbers. The array is the
 * caller's. */
int server_find_instances(struct server *server, const char *service,
			  struct server_instance_refs *ret, struct err *err);

/* A node by id, host name or a unique prefix of its id; NULL: the only one there is. -ENOENT names
 * what there is, -EEXIST if several fit. */
int server_find_node(struct server *server, const char *name, char ret_id[ID_SIZE],
		     struct err *err);

/* The view of a node by its host name or id, the caller's; NULL with the reason. */
char *server_view_node(struct server *server, const char *name, struct err *err);

const char *server_cluster_name(const struct server *server);

/* Revision of the state; grows with every change, over restarts too. */
uint64_t server_revision(const struct server *server);

/* Changes as they happen. Events since `since` are replayed if the server still has them; if not,
 * the first event has kind "reset": list anew. The callback must not end the watch or change the
 * server. */
struct server_event {
	uint64_t revision; /* of the change; facts that nodes report count too */
	/* app, service, instance, node, secret, config, custom-type, custom, reset */
	const char *kind;
	const char *id;
	const char *json; /* the view, "{}" if it is gone */
	bool is_gone;
};
struct server_watch;
typedef void (*server_event_fn)(void *arg, const struct server_event *event);
struct server_watch *server_watch_begin(struct server *server, uint64_t since, server_event_fn fn,
					void *arg);
struct server_watch *server_watch_end(struct server *server, struct server_watch *watch);

#endif
