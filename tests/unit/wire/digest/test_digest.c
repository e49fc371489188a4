/* Digests in OCI's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/secret.h"
#include "wire/digest/digest.h"

#define HELLO "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static void computes_in_one_piece_and_in_several(void **state)
{
	auto_(digest_free) struct digest *d = digest_new();
	char out[DIGEST_TEXT_MAX];

	digest_of("hello", 5, out);
	assert_string_equal(out, HELLO);
	digest_add(d, "he", 2);
	digest_add(d, "", 0);
	digest_add(d, "llo", 3);
	digest_finish(d, out);
	assert_string_equal(out, HELLO);
}

static void bytes_are_those_of_the_form(void **state)
{
	const char *hex = strchr(HELLO, ':') + 1;
	uint8_t bytes[DIGEST_BYTES];

	digest_bytes_of("hello", 5, bytes);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		char digits[3];

		snprintf(digits, sizeof(digits), "%02x", bytes[i]);
		assert_memory_equal(digits, hex + 2 * i, 2);
	}
}

static void accepts_one_form(void **state)
{
	assert_true(digest_is_valid(HELLO));
	assert_false(digest_is_valid(""));
	assert_false(digest_is_valid("sha256:2cf2"));
	assert_false(digest_is_valid("sha512:" HELLO));
	assert_false(digest_is_valid(HELLO "0"));
	assert_false(digest_is_valid(
		"sha256:2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"));
	assert_false(digest_is_valid(
		"sha256:../../../../../../../../../../../../../../../../../../../../../../"));
}

/* RFC 4231, test case 2. */
static void signs_with_a_key(void **state)
{
	auto_secret struct secret key = { 0 };
	char out[DIGEST_HMAC_SIZE];

	secret_set(&key, "Jefe", 4);
	digest_hmac(&key, "what do ya want for nothing?", out);
	assert_string_equal(out,
			    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(computes_in_one_piece_and_in_several),
		cmocka_unit_test(bytes_are_those_of_the_form),
		cmocka_unit_test(accepts_one_form),
		cmocka_unit_test(signs_with_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
