/* What follows from a commit: messages to the nodes concerned, events to watchers, and other work
 * that the new state calls for. */
#include "server/private.h"

#define RETRY_MS 5000

bool fact_is_gone(const struct fact *fact)
{
	return fact->status.state == STATE_UNDEPLOYED && str_eq(fact->status.detail, "removed");
}

static void drop_gone(struct server *server)
{
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		const struct fact *fact = fact_find(server, inst->id);

		if (inst->is_removed && fact && fact_is_gone(fact))
			next_put(server, KIND_INSTANCE, inst->id, NULL);
	}
}

static int run_settle(struct server *server, void *arg, struct err *err)
{
	server->is_settling = false;
	drop_gone(server);
	rollout_steps(server);
	place_pending(server);
	return 0;
}

void settle_begin(struct server *server)
{
	if (server->is_settling)
		return;
	server->is_settling = true;
	request_begin(server, run_settle, NULL, NULL);
}

static void on_retry(void *arg)
{
	struct server *server = arg;

	server->retry = NULL;
	settle_begin(server);
}

void settle_later(struct server *server)
{
	if (!server->retry)
		server->retry = timer_start(server->config.loop, RETRY_MS, on_retry, server);
}

/* Whether its node has to know of the difference. */
static bool is_to_be_told(const struct instance *old, const struct instance *now)
{
	return !old || !old->node_id[0] || old->restarts != now->restarts ||
	       old->is_paused != now->is_paused || old->generation != now->generation;
}

static void instance_changed(struct server *server, const struct instance *old,
			     const struct instance *now)
{
	server->needs_table = true;
	if (!now) {
		fact_remove(server, old->id);
		server->needs_placing = true;
		return;
	}
	if (now->is_removed && now->node_id[0] && (!old || !old->is_removed))
		messages_delete(server, now);
	else if (!now->is_removed && now->node_id[0] && is_to_be_told(old, now))
		messages_deploy(server, now);
}

static void service_changed(struct server *server, const struct service *old,
			    const struct service *now)
{
	server->needs_table = true;
	if (!old || !now || fields_equal(&service_spec_table, &old->spec, &now->spec))
		return;
	family_for_each(server, KIND_SERVICE, now->id, struct instance, inst)
	{
		if (inst->node_id[0] && !inst->is_removed)
			messages_deploy(server, inst);
	}
}

static void changed(struct server *server, struct doc *doc, const void *old)
{
	switch (doc->kind) {
	case KIND_INSTANCE:
		instance_changed(server, old, doc->cur);
		break;
	case KIND_SERVICE:
		service_changed(server, old, doc->cur);
		break;
	case KIND_NODE:
		server->needs_placing = true;
		break;
	case KIND_SECRET:
	case KIND_CONFIG:
		messages_value_changed(server, doc->kind, old, doc->cur);
		break;
	case KIND_HOOK:
	case KIND_DELIVERY:
		hooks_changed(server, doc, old);
		break;
	case KIND_APP:
	case KIND_USER:
	case KIND_ORGANIZATION:
	case KIND_TOKEN:
	case KIND_CUSTOM_TYPE:
	case KIND_CUSTOM:
	case KIND_HOOK_LOG:
	case KIND_N:
		break;
	}
}

static void family_changed(struct server *server, struct doc *const *touched, void *const *old,
			   size_t n)
{
	/* Those that have gone first: who joins is compared with those that are there. */
	for (size_t i = 0; i < n; i++)
		if (!touched[i]->cur)
			family_leave(touched[i]);
	for (size_t i = 0; i < n; i++)
		if (touched[i]->cur && !old[i])
			family_join(server, touched[i]);
}

void changes_apply(struct server *server, struct doc *const *touched, size_t n)
{
	auto_free void **old = xcalloc(n, sizeof(*old));

	for (size_t i = 0; i < n; i++) {
		old[i] = touched[i]->cur;
		touched[i]->cur = TAKE(touched[i]->next);
		touched[i]->is_touched = false;
	}
	family_changed(server, touched, old, n);
	for (size_t i = 0; i < n; i++)
		changed(server, touched[i], old[i]);
	for (size_t i = 0; i < n; i++) {
		if (view_is_shown(touched[i]->kind))
			watch_changed(server, touched[i]->kind, touched[i]->id);
		object_free(touched[i]->kind, old[i]);
	}
	if (server->needs_table)
		messages_table(server);
	if (server->needs_placing)
		settle_begin(server);
	server->needs_table = false;
	server->needs_placing = false;
}
