/* Secrets and configuration objects on their way to the nodes whose instances want them. The bus
 * carries them as they are: it is in-process, or encrypted and for the node alone. */
#include "base/base64.h"
#include "server/private.h"

static void send_value(struct server *server, const char *node_id, struct msg_value *message,
		       const struct value *value)
{
	auto_secret struct secret bytes = { 0 };
	struct err err;

	message->revision = value->revision;
	if (values_open(server, message->kind, value, &bytes, &err) < 0) {
		log_warning("node %s: %s", node_id, err.msg);
		message->error = err.msg;
	} else {
		message->body = base64_format(bytes.bytes, bytes.len);
	}
	messages_send(server, node_id, "control/value", fields_format(&msg_value_table, message));
	secret_free_text(message->body);
}

static void send_one(struct server *server, const char *node_id, enum value_kind kind,
		     const char *name)
{
	struct msg_value message = { .kind = kind, .name = (char *)(uintptr_t)name };
	const struct value *value = values_find(server, kind, name, false);

	if (value) {
		send_value(server, node_id, &message, value);
		return;
	}
	message.is_removed = true;
	messages_send(server, node_id, "control/value", fields_format(&msg_value_table, &message));
}

void messages_values(struct server *server, const char *node_id, const struct service_spec *spec,
		     struct map *seen)
{
	for (enum value_kind kind = 0; kind < VALUE_KIND_N; kind++) {
		size_t n;
		const struct sla_value *refs = value_refs(spec, kind, &n);

		for (size_t i = 0; i < n; i++) {
			auto_free char *key = xasprintf("%s/%s", value_kind_names[kind],
							refs[i].name);

			if (!seen || !map_set(seen, key, server))
				send_one(server, node_id, kind, refs[i].name);
		}
	}
}

static bool node_wants(const struct server *server, const char *node_id, enum value_kind kind,
		       const char *name)
{
	state_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (!str_eq(inst->node_id, node_id) || inst->is_removed)
			continue;
		const struct service *service = state_get(server, KIND_SERVICE, inst->service_id);

		if (service && service_wants(service, kind, name))
			return true;
	}
	return false;
}

void messages_value_changed(struct server *server, enum kind kind, const struct value *old,
			    const struct value *now)
{
	enum value_kind value_kind = kind == KIND_SECRET ? VALUE_SECRET : VALUE_CONFIG;
	const char *name = now ? now->name : old->name;

	state_for_each(server, KIND_NODE, struct node, node)
	{
		if (node_wants(server, node->id, value_kind, name))
			send_one(server, node->id, value_kind, name);
	}
}
