/* Requests that change something: those that wait are run in order on the next versions, written in
 * one commit, and answered when it is on disk. */
#include "server/private.h"

struct request {
	struct list node;
	request_fn run;
	request_done_fn done;
	void *arg;
};

static void requests_run(void *arg);

void request_begin(struct server *server, request_fn run, request_done_fn done, void *arg)
{
	struct request *request = NEW(struct request);

	*request = (struct request){ .run = run, .done = done, .arg = arg };
	list_push(&server->requests, &request->node);
	if (server->is_scheduled || server->is_committing)
		return;
	server->is_scheduled = true;
	loop_post(server->config.loop, requests_run, server);
}

static void request_end(struct server *server, struct request *request, const struct err *err)
{
	if (request->done)
		request->done(server, request->arg, err);
	free(request);
}

/* Next becomes current; what that brings about follows from the difference. */
static void promote(struct server *server)
{
	struct doc **touched = TAKE(server->touched);
	size_t n = server->n_touched;

	server->n_touched = 0;
	changes_apply(server, touched, n);
	for (size_t i = 0; i < n; i++) {
		if (touched[i]->cur)
			continue;
		map_remove(&server->docs[touched[i]->kind], touched[i]->id);
		free(touched[i]);
	}
	free(touched);
}

static void drop(struct server *server)
{
	for (size_t i = 0; i < server->n_touched; i++) {
		struct doc *doc = server->touched[i];

		object_free(doc->kind, TAKE(doc->next));
		doc->is_touched = false;
		if (!doc->cur)
			doc_free(server, doc);
	}
	free(TAKE(server->touched));
	server->n_touched = 0;
}

static void on_committed(void *arg, const struct err *err)
{
	struct server *server = arg;

	if (err->code) {
		log_error("store: %s", err->msg);
		drop(server);
		settle_later(server); /* what nobody asks for again */
	} else {
		promote(server);
	}
	server->is_committing = false;
	for (struct list *l; (l = list_pop(&server->running));)
		request_end(server, container_of(l, struct request, node), err);
	if (!list_is_empty(&server->requests) && !server->is_scheduled) {
		server->is_scheduled = true;
		loop_post(server->config.loop, requests_run, server);
	}
}

static void commit(struct server *server)
{
	struct store_batch batch = { 0 };

	hooks_note(server);
	server->revision++;
	for (size_t i = 0; i < server->n_touched; i++) {
		const struct doc *doc = server->touched[i];

		if (doc->next)
			store_batch_put(&batch, kind_name(doc->kind), doc->id,
					fields_format(kind_tables[doc->kind], doc->next));
		else
			store_batch_delete(&batch, kind_name(doc->kind), doc->id);
	}
	store_batch_put(&batch, "revision", "server", xasprintf("%lu", server->revision));
	server->is_committing = true;
	store_commit_begin(server->store, &batch, on_committed, server);
}

static void run_one(struct server *server, struct request *request)
{
	struct err err = { 0 };

	if (request->run(server, request->arg, &err) < 0) {
		undo_apply(server);
		request_end(server, request, &err);
		return;
	}
	undo_drop(server);
	list_push(&server->running, &request->node);
}

static void requests_run(void *arg)
{
	static const struct err none = { 0 };
	struct server *server = arg;

	server->is_scheduled = false;
	if (server->is_committing)
		return;
	for (struct list *l; (l = list_pop(&server->requests));)
		run_one(server, container_of(l, struct request, node));
	if (server->n_touched)
		commit(server);
	else
		for (struct list *l; (l = list_pop(&server->running));)
			request_end(server, container_of(l, struct request, node), &none);
}

void request_free_all(struct server *server)
{
	static const struct err closed = { .code = -ESHUTDOWN, .msg = "the server has ended" };

	for (struct list *l; (l = list_pop(&server->requests));)
		request_end(server, container_of(l, struct request, node), &closed);
	for (struct list *l; (l = list_pop(&server->running));)
		request_end(server, container_of(l, struct request, node), &closed);
}
