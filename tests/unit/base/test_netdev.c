#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/netdev.h"

static const char text[] =
	"Inter-|   Receive                                                |  Transmit\n"
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
	"    lo: 1100 10 0 0 0 0 0 0 1100 10 0 0 0 0 0 0\n"
	"holm1a2b: 98765432101 7 0 0 0 0 0 0 42 1 0 0 0 0 0 0\n"
	"holm1a2b3:5 7 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n"
	" short: 1 2 3\n";

static void counters_of_an_interface(void **state)
{
	uint64_t received = 0;
	uint64_t sent = 0;

	assert_true(netdev_find(text, "holm1a2b", &received, &sent));
	assert_int_equal(received, 98765432101);
	assert_int_equal(sent, 42);
	assert_true(netdev_find(text, "holm1a2b3", &received, &sent));
	assert_int_equal(received, 5);
	assert_int_equal(sent, 6);
	assert_false(netdev_find(text, "holm1", &received, &sent));
	assert_false(netdev_find(text, "face", &received, &sent));
	assert_false(netdev_find(text, "short", &received, &sent));
	assert_false(netdev_find("", "lo", &received, &sent));
}

static void of_this_machine(void **state)
{
	auto_free char *all = netdev_read();
	uint64_t received;
	uint64_t sent;

	assert_non_null(all);
	assert_true(netdev_find(all, "lo", &received, &sent));
	assert_int_equal(received, sent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_of_an_interface),
		cmocka_unit_test(of_this_machine),
	};

	return cmocka_run_group_tests_name("base/netdev", tests, NULL, NULL);
}
