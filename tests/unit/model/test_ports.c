/* Port mappings from text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/sla.h"

static size_t parse(const char *text, struct port_mapping ports[PORTS_MAX])
{
	size_t n = 99;
	struct err err = { 0 };

	if (ports_parse(text, ports, &n, &err) < 0)
		fail_msg("%s: %s", text ? text : "NULL", err.msg);
	return n;
}

static void reads_mappings(void **state)
{
	struct port_mapping p[PORTS_MAX];

	assert_int_equal(parse("8080:80/tcp;53:5353/udp;9080;53/tcp;65535:1", p), 5);
	assert_int_equal(p[0].host, 8080);
	assert_int_equal(p[0].guest, 80);
	assert_false(p[0].is_udp);
	assert_int_equal(p[1].guest, 5353);
	assert_true(p[1].is_udp);
	assert_int_equal(p[2].host, 9080);
	assert_int_equal(p[2].guest, 9080);
	assert_int_equal(p[4].host, 65535);
	assert_int_equal(parse("", p), 0);
	assert_int_equal(parse(NULL, p), 0);
}

static void refuses(const char *text, const char *message)
{
	struct port_mapping p[PORTS_MAX];
	size_t n = 99;
	struct err err = { 0 };

	if (ports_parse(text, p, &n, &err) == 0)
		fail_msg("accepted %s", text);
	if (!strstr(err.msg, message))
		fail_msg("%s: %s", text ? text : "NULL", err.msg);
	assert_int_equal(n, 99);
}

static void refuses_other_forms(void **state)
{
	static const char *const bad[] = {
		"x",   "0",      "65536",   "80:0",
		"80:", ":80",    "80/sctp", "80;",
		";80", "80;;81", " 80",     "80:80:80",
		"-1",  "80/",    ";",       "00000000000000000000000000000000000080"
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuses(bad[i], "expected HOST:CONTAINER[/tcp|udp] with ports 1..65535");
	refuses("80:1;80:2/tcp", "got 80/tcp twice");
}

static void refuses_too_many(void **state)
{
	auto_buf struct buf text;

	buf_init(&text, 4096);
	for (int i = 1; i <= PORTS_MAX + 1; i++)
		buf_addf(&text, "%s%d", i > 1 ? ";" : "", i);
	refuses(text.data, "at most 64 port mappings");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_mappings),
		cmocka_unit_test(refuses_other_forms),
		cmocka_unit_test(refuses_too_many),
	};

	return cmocka_run_group_tests_name("model/ports", tests, NULL, NULL);
}
