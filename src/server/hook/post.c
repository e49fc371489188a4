/* Hooks that are told of changes. A delivery is a document that is written in the same transaction as the
 * change, and removed when the hook has taken it: nothing is lost, though a hook may be told twice. Each
 * hook has a queue of its own, in order:
 *
 *     empty: a change -> ready
 *     ready: a place is free -> busy
 *     busy: taken, or given up -> ready, or empty; failed -> retry
 *     retry: the time has come, or the hook was changed -> ready
 */
#include "server/hook/private.h"

#define CALLS_MAX      2 /* of deliveries; the other threads are for those who wait */
#define RETRY_FIRST_MS 1000
#define NUMBER_LEN     16 /* decimal digits of an id, before the random ones */
#define RETRY_CAP_MS   300000

struct waiting {
	struct list node;
	char id[ID_SIZE]; /* of the delivery */
};

struct hook_queue {
	struct server *server;
	struct list ready;
	char hook_id[ID_SIZE];
	struct list waiting; /* in order */
	size_t n;
	bool is_busy;        /* with the first one */
	struct timer *retry; /* of the first one */
};

/* What came of a call, until it is written down. */
struct attempt {
	char hook_id[ID_SIZE];
	char delivery_id[ID_SIZE];
	unsigned status;
	struct err err; /* code 0: it was taken */
	bool is_given_up;
	uint32_t n_tries;
};

static void pump(struct server *server);

static struct hook_queue *queue_get(struct server *server, const char *hook_id)
{
	struct hook_queue *queue = map_find(&server->hooks->queues, hook_id);

	if (queue)
		return queue;
	queue = NEW(struct hook_queue);
	queue->server = server;
	STR_COPY(queue->hook_id, hook_id);
	list_init(&queue->ready);
	list_init(&queue->waiting);
	map_set(&server->hooks->queues, hook_id, queue);
	return queue;
}

static void queue_free(struct hook_queue *queue)
{
	list_remove(&queue->ready);
	for (struct list *l; (l = list_pop(&queue->waiting));)
		free(container_of(l, struct waiting, node));
	free(queue);
}

size_t hook_count_waiting(const struct server *server, const char *hook_id)
{
	const struct hook_queue *queue = map_find(&server->hooks->queues, hook_id);

	return queue ? queue->n : 0;
}

static const struct waiting *first_of(const struct hook_queue *queue)
{
	return container_of(queue->waiting.next, struct waiting, node);
}

static void kick(struct hook_queue *queue)
{
	if (queue->is_busy || queue->retry || list_is_empty(&queue->waiting) ||
	    !list_is_empty(&queue->ready))
		return;
	list_push(&queue->server->hooks->ready, &queue->ready);
	pump(queue->server);
}

static void on_retry(void *arg)
{
	struct hook_queue *queue = arg;

	queue->retry = NULL;
	kick(queue);
}

static void retry_later(struct hook_queue *queue, uint32_t n_tries)
{
	struct loop *loop = queue->server->config.loop;

	if (!queue->retry)
		queue->retry = timer_start(
			loop, retry_delay_ms(loop, n_tries, RETRY_FIRST_MS, RETRY_CAP_MS), on_retry,
			queue);
}

struct hook_log *hook_log_copy(const struct server *server, const char *hook_id)
{
	const struct hook_log *old = next_get(server, KIND_HOOK_LOG, hook_id);
	struct hook_log *log = old ? object_copy(KIND_HOOK_LOG, old) : NEW(struct hook_log);

	STR_COPY(log->id, hook_id);
	return log;
}

static struct hook_result result_of(struct server *server, const struct hook_delivery *delivery,
				    const struct attempt *attempt)
{
	struct hook_result result = {
		.outcome = !attempt->err.code     ? HOOK_DELIVERED
			   : attempt->is_given_up ? HOOK_GIVEN_UP
						  : HOOK_FAILED,
		.event = xstrdup(hook_event_name(delivery->event)),
		.object_id = xstrdup(delivery->object_id),
		.number = attempt->n_tries,
		.status = attempt->status,
		.message = attempt->err.code ? xstrdup(attempt->err.msg) : NULL,
	};

	STR_COPY(result.delivery, delivery->id);
	format_rfc3339(loop_wall_ms(server->config.loop), result.at);
	return result;
}

static int run_attempt(struct server *server, void *arg, struct err *err)
{
	struct attempt *attempt = arg;
	const struct hook_delivery *old = next_get(server, KIND_DELIVERY, attempt->delivery_id);

	if (!old) /* nor its hook, or it was dropped */
		return 0;
	struct hook_log *log = hook_log_copy(server, attempt->hook_id);
	attempt->n_tries = old->tries + 1;
	attempt->is_given_up = attempt->err.code && attempt->n_tries >= HOOK_TRIES_MAX;
	log->n_delivered += !attempt->err.code;
	log->n_given_up += attempt->is_given_up;
	const struct hook_result result = result_of(server, old, attempt);
	hook_log_add(log, &result);
	next_put(server, KIND_HOOK_LOG, log->id, log);
	struct hook_delivery *delivery = NULL;
	if (attempt->err.code && !attempt->is_given_up) {
		delivery = object_copy(KIND_DELIVERY, old);
		delivery->tries = attempt->n_tries;
	}
	next_put(server, KIND_DELIVERY, attempt->delivery_id, delivery);
	return 0;
}

static void attempt_done(struct server *server, void *arg, const struct err *err)
{
	auto_free struct attempt *attempt = arg;
	struct hook_queue *queue = NULL;
	const struct hook *hook = NULL;

	if (err->code != -ESHUTDOWN) {
		queue = map_find(&server->hooks->queues, attempt->hook_id);
		hook = state_get(server, KIND_HOOK, attempt->hook_id);
	}
	if (!queue || !hook)
		return;
	queue->is_busy = false;
	if (attempt->is_given_up && !err->code)
		log_warning("hook %s: delivery %s is given up after %u tries: %s", hook->name,
			    attempt->delivery_id, attempt->n_tries, attempt->err.msg);
	else if (attempt->err.code || err->code)
		retry_later(queue, attempt->n_tries ? attempt->n_tries - 1 : 0);
	kick(queue);
}

static void on_called(struct hook_call *call)
{
	struct server *server = call->server;
	struct attempt *attempt = call->arg;

	attempt->status = call->answer.status;
	hook_call_judge(call, &attempt->err);
	hook_call_free(call);
	server->hooks->n_posting--;
	request_begin(server, run_attempt, attempt_done, attempt);
	pump(server);
}

static char *message_of(const struct hook_delivery *delivery)
{
	struct hook_message message = { .event = delivery->event, .entity = delivery->entity };

	STR_COPY(message.id, delivery->id);
	STR_COPY(message.object_id, delivery->object_id);
	format_rfc3339(delivery->at_ms, message.at);
	return fields_format(&hook_message_table, &message);
}

static void call_begin(struct server *server, struct hook_queue *queue)
{
	const struct hook *hook = state_get(server, KIND_HOOK, queue->hook_id);
	const struct hook_delivery *delivery = state_get(server, KIND_DELIVERY,
							 first_of(queue)->id);

	if (!hook || !delivery) /* gone by the commit whose changes are being looked at */
		return;
	struct attempt *attempt = NEW(struct attempt);
	STR_COPY(attempt->hook_id, hook->id);
	STR_COPY(attempt->delivery_id, delivery->id);
	queue->is_busy = true;
	server->hooks->n_posting++;
	hook_call_begin(server, &(struct hook_call_begin){
					.hook = hook,
					.event = delivery->event,
					.id = delivery->id,
					.take_body = message_of(delivery),
					.done = on_called,
					.release = free,
					.arg = attempt,
				});
}

static void pump(struct server *server)
{
	struct hooks *hooks = server->hooks;

	while (hooks->n_posting < CALLS_MAX) {
		struct list *l = list_pop(&hooks->ready);

		if (!l)
			return;
		struct hook_queue *queue = container_of(l, struct hook_queue, ready);
		if (!list_is_empty(&queue->waiting))
			call_begin(server, queue);
	}
}

/* The oldest, but for one that is under way. */
static size_t drop_oldest(struct server *server, const struct hook_queue *queue)
{
	size_t n_kept = queue->is_busy;
	size_t n = 0;
	struct list *pos;
	struct list *tmp;

	list_for_each(pos, tmp, &queue->waiting) {
		if (queue->n - n <= HOOK_WAITING_MAX)
			break;
		if (n_kept) {
			n_kept--;
			continue;
		}
		next_put(server, KIND_DELIVERY, container_of(pos, struct waiting, node)->id, NULL);
		n++;
	}
	return n;
}

static int run_trim(struct server *server, void *arg, struct err *err)
{
	server->hooks->is_trimming = false;
	map_for_each(&server->hooks->queues, i, e) {
		const struct hook_queue *queue = e->value;
		struct hook_result result = { .outcome = HOOK_DROPPED };

		if (queue->n <= HOOK_WAITING_MAX || !next_get(server, KIND_HOOK, queue->hook_id))
			continue;
		struct hook_log *log = hook_log_copy(server, queue->hook_id);
		result.number = (uint32_t)drop_oldest(server, queue);
		log->n_dropped += result.number;
		result.message = xasprintf("more than %d wait", HOOK_WAITING_MAX);
		format_rfc3339(loop_wall_ms(server->config.loop), result.at);
		hook_log_add(log, &result);
		next_put(server, KIND_HOOK_LOG, log->id, log);
	}
	return 0;
}

static void waiting_add(struct server *server, const struct hook_delivery *delivery)
{
	if (!state_get(server, KIND_HOOK, delivery->hook_id))
		return;
	struct hook_queue *queue = queue_get(server, delivery->hook_id);
	struct waiting *waiting = NEW(struct waiting);

	STR_COPY(waiting->id, delivery->id);
	list_push(&queue->waiting, &waiting->node);
	queue->n++;
	kick(queue);
	if (queue->n <= HOOK_WAITING_MAX || server->hooks->is_trimming)
		return;
	server->hooks->is_trimming = true;
	request_begin(server, run_trim, NULL, NULL);
}

static void waiting_remove(struct server *server, const struct hook_delivery *delivery)
{
	struct hook_queue *queue = map_find(&server->hooks->queues, delivery->hook_id);
	struct list *pos;
	struct list *tmp;

	if (!queue)
		return;
	list_for_each(pos, tmp, &queue->waiting) {
		struct waiting *waiting = container_of(pos, struct waiting, node);

		if (!str_eq(waiting->id, delivery->id))
			continue;
		list_remove(pos);
		free(waiting);
		queue->n--;
		break;
	}
	kick(queue);
}

static void hook_changed(struct server *server, const char *id, bool is_gone)
{
	struct hook_queue *queue = map_find(&server->hooks->queues, id);

	if (!queue)
		return;
	queue->retry = timer_cancel(queue->retry);
	if (is_gone)
		queue_free(map_remove(&server->hooks->queues, id));
	else
		kick(queue); /* who mended it need not wait */
}

void hooks_changed(struct server *server, const struct doc *doc, const void *old)
{
	if (doc->kind == KIND_HOOK)
		hook_changed(server, doc->id, !doc->cur);
	else if (!old && doc->cur)
		waiting_add(server, doc->cur);
	else if (old && !doc->cur)
		waiting_remove(server, old);
}

/* What hooks call it; NULL: it is of no interest. */
static const char *entity_of(const struct server *server, const struct doc *doc)
{
	const struct custom *custom = doc->next ? doc->next : doc->cur;
	const struct doc *type;

	switch (doc->kind) {
	case KIND_APP:
		return HOOK_APPLICATIONS;
	case KIND_SERVICE:
		return HOOK_JOBS;
	case KIND_INSTANCE:
		return HOOK_INSTANCES;
	case KIND_NODE:
		return HOOK_RESOURCES;
	case KIND_CUSTOM:
		type = map_find(&server->docs[KIND_CUSTOM_TYPE], custom->type_id);
		if (!type)
			return NULL;
		return ((const struct custom_type *)(type->cur ? type->cur : type->next))->name;
	case KIND_SECRET:
	case KIND_CONFIG:
	case KIND_USER:
	case KIND_ORGANIZATION:
	case KIND_TOKEN:
	case KIND_CUSTOM_TYPE:
	case KIND_HOOK:
	case KIND_DELIVERY:
	case KIND_HOOK_LOG:
	case KIND_N:
		break;
	}
	return NULL;
}

/* False: nothing has happened to it. */
static bool event_of(const struct doc *doc, enum hook_event *ret)
{
	if (!doc->cur && !doc->next)
		return false;
	if (doc->cur && doc->next && fields_equal(kind_tables[doc->kind], doc->cur, doc->next))
		return false;
	*ret = !doc->cur ? HOOK_POST_CREATE : !doc->next ? HOOK_POST_DELETE : HOOK_POST_UPDATE;
	return true;
}

static void delivery_make(struct server *server, const struct hook *hook, const struct doc *doc,
			  enum hook_event event)
{
	struct hook_delivery *delivery = NEW(struct hook_delivery);
	uint32_t random;

	loop_random(server->config.loop, &random, sizeof(random));
	snprintf(delivery->id, sizeof(delivery->id), "%0*lu%08x", NUMBER_LEN, server->hooks->next++,
		 random);
	STR_COPY(delivery->hook_id, hook->id);
	STR_COPY(delivery->object_id, doc->id);
	delivery->event = event;
	delivery->entity = xstrdup(hook->entity);
	delivery->at_ms = loop_wall_ms(server->config.loop);
	next_put(server, KIND_DELIVERY, delivery->id, delivery);
}

void hooks_note(struct server *server)
{
	size_t n = server->n_touched;

	for (size_t i = 0; i < n && server->docs[KIND_HOOK].n; i++) {
		const struct doc *doc = server->touched[i];
		const char *entity = entity_of(server, doc);
		enum hook_event event;

		if (!entity || !event_of(doc, &event))
			continue;
		next_for_each(server, KIND_HOOK, struct hook, hook)
		{
			if (str_eq(hook->entity, entity) && hook_has_event(hook, event))
				delivery_make(server, hook, doc, event);
		}
	}
	undo_drop(server);
}

void hooks_new(struct server *server)
{
	struct hooks *hooks = NEW(struct hooks);

	list_init(&hooks->ready);
	list_init(&hooks->calls);
	list_init(&hooks->inquiries);
	hooks->next = loop_wall_ms(server->config.loop);
	server->hooks = hooks;
}

/* The store gives them in order of their ids. */
void hooks_begin(struct server *server)
{
	state_for_each(server, KIND_DELIVERY, struct hook_delivery, delivery)
	{
		char number[NUMBER_LEN + 1];
		uint64_t last = 0;

		STR_COPY(number, delivery->id);
		if (parse_u64(number, 0, UINT64_MAX / 2, &last) == 0 && last >= server->hooks->next)
			server->hooks->next = last + 1;
		waiting_add(server, delivery);
	}
}

void hooks_free(struct server *server)
{
	struct hooks *hooks = server->hooks;

	for (struct list *l; (l = list_pop(&hooks->calls));) {
		struct hook_call *call = container_of(l, struct hook_call, node);

		if (call->release)
			call->release(call->arg);
		hook_call_free(call);
	}
	hook_inquiries_free(server);
	map_for_each(&hooks->queues, i, e)
		queue_free(e->value);
	map_fini(&hooks->queues);
	free(hooks);
}

void server_leave(struct server *server)
{
	if (server)
		cancel_set(&server->hooks->cancel);
}
