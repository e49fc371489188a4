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

/* What has up to 15 digits is written with these, whatever the number of its decimals. */
static void decimals_are_as_they_were_given(void **state)
{
	static const uint64_t steps[] = { 1, 7, 1001, 65537, 123456789, 99999999999 };
	char expected[64];

	number_is(1764433123.007, "1764433123.007");
	number_is(-0.25, "-0.25");
	number_is(12345678.0 / (1 << 20), "11.77375602722168");
	number_is(0.1 + 0.2, "0.30000000000000004");
	number_is(0.0001, "0.0001");
	number_is(0.00012, "0.00012");
	number_is(0.00001, "1e-05");
	number_is(123456789012345.6, "123456789012345.6");
	number_is(99999999999999.9, "99999999999999.9");
	number_is(1e-9, "1e-09");
	number_is(1.000000001, "1.000000001");
	number_is(1.0000000001, "1.0000000001");
	for (size_t k = 0; k < ARRAY_LEN(steps); k++)
		for (uint64_t i = 1; i < 2000; i++) {
			double value = (double)(i * steps[k]) / 256;

			if (i * steps[k] % 256 == 0)
				continue;
			snprintf(expected, sizeof(expected), "%.15g", value);
			if (strlen(expected) < 15)
				number_is(value, expected);
			snprintf(expected, sizeof(expected), "%lu.%03lu7",
				 (unsigned long)(i * steps[k] / 1000),
				 (unsigned long)(i * steps[k] % 1000));
			number_is((double)(i * steps[k] * 10 + 7) / 10000, expected);
		}
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
		cmocka_unit_test(decimals_are_as_they_were_given),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(is_whole_or_refused_at_every_maximum),
	};

	return cmocka_run_group_tests_name("json/out", tests, NULL, NULL);
}
