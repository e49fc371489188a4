/* What QEMU says of its end, in its own way of writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "helper/events.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n{\"return\": {}}\r\n"
#define SHUTDOWN(reason)                                                                   \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"SHUTDOWN\", " \
	"\"data\": {\"guest\": true, \"reason\": \"" reason "\"}}\r\n"

struct pair {
	struct events events;
	int qemu;
};

static int setup(void **state)
{
	struct pair *p = NEW(struct pair);
	struct err err;

	assert_int_equal(events_open(&p->events, &p->qemu, &err), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	close(p->events.fd);
	if (p->qemu >= 0)
		close(p->qemu);
	free(p);
	return 0;
}

static void say(struct pair *p, const char *text)
{
	assert_int_equal(write(p->qemu, text, strlen(text)), strlen(text));
	assert_true(events_read(&p->events));
}

static void asks_for_events_at_once(void **state)
{
	struct pair *p = *state;
	char text[256] = { 0 };

	assert_true(read(p->qemu, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "{\"execute\": \"qmp_capabilities\"}\n");
	assert_true(events_read(&p->events)); /* nothing yet */
}

static void keeps_the_reason(void **state)
{
	struct pair *p = *state;

	say(p, GREETING);
	say(p,
	    "{\"timestamp\": {}, \"event\": \"RESET\", \"data\": {\"reason\": \"guest-reset\"}}\n");
	assert_string_equal(p->events.cause, "");
	/* In pieces. */
	const char *text = SHUTDOWN("guest-reset");
	for (const char *c = text; *c; c++)
		say(p, (char[]){ *c, '\0' });
	assert_string_equal(p->events.cause, "guest-reset");
	/* What is there at its end is read, too. */
	text = SHUTDOWN("host-signal");
	assert_int_equal(write(p->qemu, text, strlen(text)), strlen(text));
	close(p->qemu);
	p->qemu = -1;
	assert_false(events_read(&p->events));
	assert_string_equal(p->events.cause, "host-signal");
}

static void what_is_not_understood_is_left_out(void **state)
{
	struct pair *p = *state;
	char *long_one = xcalloc(1, 3 * EVENTS_LINE_MAX);

	memset(long_one, 'x', 3 * EVENTS_LINE_MAX - 1);
	say(p, long_one);
	say(p, SHUTDOWN("guest-reset")); /* the end of that line */
	free(long_one);
	say(p, "{\"event\": \"SHUTDOWN\"}\n");
	say(p, SHUTDOWN(""));
	say(p, SHUTDOWN("two words"));
	say(p, SHUTDOWN("a-reason-that-is-longer-than-a-reason"));
	assert_string_equal(p->events.cause, "");
	say(p, SHUTDOWN("guest-panic"));
	assert_string_equal(p->events.cause, "guest-panic");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(asks_for_events_at_once),
		TEST(keeps_the_reason),
		TEST(what_is_not_understood_is_left_out),
	};

	return cmocka_run_group_tests_name("helper/events", tests, NULL, NULL);
}
