/* Writing: whatever the bytes, the text is valid JSON. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "json/json.h"

static void writes_as(const char *value, const char *expected)
{
	auto_json_out struct json_out out;
	auto_free char *text = NULL;
	auto_(json_free) struct json *back = NULL;
	struct err err = { 0 };

	json_out_init(&out, 1000);
	json_out_str(&out, NULL, value);
	assert_int_equal(json_out_finish(&out, &text, &err), 0);
	assert_string_equal(text, expected);
	if (json_parse(text, strlen(text), &back, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
}

static void escapes(void **state)
{
	writes_as("a\"b\\c/", "\"a\\\"b\\\\c/\"");
	writes_as("\b\t\n\v\f\r\x01\x1f\x7f", "\"\\b\\t\\n\\u000b\\f\\r\\u0001\\u001f\x7f\"");
	writes_as("é€😀", "\"é€😀\"");
	writes_as("", "\"\"");
	writes_as(NULL, "null");
}

#define R "\xef\xbf\xbd"

static void replaces_what_is_not_utf8(void **state)
{
	writes_as("a\xff"
		  "b",
		  "\"a" R "b\"");
	writes_as("\xc3", "\"" R "\"");
	writes_as("\xe2\x82", "\"" R R "\"");
	writes_as("\xf0\x9f\x98x", "\"" R R R "x\"");
	writes_as("\xc0\x80", "\"" R R "\"");             /* overlong */
	writes_as("\xe0\x80\x80", "\"" R R R "\"");       /* overlong */
	writes_as("\xed\xa0\x80", "\"" R R R "\"");       /* surrogate */
	writes_as("\xf4\x90\x80\x80", "\"" R R R R "\""); /* beyond U+10FFFF */
}

static void every_byte_pair_gives_valid_json(void **state)
{
	for (unsigned a = 1; a < 256; a++)
		for (unsigned b = 1; b < 256; b++) {
			char value[] = { (char)a, (char)b, '\0' };
			auto_json_out struct json_out out;
			auto_(json_free) struct json *back = NULL;
			struct err err = { 0 };

			json_out_init(&out, 100);
			json_out_str(&out, NULL, value);
			if (json_parse(out.text.data, out.text.len, &back, &err) < 0)
				fail_msg("%02x %02x: %s", a, b, err.msg);
		}
}

/* Texts are looked at in pieces: each place of a piece, and of what is left behind the last. */
static void sees_what_is_special_at_every_place(void **state)
{
	static const char *const specials[][2] = {
		{ "\"", "\\\"" },      { "\\", "\\\\" },
		{ "\x1f", "\\u001f" }, { "\n", "\\n" },
		{ "\xff", R },         { "é", "é" },
		{ " ", " " },          { "\x7f", "\x7f" },
		{ "#", "#" },          { "\"\x01", "\\\"\\u0001" },
	};
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < ARRAY_LEN(specials); i++)
		for (int len = 0; len < 26; len++)
			for (int at = 0; at <= len; at++) {
				auto_free char *value = xasprintf("%.*s%s%.*s", at, letters,
								  specials[i][0], len - at,
								  letters + at);
				auto_free char *expected = xasprintf("\"%.*s%s%.*s\"", at, letters,
								     specials[i][1], len - at,
								     letters + at);

				writes_as(value, expected);
			}
}

static void nests(void **state)
{
	auto_json_out struct json_out out;
	auto_free char *text = NULL;
	struct err err = { 0 };

	json_out_init(&out, 1000);
	json_out_object(&out, NULL);
	json_out_array(&out, "a");
	json_out_int(&out, NULL, INT64_MIN);
	json_out_object(&out, NULL);
	json_out_object_end(&out);
	json_out_bool(&out, NULL, true);
	json_out_array_end(&out);
	json_out_raw(&out, "raw\n", "{\"x\":1}");
	json_out_raw(&out, "none", NULL);
	json_out_object_end(&out);
	assert_int_equal(json_out_finish(&out, &text, &err), 0);
	assert_string_equal(text, "{\"a\":[-9223372036854775808,{},true],\"raw\\n\":{\"x\":1},"
				  "\"none\":null}");
}

static void number_is(double value, const char *expected)
{
	auto_json_out struct json_out out;

	json_out_init(&out, 100);
	json_out_double(&out, NULL, value);
	assert_string_equal(out.text.data, expected);
}

static void numbers_are_short_and_exact(void **state)
{
	number_is(0.1, "0.1");
	number_is(4, "4.0");
	number_is(-2.5, "-2.5");
	number_is(-4, "-4.0");
	number_is(0, "0.0");
	number_is(-0.0, "-0.0");
	number_is(9007199254740992, "9007199254740992.0");
	number_is(-9007199254740992, "-9007199254740992.0");
	number_is(1e16, "1e+16");
	number_is(1.0 / 3, "0.3333333333333333");
	number_is(1e300, "1e+300");
	number_is(NAN, "null");
	number_is(INFINITY, "null");
}

static void is_bounded(void **state)
{
	auto_json_out struct json_out out;
	char *text = NULL;
	struct err err = { 0 };

	json_out_init(&out, 8);
	json_out_array(&out, NULL);
	json_out_str(&out, NULL, "12345");
	json_out_str(&out, NULL, "6");
	json_out_array_end(&out);
	assert_int_equal(json_out_finish(&out, &text, &err), -E2BIG);
	assert_null(text);
	assert_string_equal(err.msg, "write JSON: more than 8 bytes");
}

static int write_within(size_t max, char **ret)
{
	auto_json_out struct json_out out;
	struct err err = { 0 };

	json_out_init(&out, max);
	json_out_object(&out, NULL);
	json_out_str(&out, "key", "0123456789\n\"\xff€ 0123456789012345678901234567890123456789");
	json_out_int(&out, "n\\", -12);
	json_out_object_end(&out);
	return json_out_finish(&out, ret, &err);
}

/* Wherever the end of the room falls, before, within or behind what has to be escaped. */
static void is_whole_or_refused_at_every_maximum(void **state)
{
	auto_free char *whole = NULL;

	assert_int_equal(write_within(1000, &whole), 0);
	for (size_t max = 0; max < strlen(whole) + 3; max++) {
		auto_free char *text = NULL;
		int r = write_within(max, &text);

		assert_int_equal(r, max < strlen(whole) ? -E2BIG : 0);
		if (r == 0)
			assert_string_equal(text, whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),
		cmocka_unit_test(replaces_what_is_not_utf8),
		cmocka_unit_test(every_byte_pair_gives_valid_json),
		cmocka_unit_test(sees_what_is_special_at_every_place),
		cmocka_unit_test(nests),
		cmocka_unit_test(numbers_are_short_and_exact),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(is_whole_or_refused_at_every_maximum),
	};

	return cmocka_run_group_tests_name("json/out", tests, NULL, NULL);
}
