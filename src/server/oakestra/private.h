/* What the files of this folder share. */
#ifndef HOLM_SERVER_OAKESTRA_PRIVATE_H
#define HOLM_SERVER_OAKESTRA_PRIVATE_H

#include "server/oakestra.h"
#include "server/private.h"

/* change.c: the only service of `take_sla`. `done` runs in any case, with -ESHUTDOWN if the server is
 * being freed. */
void oakestra_add_service_begin(struct server *server, const struct oakestra_change *change);

/* who.c */
struct app_owner oakestra_owner(const struct oakestra_user *user);
bool oakestra_may_see(const struct oakestra_user *user, const struct app *app);
bool oakestra_sees_service(const struct server *server, const struct oakestra_user *user,
			   const struct service *service);

/* view.c */
const char *oakestra_cluster_id(const struct server *server);
const char *oakestra_cluster_location(const struct server *server);

#endif
