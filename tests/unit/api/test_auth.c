/* Token, Host and Content-Type over TCP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/auth.h"

static void only_the_token_is_the_token(void **state)
{
	assert_true(auth_is_token("Bearer s3cret", "s3cret"));
	assert_true(auth_is_token("bearer s3cret", "s3cret"));
	assert_false(auth_is_token("Bearer s3cres", "s3cret"));
	assert_false(auth_is_token("Bearer s3cre", "s3cret"));
	assert_false(auth_is_token("Bearer s3crets3cret", "s3cret"));
	assert_false(auth_is_token("Bearer ", "s3cret"));
	assert_false(auth_is_token("Basic s3cret", "s3cret"));
	assert_false(auth_is_token("s3cret", "s3cret"));
	assert_false(auth_is_token(NULL, "s3cret"));
}

static void without_a_token_nobody_has_it(void **state)
{
	assert_false(auth_is_token("Bearer ", ""));
	assert_false(auth_is_token("Bearer x", NULL));
}

static void hosts_that_name_us(void **state)
{
	static const char *const good[] = { "127.0.0.1:10000", "localhost:10000", "LocalHost:10000",
					    "[::1]:10000", "10.99.0.1:10000" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(auth_is_our_host(good[i], "10.99.0.1", 10000));
	assert_true(auth_is_our_host("localhost", "127.0.0.1", 80));
	assert_true(auth_is_our_host("[fd00::1]:1", "fd00::1", 1));
}

static void hosts_that_do_not(void **state)
{
	static const char *const bad[] = { "evil.example:10000",
					   "127.0.0.1",
					   "127.0.0.1:1",
					   "127.0.0.1:10000x",
					   "127.0.0.1:",
					   "127.0.0.1.evil.example:10000",
					   "localhost.evil.example:10000",
					   "10.99.0.2:10000",
					   "[::1:10000",
					   "[::1]x:10000",
					   "::1:10000",
					   "0.0.0.0:10000",
					   "",
					   ":10000" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (auth_is_our_host(bad[i], "10.99.0.1", 10000))
			fail_msg("%s was taken for us", bad[i]);
	assert_false(auth_is_our_host(NULL, "127.0.0.1", 10000));
}

static void on_the_wildcard_any_literal_address_is_ours(void **state)
{
	assert_true(auth_is_our_host("192.168.1.7:10000", "0.0.0.0", 10000));
	assert_true(auth_is_our_host("[fd00::1]:10000", "::", 10000));
	assert_false(auth_is_our_host("evil.example:10000", "0.0.0.0", 10000));
}

static void names_of_the_certificate_are_ours(void **state)
{
	static const char *const good[] = { "holm.example:10000", "HOLM.example:10000",
					    "a.edge.example:10000", "[fd00::7]:10000" };
	static const char *const bad[] = { "holm.example:1",
					   "holm.example",
					   "a.b.edge.example:10000",
					   ".edge.example:10000",
					   "edge.example:10000",
					   "xholm.example:10000",
					   "" };
	struct strv names = { 0 };

	strv_add(&names, "holm.example");
	strv_add(&names, "*.edge.example");
	strv_add(&names, "fd00::7");
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!auth_is_listed(good[i], &names, 10000))
			fail_msg("%s was not taken for us", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (auth_is_listed(bad[i], &names, 10000))
			fail_msg("%s was taken for us", bad[i]);
	assert_true(auth_is_listed("holm.example", &names, 443));
	assert_false(auth_is_listed(NULL, &names, 443));
	strv_fini(&names);
	assert_false(auth_is_listed("holm.example:443", &names, 443));
}

static void types_with_parameters_or_without(void **state)
{
	assert_true(auth_is_type("application/json", AUTH_JSON));
	assert_true(auth_is_type("Application/JSON; charset=utf-8", AUTH_JSON));
	assert_true(auth_is_type("application/octet-stream", AUTH_BYTES));
	assert_false(auth_is_type("application/json", AUTH_BYTES));
	assert_false(auth_is_type("application/jsonp", AUTH_JSON));
	assert_false(auth_is_type("text/plain", AUTH_JSON));
	assert_false(auth_is_type("application/x-www-form-urlencoded", AUTH_JSON));
	assert_false(auth_is_type(NULL, AUTH_JSON));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_token_is_the_token),
		cmocka_unit_test(without_a_token_nobody_has_it),
		cmocka_unit_test(hosts_that_name_us),
		cmocka_unit_test(hosts_that_do_not),
		cmocka_unit_test(on_the_wildcard_any_literal_address_is_ours),
		cmocka_unit_test(names_of_the_certificate_are_ours),
		cmocka_unit_test(types_with_parameters_or_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
