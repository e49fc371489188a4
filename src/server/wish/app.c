/* Applications and their owners. Two users may give an application the same name: the second one's has
 * a label of its own, NAME-ID, which no name can be, so that full names, and with them names in the
 * network, stay unique. */
#include "server/private.h"

#define LABEL_DIGITS_MIN 6

void id_new(struct server *server, char out[ID_SIZE])
{
	uint8_t random[12];

	loop_random(server->config.loop, random, sizeof(random));
	id_format(random, out);
}

const char *app_label(const struct app *app)
{
	return app->label ? app->label : app->name;
}

char *app_full_name(const struct app *app)
{
	return xasprintf("%s.%s", app_label(app), app->ns);
}

bool app_is_of(const struct app *app, const struct app_owner *owner)
{
	return !owner ||
	       (str_eq(app->owner, owner->user) && str_eq(app->organization, owner->organization));
}

const struct app *app_find(const struct server *server, const struct app_owner *owner,
			   const struct sla_app *named)
{
	next_for_each(server, KIND_APP, struct app, app)
	{
		if (app_is_of(app, owner) && str_eq(app->name, named->name) &&
		    str_eq(app->ns, named->ns))
			return app;
	}
	return NULL;
}

static bool label_is_taken(const struct server *server, const char *label)
{
	next_for_each(server, KIND_APP, struct app, app)
	{
		if (str_eq(app->label, label))
			return true;
	}
	return false;
}

/* The shortest free one. */
static char *pick_label(const struct server *server, const struct app *app)
{
	for (int n = LABEL_DIGITS_MIN;; n++) {
		auto_free char *label = xasprintf("%s-%.*s", app->name, n, app->id);

		if (n == ID_LEN || !label_is_taken(server, label))
			return TAKE(label);
	}
}

const struct app *app_make(struct server *server, const struct app_owner *owner,
			   const struct sla_app *sla)
{
	struct app *app = NEW(struct app);

	id_new(server, app->id);
	app->name = xstrdup(sla->name);
	app->ns = xstrdup(sla->ns);
	app->owner = xstrdup(owner->user);
	STR_COPY(app->organization, owner->organization);
	app->desc = xstrdup(sla->desc);
	app->unknown = xstrdup(sla->unknown);
	app->created_ms = loop_wall_ms(server->config.loop);
	if (app_find(server, NULL, sla))
		app->label = pick_label(server, app);
	next_put(server, KIND_APP, app->id, app);
	return app;
}

const struct app *app_describe(struct server *server, const struct app *old, const char *desc,
			       const char *unknown)
{
	struct app *app = object_copy(KIND_APP, old);

	free(app->desc);
	free(app->unknown);
	app->desc = xstrdup(desc);
	app->unknown = xstrdup(unknown);
	next_put(server, KIND_APP, app->id, app);
	return app;
}

const struct app *app_rename(struct server *server, const struct app *old,
			     const struct sla_app *named)
{
	struct app *app = object_copy(KIND_APP, old);

	free(app->name);
	free(app->ns);
	free(TAKE(app->label));
	app->name = xstrdup(named->name);
	app->ns = xstrdup(named->ns);
	if (app_find(server, NULL, named))
		app->label = pick_label(server, app);
	next_put(server, KIND_APP, app->id, app);
	return app;
}

void app_delete(struct server *server, const struct app *app, struct plan_view *plan)
{
	auto_free char *name = app_full_name(app);

	next_for_each(server, KIND_SERVICE, struct service, service)
	{
		if (!str_eq(service->app_id, app->id))
			continue;
		plan_add(plan, "delete", "service", service->name);
		strv_add(&plan->services, service->name);
		scale_remove_service(server, service);
	}
	plan_add(plan, "delete", "app", name);
	next_put(server, KIND_APP, app->id, NULL);
}
