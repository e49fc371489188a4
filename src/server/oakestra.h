/* The server as Oakestra's users know it: applications, services and their instances one by one, each
 * of them its owner's, and one cluster. Shapes are those of its API: types and keys that its clients
 * depend on are fixed by tests/golden/oakestra.
 *
 * Whoever asks is a user in an organization, and sees what is his there; a manager of it sees what is
 * anybody's there, an administrator all. What somebody may not see is not there for him: -ENOENT. */
#ifndef HOLM_SERVER_OAKESTRA_H
#define HOLM_SERVER_OAKESTRA_H

#include "server/server.h"

/* Schemas of what is answered; every answer keeps to them. */
extern const struct field_table oakestra_app_table, oakestra_service_table, oakestra_cluster_table,
	oakestra_oid_table;

struct oakestra_user {
	const char *name;
	bool is_admin;
	bool is_manager;          /* of his organization */
	bool is_stranger;         /* no member of it: makes nothing */
	const char *organization; /* as applications have it, NULL: root */
};

/* What became of one service of a descriptor. */
struct oakestra_service_result {
	char *name;        /* microservice_name */
	char id[ID_SIZE];  /* "" if it was refused */
	struct err reason; /* code 0: it was made */
};

struct oakestra_result {
	char id[ID_SIZE]; /* of what was made or changed last */
	struct oakestra_service_result *services;
	size_t n_services;
};

/* Runs once, later. The result is borrowed, and NULL if err->code is set: nothing was changed then. */
typedef void (*oakestra_done_fn)(void *arg, const struct oakestra_result *result,
				 const struct err *err);

/* Everything is copied, but for `take_sla`, which is emptied. */
struct oakestra_change {
	struct oakestra_user user;
	const char *id;       /* of the application or service */
	struct sla *take_sla; /* create, add, replace */
	int64_t number;       /* undeploy: of the instance; negative: all */
	/* describe: NULL: as it is */
	const char *name;
	const char *ns;
	const char *desc;
	oakestra_done_fn done;
	void *arg;
};

/* Makes all applications of the descriptor, or none. No instances, but where `replicas` is given.
 * -EEXIST: the user has one of that name. */
void oakestra_create_apps_begin(struct server *server, const struct oakestra_change *change);
void oakestra_delete_app_begin(struct server *server, const struct oakestra_change *change);
/* Name and namespace can be changed while it has no services, whose names they are part of. */
void oakestra_describe_app_begin(struct server *server, const struct oakestra_change *change);
/* Adds the services of the descriptor's first application to the application `id`, each by itself: the
 * result tells of every one. If none could be made, the first one's error. */
void oakestra_add_services_begin(struct server *server, const struct oakestra_change *change);
/* The service becomes what the descriptor's only service says, which bears its name; its instances one
 * after the other, each when those before it run. */
void oakestra_replace_service_begin(struct server *server, const struct oakestra_change *change);
void oakestra_delete_service_begin(struct server *server, const struct oakestra_change *change);
/* One more instance, under a number that none had. */
void oakestra_deploy_begin(struct server *server, const struct oakestra_change *change);
void oakestra_undeploy_begin(struct server *server, const struct oakestra_change *change);

/* With `is_own` only what is the user's own. */
struct server_list *oakestra_list_apps(struct server *server, const struct oakestra_user *user,
				       bool is_own);
/* Of an application, NULL: of all that the user sees. */
struct server_list *oakestra_list_services(struct server *server, const struct oakestra_user *user,
					   const char *app_id, struct err *err);
/* JSON, the caller's. */
char *oakestra_show_app(struct server *server, const struct oakestra_user *user, const char *id,
			struct err *err);
/* The id of the service of this id, or of the only one of this name (`microservice_name`) that the user
 * sees; valid until the state changes. NULL with -ENOENT: there is none that he sees, or several. */
const char *oakestra_find_service(const struct server *server, const struct oakestra_user *user,
				  const char *id_or_name, struct err *err);
/* `logs` (may be NULL): instance id → text, the end of its output. */
char *oakestra_show_service(struct server *server, const struct oakestra_user *user, const char *id,
			    const struct map *logs, struct err *err);
/* This server with its nodes as one cluster. */
char *oakestra_list_clusters(struct server *server, bool is_active_only);

#endif
