/* The event stream: a ring of the last events, so that a reader that lost its connection goes on
 * where it was. */
#include "server/private.h"

#define EVENTS_MAX 1024

struct event {
	struct server_event event; /* its strings are below */
	char id[ID_SIZE];
	char *json;
};

struct server_watch {
	struct list node;
	struct server *server;
	uint64_t since;
	server_event_fn fn;
	void *arg;
	bool is_started;
	bool is_ended;
};

static void event_free(struct event *event)
{
	free(event->json);
	free(event);
}

static void keep(struct server *server, struct event *event)
{
	if (!server->events)
		server->events = xcalloc(EVENTS_MAX, sizeof(struct event *));
	if (server->n_events == EVENTS_MAX) {
		event_free(server->events[0]);
		memmove(server->events, server->events + 1,
			(EVENTS_MAX - 1) * sizeof(struct event *));
		server->n_events--;
	}
	server->events[server->n_events++] = event;
}

void watch_changed(struct server *server, enum kind kind, const char *id)
{
	struct event *event = NEW(struct event);
	char *json = view_json(server, kind, id);

	STR_COPY(event->id, id);
	event->json = json ? json : xstrdup("{}");
	event->event = (struct server_event){
		.revision = ++server->event_seq,
		.kind = kind_name(kind),
		.id = event->id,
		.json = event->json,
		.is_gone = !json,
	};
	keep(server, event);
	struct list *pos;
	struct list *tmp;
	list_for_each(pos, tmp, &server->watches) {
		const struct server_watch *watch = container_of(pos, struct server_watch, node);

		if (watch->is_started)
			watch->fn(watch->arg, &event->event);
	}
}

static void replay(void *arg)
{
	static const struct server_event reset = { .kind = "reset", .id = "", .json = "{}" };
	struct server_watch *watch = arg;
	const struct server *server = watch->server;

	if (watch->is_ended) {
		list_remove(&watch->node);
		free(watch);
		return;
	}
	watch->is_started = true;
	uint64_t first = server->n_events ? server->events[0]->event.revision
					  : server->event_seq + 1;
	if (watch->since && (watch->since + 1 < first || watch->since > server->event_seq)) {
		struct server_event event = reset;

		event.revision = server->event_seq;
		watch->fn(watch->arg, &event);
		return;
	}
	for (size_t i = 0; watch->since && i < server->n_events; i++)
		if (server->events[i]->event.revision > watch->since)
			watch->fn(watch->arg, &server->events[i]->event);
}

struct server_watch *server_watch_begin(struct server *server, uint64_t since, server_event_fn fn,
					void *arg)
{
	struct server_watch *watch = NEW(struct server_watch);

	*watch = (struct server_watch){ .server = server, .since = since, .fn = fn, .arg = arg };
	list_push(&server->watches, &watch->node);
	loop_post(server->config.loop, replay, watch);
	return watch;
}

struct server_watch *server_watch_end(struct server *server, struct server_watch *watch)
{
	if (!watch)
		return NULL;
	if (!watch->is_started) {
		watch->is_ended = true; /* replay() frees it */
		return NULL;
	}
	list_remove(&watch->node);
	free(watch);
	return NULL;
}

uint64_t server_revision(const struct server *server)
{
	return server->event_seq;
}

void watch_free_all(struct server *server)
{
	for (struct list *l; (l = list_pop(&server->watches));)
		free(container_of(l, struct server_watch, node));
	for (size_t i = 0; i < server->n_events; i++)
		event_free(server->events[i]);
	free(server->events);
}
