/* Text to values: positions, bounds, duplicate keys, trailing commas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "json/json.h"

static struct json *parse(const char *text)
{
	struct json *root = NULL;
	struct err err = { 0 };

	if (json_parse(text, strlen(text), &root, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return root;
}

static void refuses(const char *text, const char *message)
{
	struct json *root = NULL;
	struct err err = { 0 };

	assert_int_equal(json_parse(text, strlen(text), &root, &err), -EINVAL);
	assert_null(root);
	assert_non_null(strstr(err.msg, message));
}

static void reads_values(void **state)
{
	struct json *v = parse("{\"a\":[1,2.0,\"x\",true,null],\"b\":{\"c\":-7},\"d\":1.5}");
	struct json *a = json_get(v, "a");

	assert_true(json_is_object(v));
	assert_int_equal(json_count(v), 3);
	assert_true(json_is_array(a));
	assert_int_equal(json_count(a), 5);
	assert_int_equal(json_int(json_at(a, 0), 9), 1);
	assert_int_equal(json_int(json_at(a, 1), 9), 2);
	assert_string_equal(json_str(json_at(a, 2)), "x");
	assert_true(json_bool(json_at(a, 3), false));
	assert_true(json_is_null(json_at(a, 4)));
	assert_null(json_at(a, 5));
	assert_int_equal(json_get_int(json_get(v, "b"), "c", 0), -7);
	assert_int_equal(json_get_int(v, "d", 9), 9);
	assert_null(json_get_str(v, "d"));
	assert_null(json_get(a, "x"));
	assert_null(json_get(NULL, "x"));
	json_free(v);
}

static void iterates_keys_in_order(void **state)
{
	struct json *v = parse("{\"z\":1,\"a\":2,\"m\":3}");
	const char *key = json_key_next(v, NULL);

	assert_string_equal(key, "z");
	key = json_key_next(v, key);
	assert_string_equal(key, "a");
	key = json_key_next(v, key);
	assert_string_equal(key, "m");
	assert_null(json_key_next(v, key));
	json_free(v);
}

static void formats_what_it_read(void **state)
{
	const char *text = "{\"a\":[1,0.1,4.0,\"\\u0001\\\"\\\\é\",true,false,null,[],{}]}";
	struct json *v = parse(text);
	auto_free char *back = json_format(v);

	assert_string_equal(back, text);
	json_free(v);
}

static void names_line_and_column(void **state)
{
	refuses("{\n  \"a\": 1\n  \"b\": 2\n}", "line 3, column 5: ");
	refuses("", "line 1, column 0: ");
	refuses("{\"a\":1} x", "line 1, ");
	refuses("{\"a\":\"\xff\"}", "line 1, ");
	refuses("{\"a\":\"\\u0000\"}", "line 1, ");
	refuses("{\"a\":123456789012345678901234567890}", "too big integer");
}

static void refuses_duplicate_keys(void **state)
{
	refuses("{\"a\":1,\n\"a\":2}", "line 2, ");
}

static void bounds_depth(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 3];

	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	text[2 * JSON_DEPTH_MAX] = '\0';
	json_free(parse(text));
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	text[2 * JSON_DEPTH_MAX + 2] = '\0';
	refuses(text, "line 1, column 33: nested deeper than 32 levels");
	json_free(parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[\""));
}

static void bounds_size(void **state)
{
	struct json *root = NULL;
	struct err err = { 0 };

	assert_int_equal(json_parse("", JSON_TEXT_MAX + 1, &root, &err), -E2BIG);
	assert_string_equal(err.msg, "parse JSON: 67108865 bytes, at most 67108864 are read");
}

static void accepts_trailing_commas_with_a_warning(void **state)
{
	const char *text = "{\n\"a\": [1, 2,\n ],\n\"b\": \",}\", \"c\": {\"d\": 1 , } ,\n}";
	auto_strv struct strv warnings = { 0 };
	struct json *root = NULL;
	struct err err = { 0 };

	assert_int_equal(json_parse_tolerant(text, strlen(text), &root, &warnings, &err), 0);
	auto_free char *back = json_format(root);
	assert_string_equal(back, "{\"a\":[1,2],\"b\":\",}\",\"c\":{\"d\":1}}");
	assert_int_equal(warnings.n, 3);
	assert_string_equal(warnings.items[0], "line 2: trailing comma");
	assert_string_equal(warnings.items[1], "line 4: trailing comma");
	assert_string_equal(warnings.items[2], "line 4: trailing comma");
	json_free(root);
}

static void still_refuses(const char *text, const char *message)
{
	auto_strv struct strv warnings = { 0 };
	struct json *root = NULL;
	struct err err = { 0 };

	assert_int_equal(json_parse_tolerant(text, strlen(text), &root, &warnings, &err), -EINVAL);
	assert_non_null(strstr(err.msg, message));
}

static void other_commas_stay_errors(void **state)
{
	refuses("[1,]", "line 1, column 4: ");
	still_refuses("[,]", "line 1, ");
	still_refuses("[1,,]", "line 1, ");
	still_refuses("{\"a\":,}", "line 1, ");
	still_refuses("{\n\"a\":[1,],\n\"b\" 1}", "line 3, column 5: ");
	still_refuses("[1],", "line 1, ");
	still_refuses("[1,", "line 1, ");
	still_refuses("[\"a\\", "line 1, ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_values),
		cmocka_unit_test(iterates_keys_in_order),
		cmocka_unit_test(formats_what_it_read),
		cmocka_unit_test(names_line_and_column),
		cmocka_unit_test(refuses_duplicate_keys),
		cmocka_unit_test(bounds_depth),
		cmocka_unit_test(bounds_size),
		cmocka_unit_test(accepts_trailing_commas_with_a_warning),
		cmocka_unit_test(other_commas_stay_errors),
	};

	return cmocka_run_group_tests_name("json/parse", tests, NULL, NULL);
}
