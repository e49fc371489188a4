/* The in-process bus: a queue that is delivered one message per turn of the loop. A subscription gets
 * what is published after it, as from a broker. */
#include "base/base.h"
#include "loop/loop.h"
#include "wire/bus.h"

struct bus_subscription {
	struct list node;
	char *filter;
	bus_fn fn;
	void *arg;
	uint64_t made_at; /* messages published before */
	bool is_dead;     /* unsubscribed while a message is delivered */
};

struct message {
	struct list node;
	uint64_t number;
	char *topic;
	char *payload;
	size_t len;
};

struct local {
	struct loop *loop;
	struct list subscriptions;
	struct list messages;
	uint64_t n_published;
	struct timer *timer; /* delivers the first message; NULL when there is none */
	bool is_delivering;
};

static void free_message(struct message *m)
{
	free(m->topic);
	explicit_bzero(m->payload, m->len); /* some are secrets */
	free(m->payload);
	free(m);
}

static void free_subscription(struct bus_subscription *sub)
{
	list_remove(&sub->node);
	free(sub->filter);
	free(sub);
}

static void deliver_to_all(struct local *local, const struct message *m)
{
	struct list *pos;
	struct list *tmp;

	/* No subscription is freed in here, and those that are added come later than the message. */
	list_for_each(pos, tmp, &local->subscriptions) {
		struct bus_subscription *sub = container_of(pos, struct bus_subscription, node);

		if (!sub->is_dead && sub->made_at < m->number &&
		    bus_topic_matches(sub->filter, m->topic))
			sub->fn(sub->arg, m->topic, m->payload, m->len);
	}
}

static void free_dead(struct local *local)
{
	struct list *pos;
	struct list *tmp;

	list_for_each(pos, tmp, &local->subscriptions) {
		struct bus_subscription *sub = container_of(pos, struct bus_subscription, node);

		if (sub->is_dead)
			free_subscription(sub);
	}
}

static void deliver(void *arg)
{
	struct local *local = arg;
	struct message *m = container_of(list_pop(&local->messages), struct message, node);

	local->timer = NULL;
	if (!list_is_empty(&local->messages))
		local->timer = timer_start(local->loop, 0, deliver, local);
	local->is_delivering = true;
	deliver_to_all(local, m);
	local->is_delivering = false;
	free_message(m);
	free_dead(local);
}

static int local_publish(void *state, const char *topic, const char *payload, size_t len)
{
	struct local *local = state;
	struct message *m = NEW(struct message);

	m->number = ++local->n_published;
	m->topic = xstrdup(topic);
	m->payload = xmalloc(len + 1);
	if (len)
		memcpy(m->payload, payload, len);
	m->payload[len] = '\0';
	m->len = len;
	list_push(&local->messages, &m->node);
	if (!local->timer)
		local->timer = timer_start(local->loop, 0, deliver, local);
	return 0;
}

static struct bus_subscription *local_subscribe(void *state, const char *filter, bus_fn fn,
						void *arg)
{
	struct local *local = state;
	struct bus_subscription *sub = NEW(struct bus_subscription);

	sub->filter = xstrdup(filter);
	sub->fn = fn;
	sub->arg = arg;
	sub->made_at = local->n_published;
	list_push(&local->subscriptions, &sub->node);
	return sub;
}

static void local_unsubscribe(void *state, struct bus_subscription *sub)
{
	struct local *local = state;

	sub->is_dead = true;
	if (!local->is_delivering)
		free_subscription(sub);
}

static void local_close(void *state)
{
	struct local *local = state;
	struct list *node;

	assert(!local->is_delivering);
	timer_cancel(local->timer);
	while ((node = list_pop(&local->messages)))
		free_message(container_of(node, struct message, node));
	while (!list_is_empty(&local->subscriptions))
		free_subscription(
			container_of(local->subscriptions.next, struct bus_subscription, node));
	free(local);
}

static const struct bus_driver local_driver = {
	.publish = local_publish,
	.subscribe = local_subscribe,
	.unsubscribe = local_unsubscribe,
	.close = local_close,
};

struct bus *bus_local_new(struct loop *loop)
{
	struct local *local = NEW(struct local);

	local->loop = loop;
	list_init(&local->subscriptions);
	list_init(&local->messages);
	return bus_new(&local_driver, local);
}
