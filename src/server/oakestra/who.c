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
