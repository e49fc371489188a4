/* Several services added at once, each of which may be refused by itself: a request for each, and one
 * answer when the last has its own. */
#include "server/oakestra/private.h"

struct adding {
	struct oakestra_result result;
	size_t n_left;
	bool is_shut; /* nobody is there to be told */
	oakestra_done_fn done;
	void *arg;
};

struct part {
	struct adding *adding;
	size_t index;
};

static void adding_end(struct adding *adding)
{
	struct oakestra_result *result = &adding->result;
	const struct err *first = NULL;
	struct err none = { 0 };

	for (size_t i = 0; i < result->n_services; i++) {
		if (!result->services[i].reason.code)
			STR_COPY(result->id, result->services[i].id);
		else if (!first)
			first = &result->services[i].reason;
	}
	bool is_refused = first && !result->id[0];
	if (!adding->is_shut)
		adding->done(adding->arg, is_refused ? NULL : result, is_refused ? first : &none);
	for (size_t i = 0; i < result->n_services; i++)
		free(result->services[i].name);
	free(result->services);
	free(adding);
}

static void on_added(void *arg, const struct oakestra_result *one, const struct err *err)
{
	struct part *part = arg;
	struct adding *adding = part->adding;
	struct oakestra_service_result *service = &adding->result.services[part->index];

	free(part);
	service->reason = *err;
	adding->is_shut |= err->code == -ESHUTDOWN;
	if (one)
		STR_COPY(service->id, one->id);
	if (--adding->n_left == 0)
		adding_end(adding);
}

static void add_one(struct server *server, const struct oakestra_change *change,
		    struct adding *adding, size_t i)
{
	struct part *part = NEW(struct part);
	struct oakestra_change one = *change;
	struct sla sla = { .n_apps = 1, .apps = NEW(struct sla_app) };
	const struct service_spec *spec = &change->take_sla->apps[0].services[i];

	*part = (struct part){ adding, i };
	sla.apps->services = NEW(struct service_spec);
	sla.apps->n_services = 1;
	fields_copy(&service_spec_table, spec, sla.apps->services);
	adding->result.services[i].name = xstrdup(spec->name);
	one.take_sla = &sla;
	one.done = on_added;
	one.arg = part;
	oakestra_add_service_begin(server, &one);
}

void oakestra_add_services_begin(struct server *server, const struct oakestra_change *change)
{
	struct adding *adding = NEW(struct adding);
	size_t n = change->take_sla->apps[0].n_services;

	assert(n > 0);
	adding->done = change->done;
	adding->arg = change->arg;
	adding->n_left = n;
	adding->result.n_services = n;
	adding->result.services = xcalloc(n, sizeof(*adding->result.services));
	for (size_t i = 0; i < n; i++)
		add_one(server, change, adding, i);
	sla_fini(change->take_sla);
}
