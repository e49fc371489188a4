/* Numbers, addresses and times from text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void numbers_have_bounds(void **state)
{
	uint64_t v = 7;
	uint32_t small = 7;

	assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &v), -ERANGE);
	assert_int_equal(parse_u64("99999999999999999999999", 0, UINT64_MAX, &v), -ERANGE);
	assert_int_equal(parse_u64("9", 10, 20, &v), -ERANGE);
	assert_int_equal(parse_u64("21", 10, 20, &v), -ERANGE);
	assert_true(v == UINT64_MAX);
	assert_int_equal(parse_u32("4294967296", 0, UINT32_MAX, &small), -ERANGE);
	assert_int_equal(small, 7);
	assert_int_equal(parse_u32("4294967295", 0, UINT32_MAX, &small), 0);
	assert_true(small == UINT32_MAX);
}

static void the_whole_text_is_the_number(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1e3", "1.0", "a" };
	uint64_t v = 7;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (parse_u64(bad[i], 0, UINT64_MAX, &v) != -EINVAL)
			fail_msg("\"%s\" was accepted", bad[i]);
	assert_int_equal(v, 7);
}

static void hex_has_a_length(void **state)
{
	assert_true(is_hex("09afAF", 6));
	assert_false(is_hex("09afAF", 5));
	assert_false(is_hex("09afAF", 7));
	assert_false(is_hex("09afAg", 6));
	assert_true(is_hex("", 0));
}

static void addresses_and_back(void **state)
{
	uint32_t addr = 7;
	char text[IPV4_STR_MAX];

	assert_int_equal(parse_ipv4("10.18.0.255", &addr), 0);
	assert_int_equal(addr, 0x0a1200ff);
	assert_string_equal(format_ipv4(addr, text), "10.18.0.255");
	assert_string_equal(format_ipv4(UINT32_MAX, text), "255.255.255.255");
	assert_int_equal(parse_ipv4("10.18.0", &addr), -EINVAL);
	assert_int_equal(parse_ipv4("10.18.0.256", &addr), -EINVAL);
	assert_int_equal(parse_ipv4("10.18.0.1 ", &addr), -EINVAL);
	assert_int_equal(parse_ipv4("::1", &addr), -EINVAL);
	assert_int_equal(addr, 0x0a1200ff);
}

static void networks_have_no_host_bits(void **state)
{
	uint32_t addr = 7;
	unsigned prefix = 7;

	assert_int_equal(parse_cidr("10.18.0.1/26", &addr, &prefix), -EINVAL);
	assert_int_equal(parse_cidr("10.18.0.0", &addr, &prefix), -EINVAL);
	assert_int_equal(parse_cidr("10.18.0.0/", &addr, &prefix), -EINVAL);
	assert_int_equal(parse_cidr("10.18.0.0/33", &addr, &prefix), -ERANGE);
	assert_int_equal(parse_cidr("/8", &addr, &prefix), -EINVAL);
	assert_int_equal(addr, 7);
	assert_int_equal(prefix, 7);
	assert_int_equal(parse_cidr("10.18.0.64/26", &addr, &prefix), 0);
	assert_int_equal(addr, 0x0a120040);
	assert_int_equal(prefix, 26);
	assert_int_equal(parse_cidr("10.18.0.65/32", &addr, &prefix), 0);
	assert_int_equal(parse_cidr("128.0.0.0/1", &addr, &prefix), 0);
}

static void times_are_utc(void **state)
{
	char text[RFC3339_MAX];

	assert_string_equal(format_rfc3339(0, text), "1970-01-01T00:00:00Z");
	assert_string_equal(format_rfc3339(1795439882999, text), "2026-11-23T13:18:02Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(the_whole_text_is_the_number),
		cmocka_unit_test(hex_has_a_length),
		cmocka_unit_test(addresses_and_back),
		cmocka_unit_test(networks_have_no_host_bits),
		cmocka_unit_test(times_are_utc),
	};

	return cmocka_run_group_tests_name("base/parse", tests, NULL, NULL);
}
