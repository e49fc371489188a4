/* Whose objects somebody sees. */
#include "server/oakestra/private.h"

struct app_owner oakestra_owner(const struct oakestra_user *user)
{
	return (struct app_owner){
		.user = user->name,
		.organization = user->organization ? user->organization : "",
	};
}

bool oakestra_may_see(const struct oakestra_user *user, const struct app *app)
{
	const struct app_owner owner = oakestra_owner(user);

	if (user->is_admin || (app_is_of(app, &owner) && !user->is_stranger))
		return true;
	return user->is_manager && str_eq(app->organization, owner.organization);
}

bool oakestra_sees_service(const struct server *server, const struct oakestra_user *user,
			   const struct service *service)
{
	const struct app *app = state_get(server, KIND_APP, service->app_id);

	return app && oakestra_may_see(user, app);
}

const char *oakestra_find_service(const struct server *server, const struct oakestra_user *user,
				  const char *id_or_name, struct err *err)
{
	const struct service *found = state_get(server, KIND_SERVICE, id_or_name);
	size_t n = 0;

	if (found && oakestra_sees_service(server, user, found))
		return found->id;
	found = NULL;
	state_for_each(server, KIND_SERVICE, struct service, service)
	{
		if (!str_eq(service->spec.name, id_or_name) ||
		    !oakestra_sees_service(server, user, service))
			continue;
		found = service;
		n++;
	}
	if (n == 1)
		return found->id;
	if (n)
		err_set(err, -ENOENT, "%zu services are called %.40s: ask for one by its id", n,
			id_or_name);
	else
		err_set(err, -ENOENT, "no service %.40s", id_or_name);
	return NULL;
}
