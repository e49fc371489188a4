/* The objects in memory, in two versions.
 *
 * `cur` is what is on disk and what readers see. A request works on `next`: it finds there what
 * requests before it in the same commit made, and puts its own. When the commit is on disk, next
 * becomes cur; when it failed, next is dropped and nothing has happened. */
#include "model/account.h"
#include "model/custom.h"
#include "model/hook.h"
#include "server/private.h"

const struct field_table *const kind_tables[KIND_N] = {
	[KIND_APP] = &app_table,
	[KIND_SERVICE] = &service_table,
	[KIND_INSTANCE] = &instance_table,
	[KIND_NODE] = &node_table,
	[KIND_SECRET] = &value_table,
	[KIND_CONFIG] = &value_table,
	[KIND_USER] = &user_table,
	[KIND_ORGANIZATION] = &organization_table,
	[KIND_TOKEN] = &machine_token_table,
	[KIND_CUSTOM_TYPE] = &custom_type_table,
	[KIND_CUSTOM] = &custom_table,
	[KIND_HOOK] = &hook_table,
	[KIND_DELIVERY] = &hook_delivery_table,
	[KIND_HOOK_LOG] = &hook_log_table,
};

static const char *const kind_names[] = {
	[KIND_APP] = "app",           [KIND_SERVICE] = "service",
	[KIND_INSTANCE] = "instance", [KIND_NODE] = "node",
	[KIND_SECRET] = "secret",     [KIND_CONFIG] = "config",
	[KIND_USER] = "user",         [KIND_ORGANIZATION] = "organization",
	[KIND_TOKEN] = "token",       [KIND_CUSTOM_TYPE] = "custom-type",
	[KIND_CUSTOM] = "custom",     [KIND_HOOK] = "hook",
	[KIND_DELIVERY] = "delivery", [KIND_HOOK_LOG] = "hook-log",
};
static_assert(ARRAY_LEN(kind_names) == KIND_N, "a name per kind");

const char *kind_name(enum kind kind)
{
	return kind_names[kind];
}

void object_free(enum kind kind, void *object)
{
	if (!object)
		return;
	fields_fini(kind_tables[kind], object);
	free(object);
}

void *object_copy(enum kind kind, const void *object)
{
	void *copy = xcalloc(1, kind_tables[kind]->size);

	fields_copy(kind_tables[kind], object, copy);
	return copy;
}

static struct doc *doc_get(struct server *server, enum kind kind, const char *id)
{
	struct doc *doc = map_find(&server->docs[kind], id);

	if (doc)
		return doc;
	doc = NEW(struct doc);
	doc->kind = kind;
	STR_COPY(doc->id, id);
	list_init(&doc->children);
	list_init(&doc->sibling);
	map_set(&server->docs[kind], id, doc);
	return doc;
}

void doc_free(struct server *server, struct doc *doc)
{
	if (doc->kind == KIND_INSTANCE)
		fact_remove(server, doc->id);
	map_remove(&server->docs[doc->kind], doc->id);
	free(doc);
}

static int on_document(void *arg, const char *kind, const char *id, const char *body,
		       struct err *err)
{
	struct server *server = arg;

	if (str_eq(kind, "revision") && parse_u64(body, 0, UINT64_MAX, &server->revision) < 0)
		return err_set(err, -EBADMSG, "revision: expected a number, got %.40s", body);
	for (enum kind k = 0; k < KIND_N; k++) {
		if (!str_eq(kind, kind_names[k]))
			continue;
		void *object = xcalloc(1, kind_tables[k]->size);
		int r = fields_parse_text(kind_tables[k], body, object, FIELD_UNKNOWN_IGNORE, err);

		if (r < 0) {
			free(object);
			return err_wrap(err, "%s %s", kind, id);
		}
		doc_get(server, k, id)->cur = object;
		return 0;
	}
	return audit_load(server, kind, id, body, err);
}

int state_load(struct server *server, struct err *err)
{
	int r = store_load(server->store, on_document, server, err);

	if (r < 0)
		return err_wrap(err, "load the server's state");
	family_load(server);
	return 0;
}

static void fact_free(struct fact *fact)
{
	if (fact)
		history_fini(&fact->history);
	free(fact);
}

void state_fini(struct server *server)
{
	for (enum kind k = 0; k < KIND_N; k++) {
		map_for_each(&server->docs[k], i, e) {
			struct doc *doc = e->value;

			object_free(k, doc->cur);
			object_free(k, doc->next);
			free(doc);
		}
		map_fini(&server->docs[k]);
	}
	map_for_each(&server->facts, f, fact)
		fact_free(fact->value);
	map_fini(&server->facts);
	map_for_each(&server->lives, l, live)
		free(live->value);
	map_fini(&server->lives);
	history_fini(&server->history);
	free(server->touched);
	server->touched = NULL;
}

const void *state_get(const struct server *server, enum kind kind, const char *id)
{
	const struct doc *doc = map_find(&server->docs[kind], id);

	return doc ? doc->cur : NULL;
}

const void *doc_next(const struct doc *doc)
{
	return doc->is_touched ? doc->next : doc->cur;
}

const void *next_get(const struct server *server, enum kind kind, const char *id)
{
	const struct doc *doc = map_find(&server->docs[kind], id);

	return doc ? doc_next(doc) : NULL;
}

struct undo {
	struct doc *doc;
	void *next; /* as it was before the request, owned */
	bool was_touched;
};

void next_put(struct server *server, enum kind kind, const char *id, void *take_object)
{
	struct doc *doc = doc_get(server, kind, id);

	if (!doc->is_undo_noted) {
		doc->is_undo_noted = true;
		*ARRAY_ADD(server->undo, server->n_undo) = (struct undo){
			.doc = doc,
			.next = TAKE(doc->next),
			.was_touched = doc->is_touched,
		};
	}
	object_free(kind, doc->next);
	doc->next = take_object;
	doc->is_touched = true;
}

void undo_drop(struct server *server)
{
	for (size_t i = 0; i < server->n_undo; i++) {
		struct undo *u = &server->undo[i];

		u->doc->is_undo_noted = false;
		object_free(u->doc->kind, u->next);
		if (!u->was_touched)
			*ARRAY_ADD(server->touched, server->n_touched) = u->doc;
	}
	free(TAKE(server->undo));
	server->n_undo = 0;
}

void undo_apply(struct server *server)
{
	while (server->n_undo) {
		struct undo *u = &server->undo[--server->n_undo];

		u->doc->is_undo_noted = false;
		object_free(u->doc->kind, u->doc->next);
		u->doc->next = u->next;
		u->doc->is_touched = u->was_touched;
		if (!u->was_touched && !u->doc->cur)
			doc_free(server, u->doc);
	}
	free(TAKE(server->undo));
}

struct fact *fact_get(struct server *server, const char *instance_id)
{
	struct fact *fact = map_find(&server->facts, instance_id);

	if (fact)
		return fact;
	fact = NEW(struct fact);
	STR_COPY(fact->status.instance_id, instance_id);
	map_set(&server->facts, instance_id, fact);
	return fact;
}

const struct fact *fact_find(const struct server *server, const char *instance_id)
{
	return map_find(&server->facts, instance_id);
}

void fact_remove(struct server *server, const char *instance_id)
{
	fact_free(map_remove(&server->facts, instance_id));
}

bool live_is_alive(const struct server *server, const char *node_id)
{
	const struct node_live *live = map_find(&server->lives, node_id);

	return live && live->is_alive;
}

struct node_live *live_get(struct server *server, const char *node_id)
{
	struct node_live *live = map_find(&server->lives, node_id);

	if (live)
		return live;
	live = NEW(struct node_live);
	/* Grows over restarts, so that a node never takes an old wish for a new one. */
	live->revision = loop_wall_ms(server->config.loop);
	map_set(&server->lives, node_id, live);
	return live;
}
