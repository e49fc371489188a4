/* Objects by the names that people use. */
#include "server/private.h"

#define LISTED_MAX 10
#define PREFIX_MIN 4 /* digits of an id */

static const void *version(const struct doc *doc, bool is_next)
{
	return is_next ? doc_next(doc) : doc->cur;
}

static int not_found(struct err *err, const char *kind, const char *name, const struct strv *have)
{
	auto_free char *list = strv_join(have, ", ");

	if (!have->n)
		return err_set(err, -ENOENT, "no %s %s: there is none at all", kind, name);
	return err_set(err, -ENOENT, "no %s %s: there are %s%s", kind, name, list,
		       have->n == LISTED_MAX ? ", …" : "");
}

static int ambiguous(struct err *err, const char *kind, const char *name, const struct strv *have)
{
	auto_free char *list = strv_join(have, ", ");

	return err_set(err, -EEXIST, "%s %s: several fit (%s), name it in full", kind, name, list);
}

const struct app *find_app(const struct server *server, const char *name, bool is_next,
			   struct err *err)
{
	auto_strv struct strv all = { 0 };
	auto_strv struct strv fits = { 0 };
	const struct app *found = NULL;

	map_for_each(&server->docs[KIND_APP], i, e) {
		const struct app *app = version(e->value, is_next);

		if (!app)
			continue;
		auto_free char *full = app_full_name(app);
		if (str_eq(full, name) || str_eq(app->id, name))
			return app;
		if (all.n < LISTED_MAX)
			strv_add(&all, full);
		if (str_eq(app->name, name)) {
			strv_add(&fits, full);
			found = app;
		}
	}
	if (fits.n > 1)
		ambiguous(err, "application", name, &fits);
	else if (!found)
		not_found(err, "application", name, &all);
	return fits.n == 1 ? found : NULL;
}

/* "web", "web.test" or all four parts. */
static bool service_fits(const struct service *service, const char *name)
{
	auto_strv struct strv part = { 0 };
	size_t n = strlen(name);

	strv_split(&part, service->name, ".");
	if (part.n != 4)
		return false;
	const char *tail = service->name + strlen(part.items[0]) + strlen(part.items[1]) + 2;
	return str_eq(tail, name) || (strlen(part.items[2]) == n && str_starts(tail, name));
}

const struct service *find_service(const struct server *server, const char *name, bool is_next,
				   struct err *err)
{
	auto_strv struct strv all = { 0 };
	auto_strv struct strv fits = { 0 };
	const struct service *found = NULL;

	map_for_each(&server->docs[KIND_SERVICE], i, e) {
		const struct service *service = version(e->value, is_next);

		if (!service)
			continue;
		if (str_eq(service->name, name) || str_eq(service->id, name))
			return service;
		if (all.n < LISTED_MAX)
			strv_add(&all, service->name);
		if (service_fits(service, name)) {
			strv_add(&fits, service->name);
			found = service;
		}
	}
	if (fits.n > 1)
		ambiguous(err, "service", name, &fits);
	else if (!found)
		not_found(err, "service", name, &all);
	return fits.n == 1 ? found : NULL;
}

/* The forms of a service's name, with ".N" or, where that names one instance only, without. */
static bool instance_fits(const struct instance *inst, const char *name)
{
	const struct service named = { .name = inst->sname };
	auto_free char *number = xasprintf(".%u", inst->number);
	auto_free char *service = xstrdup(name);

	if (strlen(name) >= PREFIX_MIN && str_starts(inst->id, name))
		return true;
	if (str_ends(service, number))
		service[strlen(service) - strlen(number)] = '\0';
	return str_eq(service, inst->sname) || service_fits(&named, service);
}

static void fill_ref(const struct instance *inst, struct server_instance_ref *ret)
{
	auto_strv struct strv part = { 0 };

	STR_COPY(ret->id, inst->id);
	STR_COPY(ret->node_id, inst->node_id);
	strv_split(&part, inst->sname, ".");
	snprintf(ret->label, sizeof(ret->label), "%.60s.%u",
		 part.n == 4 ? part.items[2] : inst->sname, inst->number);
}

int server_find_instance(struct server *server, const char *name, struct server_instance_ref *ret,
			 struct err *err)
{
	auto_strv struct strv all = { 0 };
	auto_strv struct strv fits = { 0 };
	const struct instance *found = NULL;

	state_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		auto_free char *full = xasprintf("%s.%u", inst->sname, inst->number);

		if (all.n < LISTED_MAX)
			strv_add(&all, full);
		/* One that is on its way out counts only where no other fits: a service made anew
		 * counts from the same number. */
		if (!instance_fits(inst, name) || (inst->is_removed && found && !found->is_removed))
			continue;
		if (found && found->is_removed && !inst->is_removed)
			strv_fini(&fits);
		strv_add(&fits, full);
		found = inst;
	}
	if (fits.n > 1)
		return ambiguous(err, "instance", name, &fits);
	if (!found)
		return not_found(err, "instance", name, &all);
	fill_ref(found, ret);
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct instance *x = *(const struct instance *const *)a;
	const struct instance *y = *(const struct instance *const *)b;

	return (x->number > y->number) - (x->number < y->number);
}

int server_find_instances(struct server *server, const char *name, struct server_instance_refs *ret,
			  struct err *err)
{
	const struct service *service = find_service(server, name, false, err);
	const struct instance **found = NULL;
	size_t n = 0;

	if (!service)
		return err->code;
	state_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (str_eq(inst->service_id, service->id) && inst->node_id[0])
			*ARRAY_ADD(found, n) = inst;
	}
	if (n)
		qsort(found, n, sizeof(*found), compare_numbers);
	for (size_t i = 0; i < n; i++)
		fill_ref(found[i], ARRAY_ADD(ret->items, ret->n));
	free(found);
	return 0;
}

int server_find_node(struct server *server, const char *name, char ret_id[ID_SIZE], struct err *err)
{
	auto_strv struct strv all = { 0 };
	auto_strv struct strv fits = { 0 };
	const struct node *found = NULL;

	state_for_each(server, KIND_NODE, struct node, node)
	{
		if (all.n < LISTED_MAX)
			strv_add(&all, node->hostname);
		if (name && !str_eq(node->hostname, name) &&
		    !(strlen(name) >= PREFIX_MIN && str_starts(node->id, name)))
			continue;
		strv_add(&fits, node->hostname);
		found = node;
	}
	if (fits.n > 1)
		return ambiguous(err, "node", name ? name : "(none named)", &fits);
	if (!found)
		return not_found(err, "node", name ? name : "at hand", &all);
	str_copy(ret_id, ID_SIZE, found->id);
	return 0;
}
