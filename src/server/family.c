/* Which services are an application's, and which instances a service's: kept beside the objects as they
 * are committed, so that nobody has to look through all of them. */
#include "server/private.h"

static const struct doc *doc_find(const struct server *server, enum kind kind, const char *id)
{
	return map_find(&server->docs[kind], id);
}

static struct doc *parent_of(const struct server *server, const struct doc *doc)
{
	if (doc->kind == KIND_SERVICE)
		return map_find(&server->docs[KIND_APP], ((struct service *)doc->cur)->app_id);
	if (doc->kind == KIND_INSTANCE)
		return map_find(&server->docs[KIND_SERVICE],
				((struct instance *)doc->cur)->service_id);
	return NULL;
}

static int compare_services(const struct service *a, const struct service *b)
{
	if (a->created_ms != b->created_ms)
		return a->created_ms < b->created_ms ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* Two committed objects of one parent, in the order in which they are listed. */
static int compare(const struct doc *a, const struct doc *b)
{
	if (a->kind == KIND_SERVICE)
		return compare_services(a->cur, b->cur);
	uint32_t x = ((struct instance *)a->cur)->number;
	uint32_t y = ((struct instance *)b->cur)->number;
	return (x > y) - (x < y);
}

/* The newest is mostly the last one. */
void family_join(struct server *server, struct doc *doc)
{
	struct doc *parent = parent_of(server, doc);

	if (!parent || doc->parent)
		return;
	struct list *before = parent->children.prev;
	while (before != &parent->children &&
	       compare(container_of(before, struct doc, sibling), doc) > 0)
		before = before->prev;
	list_push(before->next, &doc->sibling);
	doc->parent = parent;
}

void family_leave(struct doc *doc)
{
	struct list *child;

	while ((child = list_pop(&doc->children)))
		container_of(child, struct doc, sibling)->parent = NULL;
	list_remove(&doc->sibling);
	doc->parent = NULL;
}

static int compare_docs(const void *a, const void *b)
{
	return compare(*(const struct doc *const *)a, *(const struct doc *const *)b);
}

/* In their order, so that each finds its place at the end. */
static void join_all(struct server *server, enum kind kind)
{
	struct doc **docs = NULL;
	size_t n = 0;

	map_for_each(&server->docs[kind], i, e)
		*ARRAY_ADD(docs, n) = e->value;
	if (n)
		qsort(docs, n, sizeof(struct doc *), compare_docs);
	for (size_t i = 0; i < n; i++)
		family_join(server, docs[i]);
	free(docs);
}

void family_load(struct server *server)
{
	join_all(server, KIND_SERVICE);
	join_all(server, KIND_INSTANCE);
}

static const struct doc *committed(const struct doc *parent, const struct list *at)
{
	return at == &parent->children ? NULL : container_of(at, struct doc, sibling);
}

const struct doc *family_first(const struct server *server, enum kind kind, const char *id)
{
	const struct doc *parent = doc_find(server, kind, id);

	return parent ? committed(parent, parent->children.next) : NULL;
}

const struct doc *family_next(const struct doc *doc)
{
	return committed(doc->parent, doc->sibling.next);
}
