/* Hashes of passwords, and texts that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accounts/accounts.h"
#include "wire/scrypt/scrypt.h"

static const unsigned char salt[PASSWORD_SALT_LEN] = "0123456789abcde";

static char *hash_of(const char *password)
{
	char *hash = NULL;
	struct err err;

	if (password_hash(password, salt, &hash, &err) < 0)
		fail_msg("%s", err.msg);
	return hash;
}

static void the_right_one_matches(void **state)
{
	auto_free char *hash = hash_of("correct horse");

	assert_true(str_starts(hash, "scrypt:14:8:1:"));
	assert_null(strstr(hash, "correct"));
	assert_true(password_matches(hash, "correct horse"));
	assert_false(password_matches(hash, "correct horsf"));
	assert_false(password_matches(hash, "correct hors"));
	assert_false(password_matches(hash, ""));
}

/* RFC 7914, 12. */
static void it_is_scrypt(void **state)
{
	static const unsigned char expected[8] = { 0xfd, 0xba, 0xbe, 0x1c, 0x9d, 0x34, 0x72, 0x00 };
	const struct scrypt_input input = { 10, 8, 16, "password", 8, "NaCl", 4 };
	const struct scrypt_input greedy = { 24, 8, 1, "password", 8, "NaCl", 4 };
	unsigned char out[64];

	assert_int_equal(scrypt_derive(&input, out, sizeof(out)), 0);
	assert_memory_equal(out, expected, sizeof(expected));
	assert_int_equal(scrypt_derive(&greedy, out, sizeof(out)), -EINVAL);
}

/* A text of another cost, as an earlier or later release has made it: the same password with N = 2. */
static void the_cost_is_in_the_text(void **state)
{
	const struct scrypt_input input = { 1, 1, 1, "pw", 2, "saltsalt", 8 };
	unsigned char key[32];
	char text[128] = "scrypt:1:1:1:c2FsdHNhbHQ=:";
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strlen(text);

	assert_int_equal(scrypt_derive(&input, key, sizeof(key)), 0);
	for (size_t bit = 0; bit < 258; bit += 6) {
		unsigned six = 0;

		for (size_t b = bit; b < bit + 6; b++)
			six = six << 1 | (b < 256 ? key[b / 8] >> (7 - b % 8) & 1u : 0);
		text[n++] = digits[six];
	}
	text[n++] = '=';
	text[n] = '\0';
	assert_true(password_matches(text, "pw"));
	assert_false(password_matches(text, "pv"));
}

static void what_is_no_hash_matches_nothing(void **state)
{
	auto_free char *good = hash_of("x");
	auto_free char *rest = xstrdup(good + strlen("scrypt:14:8:1:"));
	auto_free char *huge = xasprintf("scrypt:30:8:1:%s", rest);
	auto_free char *other = xasprintf("bcrypt:15:8:1:%s", rest);
	auto_free char *more = xasprintf("%s:x", good);
	auto_free char *cut = xstrndup(good, strlen(good) - 8);
	const char *const texts[] = { "", "x", "scrypt:14:8:1::", huge, other, more, cut };

	assert_false(password_matches(NULL, "x"));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (password_matches(texts[i], "x"))
			fail_msg("\"%s\" matched", texts[i]);
}

static void lengths_are_bounded(void **state)
{
	auto_free char *longest = xcalloc(1, PASSWORD_LEN_MAX + 2);
	char *untouched = NULL;
	struct err err;

	memset(longest, 'x', PASSWORD_LEN_MAX);
	auto_free char *hash = hash_of(longest);
	assert_true(password_matches(hash, longest));
	longest[PASSWORD_LEN_MAX] = 'x';
	assert_false(password_matches(hash, longest));
	assert_int_equal(password_hash(longest, salt, &untouched, &err), -EINVAL);
	assert_string_equal(err.msg, "the password has 257 bytes, at most 256 are allowed");
	assert_int_equal(password_hash("", salt, &untouched, &err), -EINVAL);
	assert_null(untouched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_one_matches),
		cmocka_unit_test(it_is_scrypt),
		cmocka_unit_test(the_cost_is_in_the_text),
		cmocka_unit_test(what_is_no_hash_matches_nothing),
		cmocka_unit_test(lengths_are_bounded),
	};

	return cmocka_run_group_tests_name("accounts/password", tests, NULL, NULL);
}
