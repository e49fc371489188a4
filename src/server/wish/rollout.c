/* A service's instances replaced one after the other: those that wait their turn have the number of the
 * generation that they stay at, whose spec the service keeps until nobody has it any more. The next one's
 * turn comes when all that had theirs run; what never runs holds the others where they are. */
#include "server/private.h"

static bool waits(const struct instance *inst, const struct service *service)
{
	return str_eq(inst->service_id, service->id) && !inst->is_removed && inst->generation;
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
		if (str_eq(inst->service_id, service->id) && !inst->is_removed &&
		    (!is_waiting || inst->generation) && (!found || inst->number < found->number))
			found = inst;
	}
	return found;
}

void rollout_begin(struct server *server, const struct service *old, struct service *service)
{
	const struct instance *first = lowest(server, old, false);

	/* Of one that goes on already, those that wait stay where they are. */
	if (old->before_generation || scale_count(server, old->id) < 2)
		return;
	service->before_generation = old->generation;
	fields_copy(&service_spec_table, &old->spec, &service->before);
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (str_eq(inst->service_id, old->id) && !inst->is_removed && inst != first)
			set_generation(server, inst, old->generation);
	}
}

void rollout_end(struct server *server, struct service *service)
{
	if (!service->before_generation)
		return;
	service->before_generation = 0;
	fields_fini(&service_spec_table, &service->before);
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (waits(inst, service))
			set_generation(server, inst, 0);
	}
}

static bool has_arrived(const struct server *server, const struct instance *inst)
{
	const struct service *service = next_get(server, KIND_SERVICE, inst->service_id);
	const struct fact *fact = fact_or_none(server, inst->id);

	return service && fact->status.generation == service->generation &&
	       (fact->status.state == STATE_RUNNING || fact->status.state == STATE_COMPLETED);
}

static bool all_have_arrived(const struct server *server, const struct service *service)
{
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (str_eq(inst->service_id, service->id) && !inst->is_removed &&
		    !inst->generation && !has_arrived(server, inst))
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
		if (service->before_generation)
			step(server, service);
	}
}

bool rollout_goes_on(const struct server *server, const struct instance *inst)
{
	const struct service *service = state_get(server, KIND_SERVICE, inst->service_id);

	return service && service->before_generation;
}
