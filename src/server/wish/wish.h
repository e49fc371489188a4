/* Applications and services as they are wished: made, changed, deleted, replaced. For the server's own
 * files, by way of server/private.h. */
#ifndef HOLM_SERVER_WISH_H
#define HOLM_SERVER_WISH_H

#include "server/private.h"

/* app.c; inside a request, but for those that take an app alone */
struct app_owner {
	const char *user;
	const char *organization; /* as applications have it */
};
void id_new(struct server *server, char out[ID_SIZE]);
const char *app_label(const struct app *app);
char *app_full_name(const struct app *app);                           /* LABEL.NS, the caller's */
bool app_is_of(const struct app *app, const struct app_owner *owner); /* NULL: of anybody */
/* The one with the name and namespace of `named`, or NULL. */
const struct app *app_find(const struct server *server, const struct app_owner *owner,
			   const struct sla_app *named);
const struct app *app_make(struct server *server, const struct app_owner *owner,
			   const struct sla_app *sla);
/* With what its descriptor says beside the name. */
const struct app *app_describe(struct server *server, const struct app *app, const char *desc,
			       const char *unknown);
const struct app *app_rename(struct server *server, const struct app *app,
			     const struct sla_app *named);
void app_delete(struct server *server, const struct app *app, struct plan_view *plan);

/* service.c; inside a request */
struct service_wish {
	const struct app *app;
	const struct service_spec *spec;
	uint32_t replicas; /* to create: without any it is not asked whether a node could hold one */
	size_t position;   /* to create: in its descriptor, whose order lists keep */
	bool is_one_by_one; /* to change: its instances are replaced one after the other */
	char id[ID_SIZE];   /* of what was made */
};
char *service_full_name(const struct app *app, const struct service_spec *spec); /* the caller's */
const struct service *service_find(const struct server *server, const char *full_name);
/* The secret or configuration object, of its spec or of a version that an instance still has. */
bool service_wants(const struct service *service, enum value_kind kind, const char *name);
/* Both refuse what can never be, say what they do, and leave the rest to the end of the request. */
int service_create(struct server *server, struct service_wish *wish, struct plan_view *plan,
		   struct err *err);
int service_change(struct server *server, const struct service *old,
		   const struct service_wish *wish, struct plan_view *plan, struct err *err);

/* rollout.c; inside a request, but for the last and those that take no server */
/* `service` is about to replace `old`, whose instances wait, but for the first, or, where a replacement goes
 * on, for those that do not run. -EBUSY: they would have too many versions. */
int rollout_begin(struct server *server, const struct service *old, struct service *service,
		  struct err *err);
/* None waits any more. */
void rollout_end(struct server *server, struct service *service);
/* What an instance that waits has; NULL: it does not. */
const struct service_version *rollout_version(const struct service *service,
					      const struct instance *inst);
/* Whose turn it is. */
void rollout_steps(struct server *server);
/* Whether it matters to others of its service how the instance stands. */
bool rollout_goes_on(const struct server *server, const struct instance *inst);

#endif
