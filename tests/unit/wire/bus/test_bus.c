/* Topic filters, and the in-process bus on a simulated loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "loop/loop.h"
#include "wire/bus.h"

struct peer {
	struct loop *loop;
	struct bus *bus;
	struct bus_subscription *sub;
	struct bus_subscription *other;
	struct strv seen;
};

static int setup(void **state)
{
	struct peer *p = NEW(struct peer);

	p->loop = loop_sim_new(1);
	p->bus = bus_local_new(p->loop);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct peer *p = *state;

	bus_free(p->bus);
	loop_free(p->loop);
	strv_fini(&p->seen);
	free(p);
	return 0;
}

static void note(void *arg, const char *topic, const char *payload, size_t len)
{
	struct peer *p = arg;

	assert_int_equal(payload[len], 0);
	strv_addf(&p->seen, "%s=%s", topic, payload);
}

static void publish(struct peer *p, const char *topic, const char *payload)
{
	assert_int_equal(bus_publish(p->bus, topic, payload, strlen(payload)), 0);
}

static void assert_seen(struct peer *p, const char *expected)
{
	auto_free char *text = strv_join(&p->seen, " ");

	assert_string_equal(text, expected);
}

static void filters_match_as_in_mqtt(void **state)
{
	static const struct {
		const char *filter;
		const char *topic;
		bool matches;
	} cases[] = {
		{ "a/b", "a/b", true },
		{ "a/b", "a/bc", false },
		{ "a/bc", "a/b", false },
		{ "a/b", "a/b/c", false },
		{ "a/b/c", "a/b", false },
		{ "a/+/c", "a/b/c", true },
		{ "a/+/c", "a//c", true },
		{ "a/+/c", "a/b/d/c", false },
		{ "a/+", "a", false },
		{ "+", "a", true },
		{ "+", "a/b", false },
		{ "+/+", "/a", true },
		{ "/+", "/a", true },
		{ "#", "a/b/c", true },
		{ "a/#", "a/b/c", true },
		{ "a/#", "a", true },
		{ "a/#", "ab", false },
		{ "a/+/#", "a/b", true },
		{ "a/b/#", "a", false },
		{ "a+", "ab", false },
		{ "a#", "ab", false },
		{ "#/a", "b/a", false },
		{ "#", "$SYS/x", false },
		{ "+/x", "$SYS/x", false },
		{ "$SYS/#", "$SYS/x", true },
		{ "nodes/+/control/#", "nodes/0123/control/deploy", true },
		{ "a/", "a", false },
		{ "a", "a/", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (bus_topic_matches(cases[i].filter, cases[i].topic) != cases[i].matches)
			fail_msg("%s against %s", cases[i].filter, cases[i].topic);
}

static void levels_are_copied(void **state)
{
	char out[5];

	assert_true(bus_topic_level("nodes/1234/job", 1, out, sizeof(out)));
	assert_string_equal(out, "1234");
	assert_true(bus_topic_level("nodes/1234/job", 2, out, sizeof(out)));
	assert_string_equal(out, "job");
	assert_false(bus_topic_level("nodes/1234/job", 3, out, sizeof(out)));
	assert_false(bus_topic_level("nodes/12345/job", 1, out, sizeof(out)));
	assert_false(bus_topic_level("nodes/1234/job", 0, out, sizeof(out)));
}

static void messages_arrive_later_and_in_order(void **state)
{
	struct peer *p = *state;

	p->sub = bus_subscribe(p->bus, "a/+", note, p);
	publish(p, "a/1", "x");
	publish(p, "b/1", "x");
	publish(p, "a/2", "");
	assert_int_equal(bus_publish(p->bus, "a/3", NULL, 0), 0);
	assert_seen(p, "");
	loop_run(p->loop);
	assert_seen(p, "a/1=x a/2= a/3=");
	p->sub = bus_unsubscribe(p->bus, p->sub);
}

static void a_message_from_before_the_subscription_is_not_delivered(void **state)
{
	struct peer *p = *state;

	publish(p, "a", "old");
	p->sub = bus_subscribe(p->bus, "a", note, p);
	publish(p, "a", "new");
	loop_run(p->loop);
	assert_seen(p, "a=new");
}

static void unsubscribing_stops_messages_on_the_way(void **state)
{
	struct peer *p = *state;

	p->sub = bus_subscribe(p->bus, "a", note, p);
	publish(p, "a", "x");
	assert_null(bus_unsubscribe(p->bus, p->sub));
	assert_null(bus_unsubscribe(p->bus, NULL));
	loop_run(p->loop);
	assert_seen(p, "");
}

static void swap_subscriptions(void *arg, const char *topic, const char *payload, size_t len)
{
	struct peer *p = arg;

	p->sub = bus_unsubscribe(p->bus, p->sub);
	p->other = bus_unsubscribe(p->bus, p->other);
	bus_subscribe(p->bus, "#", note, p);
	publish(p, "answer", "1");
}

static void a_callback_may_change_subscriptions(void **state)
{
	struct peer *p = *state;

	p->sub = bus_subscribe(p->bus, "a", swap_subscriptions, p);
	p->other = bus_subscribe(p->bus, "a", note, p);
	publish(p, "a", "x");
	loop_run(p->loop);
	assert_seen(p, "answer=1");
}

static void what_is_no_topic_is_refused(void **state)
{
	struct peer *p = *state;
	char long_topic[BUS_TOPIC_MAX + 2];

	memset(long_topic, 'a', sizeof(long_topic) - 1);
	long_topic[sizeof(long_topic) - 1] = '\0';
	assert_int_equal(bus_publish(p->bus, "", "x", 1), -EINVAL);
	assert_int_equal(bus_publish(p->bus, "a/+", "x", 1), -EINVAL);
	assert_int_equal(bus_publish(p->bus, "a/#", "x", 1), -EINVAL);
	assert_int_equal(bus_publish(p->bus, long_topic, "x", 1), -EINVAL);
	assert_int_equal(bus_publish(p->bus, "a", "x", BUS_PAYLOAD_MAX + 1), -E2BIG);
}

static void closing_drops_what_is_on_the_way(void **state)
{
	struct peer *p = *state;

	bus_subscribe(p->bus, "a", note, p);
	publish(p, "a", "x");
	p->bus = bus_free(p->bus);
	loop_run(p->loop);
	assert_seen(p, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_match_as_in_mqtt),
		cmocka_unit_test(levels_are_copied),
		TEST(messages_arrive_later_and_in_order),
		TEST(a_message_from_before_the_subscription_is_not_delivered),
		TEST(unsubscribing_stops_messages_on_the_way),
		TEST(a_callback_may_change_subscriptions),
		TEST(what_is_no_topic_is_refused),
		TEST(closing_drops_what_is_on_the_way),
	};

	return cmocka_run_group_tests_name("wire/bus", tests, NULL, NULL);
}
