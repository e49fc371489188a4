/* Topics, and the front of the bus. */
#include "base/base.h"
#include "wire/bus.h"

struct bus {
	const struct bus_driver *driver;
	void *state;
};

struct bus *bus_new(const struct bus_driver *driver, void *take_state)
{
	struct bus *bus = NEW(struct bus);

	bus->driver = driver;
	bus->state = take_state;
	return bus;
}

struct bus *bus_free(struct bus *bus)
{
	if (bus) {
		bus->driver->close(bus->state);
		free(bus);
	}
	return NULL;
}

static bool is_topic(const char *topic)
{
	return *topic && strlen(topic) <= BUS_TOPIC_MAX && !strpbrk(topic, "+#");
}

int bus_publish(struct bus *bus, const char *topic, const char *payload, size_t len)
{
	if (!is_topic(topic))
		return -EINVAL;
	if (len > BUS_PAYLOAD_MAX)
		return -E2BIG;
	return bus->driver->publish(bus->state, topic, payload, len);
}

struct bus_subscription *bus_subscribe(struct bus *bus, const char *filter, bus_fn fn, void *arg)
{
	return bus->driver->subscribe(bus->state, filter, fn, arg);
}

struct bus_subscription *bus_unsubscribe(struct bus *bus, struct bus_subscription *sub)
{
	if (sub)
		bus->driver->unsubscribe(bus->state, sub);
	return NULL;
}

/* MQTT 3.1.1 section 4.7. */
bool bus_topic_matches(const char *filter, const char *topic)
{
	if (*topic == '$' && *filter != '$')
		return false;
	for (;;) {
		size_t n = strcspn(filter, "/");
		size_t m = strcspn(topic, "/");

		if (n == 1 && *filter == '#')
			return !filter[1];
		if (!(n == 1 && *filter == '+') && (n != m || memcmp(filter, topic, n) != 0))
			return false;
		filter += n;
		topic += m;
		/* "a/#" matches "a" too. */
		if (!*topic)
			return !*filter || str_eq(filter, "/#");
		if (!*filter)
			return false;
		filter++;
		topic++;
	}
}

bool bus_topic_level(const char *topic, unsigned index, char *out, size_t size)
{
	for (; index; index--) {
		topic = strchr(topic, '/');
		if (!topic)
			return false;
		topic++;
	}
	size_t n = strcspn(topic, "/");
	if (n >= size)
		return false;
	memcpy(out, topic, n);
	out[n] = '\0';
	return true;
}
