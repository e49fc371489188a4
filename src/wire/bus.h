/* Publish and subscribe between the roles: topics as in MQTT 3.1.1 ("nodes/ID/job", filters with
 * + and #), payloads of JSON text. Delivery is asynchronous (never inside bus_publish), in order
 * per publisher, at least once while both ends live. Roles know each other only through this. */
#ifndef HOLM_WIRE_BUS_H
#define HOLM_WIRE_BUS_H

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct bus;
struct bus_subscription;

#define BUS_TOPIC_MAX   256
#define BUS_PAYLOAD_MAX (16u << 20)

/* The payload is followed by a NUL that `len` does not count. */
typedef void (*bus_fn)(void *arg, const char *topic, const char *payload, size_t len);

/* Implementation: a connection to one broker, or the in-process one. */
struct bus_driver {
	int (*publish)(void *state, const char *topic, const char *payload, size_t len);
	struct bus_subscription *(*subscribe)(void *state, const char *filter, bus_fn fn,
					      void *arg);
	void (*unsubscribe)(void *state, struct bus_subscription *sub);
	void (*close)(void *state);
};

/* For implementations; the state is freed by `close`. */
struct bus *bus_new(const struct bus_driver *driver, void *take_state);
/* The in-process bus: both roles share it. */
struct bus *bus_local_new(struct loop *loop);
/* Before its loop, and not from inside a callback of it. Frees the subscriptions too. */
struct bus *bus_free(struct bus *bus);

/* -EINVAL: no topic to publish to; -E2BIG: payload too large. */
int bus_publish(struct bus *bus, const char *topic, const char *payload, size_t len);
/* Callbacks stop with bus_unsubscribe(), also for messages on the way. */
struct bus_subscription *bus_subscribe(struct bus *bus, const char *filter, bus_fn fn, void *arg);
struct bus_subscription *bus_unsubscribe(struct bus *bus, struct bus_subscription *sub);

bool bus_topic_matches(const char *filter, const char *topic);
/* Copies level `index` ("nodes/ID/job": 1 is ID) into out; false if there is none or it is longer. */
bool bus_topic_level(const char *topic, unsigned index, char *out, size_t size);

#endif
