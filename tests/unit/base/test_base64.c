/* Base64, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/base64.h"

/* RFC 4648, 10. */
static const struct {
	const char *plain;
	const char *text;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void the_rfcs_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		auto_secret struct secret back = { 0 };
		auto_free char *text = base64_format(vectors[i].plain, strlen(vectors[i].plain));

		assert_string_equal(text, vectors[i].text);
		assert_int_equal(base64_parse(text, &back), 0);
		assert_int_equal(back.len, strlen(vectors[i].plain));
		assert_memory_equal(back.bytes, vectors[i].plain, back.len + 1);
	}
}

static void every_byte_comes_back(void **state)
{
	unsigned char all[256];
	auto_secret struct secret back = { 0 };

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)(255 - i);
	auto_free char *text = base64_format(all, sizeof(all));
	assert_int_equal(base64_parse(text, &back), 0);
	assert_int_equal(back.len, sizeof(all));
	assert_memory_equal(back.bytes, all, sizeof(all));
}

static void anything_else_is_refused(void **state)
{
	static const char *const bad[] = { "Z",        "Zg",   "Zg=",   "Zg===",  "=Zg=",
					   "Zh==",     "Zm9=", "Zm 9v", "Zm9v\n", "Zm-v",
					   "Zg==Zg==", "====", "Z===",  "Zm9v=" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct secret untouched = { 0 };

		if (base64_parse(bad[i], &untouched) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_null(untouched.bytes);
	}
}

static void the_letters_of_urls(void **state)
{
	static const unsigned char bytes[] = { 0xfb, 0xef, 0xff, 0x00, 0xfe };
	static const char *const bad[] = { "-", "--+A", "AA==", "AB/A", "AB", "A B" };
	auto_free char *text = base64url_format(bytes, sizeof(bytes));
	auto_secret struct secret back = { 0 };
	auto_secret struct secret untouched = { 0 };

	assert_string_equal(text, "--__AP4");
	assert_int_equal(base64url_parse(text, strlen(text), &back), 0);
	assert_int_equal(back.len, sizeof(bytes));
	assert_memory_equal(back.bytes, bytes, sizeof(bytes));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (base64url_parse(bad[i], strlen(bad[i]), &untouched) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_int_equal(base64url_parse("AA\0A", 4, &untouched), -EINVAL);
	assert_null(untouched.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_vectors),
		cmocka_unit_test(every_byte_comes_back),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(the_letters_of_urls),
	};

	return cmocka_run_group_tests_name("base/base64", tests, NULL, NULL);
}
