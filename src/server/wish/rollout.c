/* A service's instances replaced one after the other: those that wait their turn have the number of the
 * generation that they stay at, whose spec the service keeps as long as one of them has it. The next one's
 * turn comes when all that had theirs run; what never runs holds the others where they are.
 *
 * A further change in between makes the newest generation another one: what runs waits at what it has, be it
 * of the first or of a later one, and what does not run goes on to the newest at once. */
#include "server/private.h"

static bool is_of(const struct instance *inst, const struct service *service)
{
	return str_eq(inst->service_id, service->id) && !inst->is_removed;
}

static bool waits(const struct instance *inst, const struct service *service)
{
	return is_of(inst, service) && inst->generation;
}

static void set_generation(struct server *server, const struct instance *inst, uint32_t generation)
{
	struct instance *copy = object_copy(KIND_INSTANCE, inst);

	copy->generation = generation;
	next_put(server, KIND_INSTANCE, copy->id, copy);
}

static const struct instance *lowest(const struct server *server, const struct service *service,
				     bool is_waiting)
{
	const struct instance *found = NULL;

	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (is_of(inst, service) && (!is_waiting || inst->generation) &&
		    (!found || inst->number < found->number))
			found = inst;
	}
	return found;
}

static bool runs_at(const struct fact *fact, uint32_t generation)
{
	return fact->status.generation == generation &&
	       (fact->status.state == STATE_RUNNING || fact->status.state == STATE_COMPLETED);
}

/* Its turn has come and it does not run yet, which a later change need not wait for. What nobody has told
 * of may run. */
static bool is_under_way(const struct server *server, const struct instance *inst,
			 const struct service *service)
{
	const struct fact *fact = fact_find(server, inst->id);

	return service->n_versions && is_of(inst, service) && !inst->generation && fact &&
	       !runs_at(fact, service->generation);
}

static bool has_some_under_way(const struct server *server, const struct service *service)
{
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (is_under_way(server, inst, service))
			return true;
	}
	return false;
}

static bool is_waited_at(const struct server *server, const struct service *service,
			 uint32_t generation)
{
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (waits(inst, service) && inst->generation == generation)
			return true;
	}
	return false;
}

static void version_fini(struct service_version *version)
{
	fields_fini(&service_version_table, version);
}

/* Those that no instance has any more. */
static void drop_versions(struct server *server, struct service *service)
{
	size_t n = 0;

	for (size_t i = 0; i < service->n_versions; i++) {
		struct service_version *version = &service->versions[i];

		if (is_waited_at(server, service, version->generation))
			service->versions[n++] = *version;
		else
			version_fini(version);
	}
	service->n_versions = n;
}

static void keep_version(struct service *service, const struct service *old)
{
	size_t n = service->n_versions;
	struct service_version *versions = xcalloc(n + 1, sizeof(*versions));

	if (n)
		memcpy(versions, service->versions, n * sizeof(*versions));
	versions[n].generation = old->generation;
	fields_copy(&service_spec_table, &old->spec, &versions[n].spec);
	free(service->versions);
	service->versions = versions;
	service->n_versions = n + 1;
}

int rollout_begin(struct server *server, const struct service *old, struct service *service,
		  struct err *err)
{
	const struct instance *first = has_some_under_way(server, old) ? NULL
								       : lowest(server, old, false);

	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (is_of(inst, old) && !inst->generation && inst != first &&
		    !is_under_way(server, inst, old))
			set_generation(server, inst, old->generation);
	}
	if (first && first->generation)
		set_generation(server, first, 0);
	keep_version(service, old);
	drop_versions(server, service);
	if (service->n_versions <= SERVICE_VERSIONS_MAX)
		return 0;
	return err_set(err, -EBUSY,
		       "%s: its instances have %d versions, another one has to wait for their turn",
		       service->name, SERVICE_VERSIONS_MAX);
}

void rollout_end(struct server *server, struct service *service)
{
	if (!service->n_versions)
		return;
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (waits(inst, service))
			set_generation(server, inst, 0);
	}
	drop_versions(server, service);
}

const struct service_version *rollout_version(const struct service *service,
					      const struct instance *inst)
{
	for (size_t i = 0; inst->generation && i < service->n_versions; i++)
		if (service->versions[i].generation == inst->generation)
			return &service->versions[i];
	return NULL;
}

static bool has_arrived(const struct server *server, const struct instance *inst)
{
	const struct service *service = next_get(server, KIND_SERVICE, inst->service_id);

	return service && runs_at(fact_or_none(server, inst->id), service->generation);
}

static bool all_have_arrived(const struct server *server, const struct service *service)
{
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (is_of(inst, service) && !inst->generation && !has_arrived(server, inst))
			return false;
	}
	return true;
}

static void step(struct server *server, const struct service *service)
{
	const struct instance *next = lowest(server, service, true);

	if (next) {
		if (all_have_arrived(server, service))
			set_generation(server, next, 0);
		return;
	}
	struct service *done = object_copy(KIND_SERVICE, service);
	rollout_end(server, done);
	next_put(server, KIND_SERVICE, done->id, done);
}

void rollout_steps(struct server *server)
{
	next_for_each(server, KIND_SERVICE, struct service, service)
	{
		if (service->n_versions)
			step(server, service);
	}
}

bool rollout_goes_on(const struct server *server, const struct instance *inst)
{
	const struct service *service = state_get(server, KIND_SERVICE, inst->service_id);

	return service && service->n_versions;
}
