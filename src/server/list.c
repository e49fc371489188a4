/* Lists, written piece by piece: the ids of what is in one are collected when it begins, and each object is
 * looked up again when it is its turn. */
#include "server/list.h"

#define TEXT_MAX ((size_t)1 << 30) /* of one piece: an object's, beside those that are enough */

struct server_list *list_new(struct server *server, enum kind kind, list_put_fn put)
{
	struct server_list *list = NEW(struct server_list);

	list->server = server;
	list->kind = kind;
	list->put = put;
	json_out_init(&list->out, TEXT_MAX);
	return list;
}

struct server_list *server_list_free(struct server_list *list)
{
	if (!list)
		return NULL;
	free(list->ids.items);
	free(list->times);
	json_out_fini(&list->out);
	free(list);
	return NULL;
}

void list_add(struct list_ids *ids, const char *id)
{
	STR_COPY(ARRAY_ADD(ids->items, ids->n)->text, id);
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct list_id *)a)->text, ((const struct list_id *)b)->text);
}

void list_sort(struct list_ids *ids)
{
	if (ids->n)
		qsort(ids->items, ids->n, sizeof(*ids->items), compare_ids);
}

bool server_list_write(struct server_list *list, size_t enough)
{
	buf_reset(&list->out.text);
	if (!list->is_begun)
		json_out_array(&list->out, NULL);
	list->is_begun = true;
	list->enough = enough;
	while (list->at < list->ids.n && list->out.text.len < enough) {
		const void *object = state_get(list->server, list->kind,
					       list->ids.items[list->at].text);

		if (!list->put(list, object))
			list->at++;
	}
	if (list->at == list->ids.n && !list->is_ended && list->out.text.len < enough) {
		json_out_array_end(&list->out);
		list->is_ended = true;
	}
	return !list->is_ended;
}

const char *server_list_piece(const struct server_list *list, size_t *ret_len)
{
	*ret_len = list->out.text.len;
	return list->out.text.data;
}

char *server_list_text(struct server_list *take_list)
{
	server_list_write(take_list, TEXT_MAX);
	char *text = buf_take(&take_list->out.text);

	server_list_free(take_list);
	return text;
}

const char *server_list_next(const struct server_list *list)
{
	return list->next[0] ? list->next : NULL;
}

/* The first two parts of a full name. */
static bool is_of_app(const char *sname, const char *app)
{
	const char *dot = strchr(sname, '.');
	size_t len = dot ? (size_t)(dot + 1 - sname) + strcspn(dot + 1, ".") : 0;

	return strlen(app) == len && strncmp(sname, app, len) == 0;
}

static bool service_fits(const struct server *server, const struct service *service,
			 const struct server_filter *filter)
{
	const struct instance *least;

	if (filter->app && !is_of_app(service->name, filter->app))
		return false;
	if (!filter->status)
		return true;
	least = view_least(server, service);
	return least && str_eq(state_name(view_state_of(server, least)), filter->status);
}

static bool instance_fits(const struct server *server, const struct instance *inst,
			  const struct server_filter *filter)
{
	if (filter->app && !is_of_app(inst->sname, filter->app))
		return false;
	if (filter->node && !str_eq(inst->node_id, filter->node))
		return false;
	return !filter->status || str_eq(state_name(view_state_of(server, inst)), filter->status);
}

static bool fits(const struct server *server, enum kind kind, const void *object,
		 const struct server_filter *filter)
{
	if (kind == KIND_SERVICE)
		return service_fits(server, object, filter);
	if (kind == KIND_INSTANCE)
		return instance_fits(server, object, filter);
	return true;
}

static bool put_view(struct server_list *list, const void *object)
{
	if (object)
		view_emit(list->server, list->kind, object, &list->out);
	return false;
}

/* What comes after an id, and so many of it; where it went on is noted. */
static void cut(struct server_list *list, const struct server_filter *filter)
{
	list_sort(&list->ids);
	while (filter->after && list->at < list->ids.n &&
	       strcmp(list->ids.items[list->at].text, filter->after) <= 0)
		list->at++;
	if (!filter->limit || list->ids.n - list->at <= filter->limit)
		return;
	list->ids.n = list->at + filter->limit;
	STR_COPY(list->next, list->ids.items[list->ids.n - 1].text);
}

static struct server_list *list_begin(struct server *server, enum kind kind,
				      const struct server_filter *filter)
{
	static const struct server_filter all = { 0 };
	struct server_list *list = list_new(server, kind, put_view);

	filter = filter ? filter : &all;
	map_for_each(&server->docs[kind], i, e) {
		const struct doc *doc = e->value;

		if (doc->cur && fits(server, kind, doc->cur, filter))
			list_add(&list->ids, doc->id);
	}
	if (filter->limit || filter->after)
		cut(list, filter);
	return list;
}

struct server_list *server_list_begin(struct server *server, enum server_listed what,
				      const struct server_filter *filter)
{
	static const enum kind kinds[] = {
		[SERVER_APPS] = KIND_APP,           [SERVER_SERVICES] = KIND_SERVICE,
		[SERVER_INSTANCES] = KIND_INSTANCE, [SERVER_NODES] = KIND_NODE,
		[SERVER_SECRETS] = KIND_SECRET,     [SERVER_CONFIGS] = KIND_CONFIG,
	};
	static_assert(ARRAY_LEN(kinds) == SERVER_LISTED_N, "a kind of document for each");

	return list_begin(server, kinds[what], filter);
}
