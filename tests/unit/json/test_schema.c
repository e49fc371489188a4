/* JSON Schema: values that fit and do not fit, keyword by keyword; schemas that are refused; bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "json/schema.h"

static struct json *parse(const char *text)
{
	struct json *json = NULL;
	struct err err = { 0 };

	if (json_parse(text, strlen(text), &json, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return json;
}

static int check(const char *schema_text, const char *text, struct err *err)
{
	auto_(schema_free) struct schema *schema = NULL;
	auto_(json_free) struct json *value = parse(text);

	if (schema_parse(schema_text, strlen(schema_text), &schema, err) < 0)
		fail_msg("%s: %s", schema_text, err->msg);
	return schema_check(schema, value, err);
}

static void fits(const char *schema, const char *text)
{
	struct err err = { 0 };

	if (check(schema, text, &err) < 0)
		fail_msg("%s against %s: %s", text, schema, err.msg);
}

static void fails(const char *schema, const char *text, const char *message)
{
	struct err err = { 0 };

	assert_int_equal(check(schema, text, &err), -EINVAL);
	assert_string_equal(err.msg, message);
}

static void refused(const char *text, const char *message)
{
	struct schema *schema = NULL;
	struct err err = { 0 };

	assert_true(schema_parse(text, strlen(text), &schema, &err) < 0);
	assert_null(schema);
	assert_string_equal(err.msg, message);
}

static void types(void **state)
{
	static const char *const values[] = { "null", "true", "3", "1.5", "\"s\"", "[1]", "{}" };
	static const char *const names[] = { "null",   "boolean", "integer", "number",
					     "string", "array",   "object" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *schema = xasprintf("{\"type\":\"%s\"}", names[i]);

		for (size_t k = 0; k < ARRAY_LEN(values); k++) {
			struct err err;
			bool is_good = i == k || (i == 3 && k == 2);

			assert_int_equal(check(schema, values[k], &err), is_good ? 0 : -EINVAL);
		}
	}
	fits("{\"type\":\"integer\"}", "4.0");
	fits("{\"type\":\"integer\"}", "1e300");
	fits("{\"type\":[\"string\",\"null\"]}", "null");
	fails("{\"type\":[\"string\",\"null\"]}", "1",
	      "the object: expected string or null, got integer");
	fits("true", "1");
	fails("false", "1", "the object: is not allowed");
	fits("{}", "[{}]");
}

static void objects(void **state)
{
	static const char schema[] =
		"{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":"
		"{\"ports\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},\"name\":{}},"
		"\"required\":[\"name\"],\"additionalProperties\":false}}}";

	fits(schema, "{}");
	fits(schema, "{\"spec\":{\"name\":null,\"ports\":[1,2]},\"more\":1}");
	fails(schema, "{\"spec\":{\"name\":1,\"ports\":[1,\"2\"]}}",
	      "spec.ports[1]: expected integer, got string");
	fails(schema, "{\"spec\":{}}", "spec: name is missing");
	fails(schema, "{\"spec\":{\"name\":1,\"colour\":2}}", "spec.colour: is not allowed");
	fails("{\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":\"\",\"b\":1}",
	      "b: expected string, got integer");
	/* What is about objects lets everything else pass. */
	fits("{\"required\":[\"a\"],\"properties\":{\"a\":false}}", "12");
	fits("{\"minProperties\":1,\"maxProperties\":1}", "{\"a\":1}");
	fails("{\"minProperties\":1}", "{}", "the object: expected at least 1 members, got 0");
	fails("{\"maxProperties\":0}", "{\"a\":1}",
	      "the object: expected at most 0 members, got 1");
}

static void arrays(void **state)
{
	fails("{\"minItems\":2}", "[1]", "the object: expected at least 2 elements, got 1");
	fits("{\"minItems\":2,\"maxItems\":2}", "[1,2]");
	fails("{\"maxItems\":1}", "[1,2]", "the object: expected at most 1 elements, got 2");
	fits("{\"minItems\":2}", "\"a\"");
	fits("{\"uniqueItems\":true}", "[1,\"1\",true,null,[1],{\"a\":1}]");
	fits("{\"uniqueItems\":false}", "[1,1]");
	fails("{\"uniqueItems\":true}", "[2,1,1.0]", "the object: elements 1 and 2 are the same");
	fails("{\"uniqueItems\":true}", "[{\"a\":1,\"b\":[2]},{\"b\":[2],\"a\":1}]",
	      "the object: elements 0 and 1 are the same");
	fits("{\"uniqueItems\":true}", "[{\"a\":1},{\"a\":2},{\"b\":1},[0],[false],0,false]");
	fails("{\"items\":false}", "[1]", "[0]: is not allowed");
	fits("{\"items\":false}", "[]");
}

static void fixed_values(void **state)
{
	fits("{\"enum\":[\"a\",1,null]}", "1.0");
	fails("{\"enum\":[\"a\",1]}", "\"b\"", "the object: expected one of [\"a\",1]");
	fails("{\"enum\":[false]}", "0", "the object: expected one of [false]");
	fits("{\"const\":{\"a\":[1]}}", "{\"a\":[1]}");
	fails("{\"const\":{\"a\":[1]}}", "{\"a\":[1,2]}", "the object: expected {\"a\":[1]}");
}

static void numbers(void **state)
{
	fits("{\"minimum\":1.5}", "1.5");
	fails("{\"minimum\":1.5}", "1", "the object: expected a number of at least 1.5");
	fits("{\"maximum\":3}", "3.0");
	fails("{\"maximum\":3}", "3.5", "the object: expected a number of at most 3");
	fits("{\"exclusiveMinimum\":1,\"exclusiveMaximum\":3}", "2");
	fails("{\"exclusiveMinimum\":1}", "1.0", "the object: expected a number above 1");
	fails("{\"exclusiveMaximum\":3}", "3", "the object: expected a number below 3");
	fits("{\"minimum\":5}", "\"1\"");
	/* Not as doubles, which do not tell these apart. */
	fails("{\"maximum\":9007199254740992}", "9007199254740993",
	      "the object: expected a number of at most 9007199254740992");
}

static void texts(void **state)
{
	fits("{\"minLength\":2,\"maxLength\":2}", "\"\xc3\xa4\xe2\x82\xac\"");
	fails("{\"minLength\":3}", "\"\xc3\xa4\xe2\x82\xac\"",
	      "the object: expected at least 3 characters, got 2");
	fails("{\"maxLength\":1}", "\"ab\"", "the object: expected at most 1 characters, got 2");
	fits("{\"pattern\":\"b+\"}", "\"abbc\"");
	fails("{\"pattern\":\"^b+$\"}", "\"abbc\"", "the object: expected a text like ^b+$");
	fits("{\"pattern\":\"^\\\\d{2}-\\\\w+\\\\.x\\\\/y$\"}", "\"12-a_B9.x/y\"");
	fails("{\"pattern\":\"^\\\\d$\"}", "\"d\"", "the object: expected a text like ^\\d$");
	fits("{\"pattern\":\"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$\"}", "\"edge-1\"");
	fits("{\"pattern\":\"^(a|[[:digit:]])\\\\s$\"}", "\"7 \"");
	fits("{\"pattern\":\"^a$\"}", "12");
	fits("{\"pattern\":\"^a+?b*?(c{1,2}?)??$\"}", "\"aacc\"");
	fails("{\"pattern\":\"^a+?$\"}", "\"\"", "the object: expected a text like ^a+?$");
}

static void combinations(void **state)
{
	fits("{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "2");
	fails("{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "4",
	      "the object: expected a number of at most 3");
	fits("{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":3}]}", "4");
	fails("{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":3}]}", "2",
	      "the object: fits none of the 2 of anyOf");
	fits("{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "1");
	fails("{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "3",
	      "the object: fits more than one of the 2 of oneOf");
	fails("{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "1.1",
	      "the object: fits none of the 2 of oneOf");
	fits("{\"not\":{\"type\":\"integer\"}}", "\"a\"");
	fails("{\"not\":{\"type\":\"integer\"}}", "1", "the object: is what it must not be");
}

static void references(void **state)
{
	static const char tree[] =
		"{\"$ref\":\"#/$defs/node\",\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":"
		"{\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/node\"}}},"
		"\"required\":[\"id\"]}}}";

	fits(tree, "{\"id\":1,\"kids\":[{\"id\":2,\"kids\":[]}]}");
	fails(tree, "{\"id\":1,\"kids\":[{\"id\":2,\"kids\":[{}]}]}",
	      "kids[0].kids[0]: id is missing");
	fits("{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"additionalProperties\":false}",
	     "{\"a\":{\"a\":{}}}");
	fails("{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"additionalProperties\":false}",
	      "{\"a\":{\"b\":{}}}", "a.b: is not allowed");
	fits("{\"definitions\":{\"a/b\":{\"type\":\"null\"}},\"$ref\":\"#/definitions/a~1b\"}",
	     "null");
	fits("{\"allOf\":[{\"type\":\"null\"}],\"properties\":{\"x\":{\"$ref\":\"#/allOf/0\"}}}",
	     "null");
	/* What stands beside $ref counts. */
	fails("{\"$ref\":\"#/$defs/a\",\"minimum\":2,\"$defs\":{\"a\":{\"type\":\"integer\"}}}",
	      "1", "the object: expected a number of at least 2");
}

static void annotations_are_passed_over(void **state)
{
	fits("{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$id\":\"x\",\"title\":\"t\","
	     "\"description\":\"d\",\"default\":1,\"examples\":[2],\"format\":\"ipv4\","
	     "\"$comment\":\"c\",\"deprecated\":true,\"readOnly\":false}",
	     "{}");
}

static void schemas_that_are_refused(void **state)
{
	refused("{\"properties\":{\"a\":{\"minLenght\":1}}}",
		"properties.a.minLenght: this keyword is not supported");
	refused("{\"patternProperties\":{}}", "patternProperties: this keyword is not supported");
	refused("{\"if\":true}", "if: this keyword is not supported");
	refused("{\"type\":\"int\"}", "type: expected a type, or an array of types");
	refused("{\"type\":[]}", "type: expected a type, or an array of types");
	refused("{\"minLength\":-1}", "minLength: expected a whole number from 0 on");
	refused("{\"minimum\":\"1\"}", "minimum: expected a number");
	refused("{\"exclusiveMinimum\":true}", "exclusiveMinimum: expected a number");
	refused("{\"required\":[\"a\",\"a\"]}", "required: expected an array of different strings");
	refused("{\"items\":[{}]}", "items: expected a schema: an object, true or false");
	refused("{\"allOf\":[]}", "allOf: expected an array of schemas");
	refused("{\"anyOf\":[{},{\"type\":1}]}",
		"anyOf[1].type: expected a type, or an array of types");
	refused("{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}",
		"$schema: expected draft 06, 07, 2019-09 or 2020-12");
	refused("{\"not\":{\"$id\":\"x\"}}",
		"not.$id: expected a string, of the whole document only");
	refused("[]", "the schema: expected a schema: an object, true or false");
	refused("{\"$ref\":\"http://example.org/x\"}",
		"$ref: expected \"#\" or \"#/…\": what is in the same document");
	refused("{\"$ref\":\"#/$defs/a\"}", "$ref #/$defs/a: there is no such place");
	refused("{\"$ref\":\"#/const\",\"const\":{}}", "$ref #/const: it leads to no schema");
}

static void circles_are_refused(void **state)
{
	static const char message[] = "$ref: a schema refers to itself for the same value";

	refused("{\"$ref\":\"#\"}", message);
	refused("{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"}]},"
		"\"b\":{\"not\":{\"$ref\":\"#/$defs/a\"}}}}",
		message);
}

static void long_chains_are_refused(void **state)
{
	auto_buf struct buf text;

	buf_init(&text, 1 << 16);
	buf_add_str(&text, "{\"$defs\":{\"d0\":{}");
	for (int i = 1; i < 40; i++)
		buf_addf(&text, ",\"d%d\":{\"$ref\":\"#/$defs/d%d\"}", i, i - 1);
	buf_add_str(&text, "}}");
	refused(text.data, "more than 16 schemas about one value inside each other");
}

static void patterns_that_are_refused(void **state)
{
	static const struct {
		const char *pattern;
		const char *message;
	} cases[] = {
		{ "(a)\\\\1", "pattern: pattern: \\1 is not supported" },
		{ "\\\\bx", "pattern: pattern: \\b is not supported" },
		{ "(?:a)", "pattern: pattern: (?…) is not supported" },
		{ "[\\\\w]",
		  "pattern: pattern: brackets have to be those of POSIX: no \\ in them, no "
		  "[] and [^]; [[:digit:]] is possible" },
		{ "a{", "pattern: pattern: expected {N}, {N,} or {N,M} up to 255" },
		{ "a{256}", "pattern: pattern: expected {N}, {N,} or {N,M} up to 255" },
		{ "((a{50}){50}){50}", "pattern: pattern: more than 300 characters with all "
				       "repetitions written out" },
		{ "(((((((((a)+)+)+)+)+)+)+)+)+",
		  "pattern: pattern: more than 300 characters with all "
		  "repetitions written out" },
		{ "a****", "pattern: pattern: there is nothing to repeat at ***" },
		{ "a+?*", "pattern: pattern: there is nothing to repeat at *" },
		{ "a*??", "pattern: pattern: there is nothing to repeat at ?" },
		{ "a{2}{3}", "pattern: pattern: there is nothing to repeat at {3}" },
		{ "(*a)", "pattern: pattern: there is nothing to repeat at *a)" },
		{ "a|+", "pattern: pattern: there is nothing to repeat at +" },
		{ "^*", "pattern: pattern: there is nothing to repeat at *" },
		{ "(a", "pattern: pattern: ( without )" },
		{ "a)", "pattern: pattern: ) without (" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *schema = xasprintf("{\"pattern\":\"%s\"}", cases[i].pattern);

		refused(schema, cases[i].message);
	}
}

/* An answer, in any case: these would take too long. */
static void cost_is_bounded(void **state)
{
	auto_buf struct buf schema;
	auto_buf struct buf value;
	struct err err = { 0 };

	buf_init(&schema, 1 << 16);
	buf_init(&value, 1 << 16);
	buf_add_str(&value, "[0");
	for (int i = 1; i < 2000; i++)
		buf_addf(&value, ",%d", i);
	buf_add_str(&value, "]");
	/* Each of them has 2^7 ways down. */
	buf_add_str(&schema, "{\"$defs\":{\"d0\":{\"type\":\"null\"}");
	for (int i = 1; i < 8; i++)
		buf_addf(
			&schema,
			",\"d%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}",
			i, i - 1, i - 1);
	buf_add_str(&schema, "},\"not\":{\"items\":{\"not\":{\"$ref\":\"#/$defs/d7\"}}}}");
	assert_int_equal(check(schema.data, value.data, &err), -E2BIG);
	assert_int_equal(check("{\"uniqueItems\":true}", value.data, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "more than 300000 steps"));
	/* And it is no refusal that others could turn round. */
	assert_int_equal(check("{\"not\":{\"uniqueItems\":true}}", value.data, &err), -E2BIG);
	assert_int_equal(check("{\"anyOf\":[{\"uniqueItems\":true},{}]}", value.data, &err),
			 -E2BIG);
}

static void long_texts_are_matched_with_no_pattern(void **state)
{
	auto_free char *text = xcalloc(1, 2000);

	memset(text, 'a', 1500);
	text[0] = '"';
	text[1499] = '"';
	fails("{\"pattern\":\"a\"}", text,
	      "the object: longer than 1024 bytes, which is the most that a pattern is matched "
	      "with");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types),
		cmocka_unit_test(objects),
		cmocka_unit_test(arrays),
		cmocka_unit_test(fixed_values),
		cmocka_unit_test(numbers),
		cmocka_unit_test(texts),
		cmocka_unit_test(combinations),
		cmocka_unit_test(references),
		cmocka_unit_test(annotations_are_passed_over),
		cmocka_unit_test(schemas_that_are_refused),
		cmocka_unit_test(circles_are_refused),
		cmocka_unit_test(long_chains_are_refused),
		cmocka_unit_test(patterns_that_are_refused),
		cmocka_unit_test(cost_is_bounded),
		cmocka_unit_test(long_texts_are_matched_with_no_pattern),
	};

	return cmocka_run_group_tests_name("json/schema", tests, NULL, NULL);
}
