/* Field tables over a struct that has a field of every type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "json/json.h"

struct part {
	char *label;
	uint32_t level;
};

struct thing {
	char *name;
	char id[5];
	bool is_on;
	uint32_t small;
	uint64_t big;
	int64_t offset;
	double ratio;
	struct strv words;
	int mode;
	struct part part;
	struct part *parts;
	size_t n_parts;
	char *extra;
	uint32_t copies;
	bool has_copies;
};

static const char *const modes[] = { "off", "slow", "fast", NULL };

static const struct field part_fields[] = {
	FIELD(struct part, label, "label", F_STR, .flags = F_REQUIRED),
	FIELD(struct part, level, "level", F_U32, .max = 9),
};
static FIELD_TABLE(part_table, struct part, "part", part_fields);

static const struct field thing_fields[] = {
	FIELD(struct thing, name, "name", F_STR, .flags = F_REQUIRED, .max = 10,
	      .synonyms = "title,label"),
	FIELD(struct thing, id, "id", F_CHARS),
	FIELD(struct thing, is_on, "is_on", F_BOOL),
	FIELD(struct thing, small, "small", F_U32, .min = 0),
	FIELD(struct thing, big, "big", F_U64),
	FIELD(struct thing, offset, "offset", F_I64),
	FIELD(struct thing, ratio, "ratio", F_DOUBLE),
	FIELD(struct thing, words, "words", F_STRV, .max = 3, .flags = F_OMIT_EMPTY),
	FIELD(struct thing, mode, "mode", F_ENUM, .names = modes, .help = "how it goes"),
	FIELD(struct thing, part, "part", F_OBJECT, .table = &part_table, .flags = F_OMIT_EMPTY),
	FIELD_ARRAY(struct thing, parts, n_parts, "parts", &part_table, .max = 2),
	FIELD(struct thing, extra, "extra", F_RAW, .flags = F_OMIT_EMPTY),
	FIELD(struct thing, copies, "copies", F_U32, .flags = F_GIVEN,
	      .given_offset = offsetof(struct thing, has_copies)),
};
static FIELD_TABLE(thing_table, struct thing, "thing", thing_fields);

static struct thing parse(const char *text)
{
	struct thing t = { 0 };
	struct err err = { 0 };

	if (fields_parse_text(&thing_table, text, &t, FIELD_UNKNOWN_ERROR, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return t;
}

static void refuses(const char *text, const char *message)
{
	static const struct thing zero = { 0 };
	struct thing t = { 0 };
	struct err err = { 0 };

	assert_int_equal(fields_parse_text(&thing_table, text, &t, FIELD_UNKNOWN_ERROR, &err),
			 -EINVAL);
	assert_string_equal(err.msg, message);
	assert_memory_equal(&t, &zero, sizeof(t));
}

#define FULL                                                                                   \
	"{\"name\":\"n\",\"id\":\"abcd\",\"is_on\":true,\"small\":7,\"big\":9007199254740992," \
	"\"offset\":-3,\"ratio\":0.5,\"words\":[\"a\",\"\"],\"mode\":\"fast\","                \
	"\"part\":{\"label\":\"p\",\"level\":9},\"parts\":[{\"label\":\"q\",\"level\":0},"     \
	"{\"label\":\"r\",\"level\":1}],\"extra\":{\"any\":[1,{}]},\"copies\":0}"

static void reads_and_writes_every_type(void **state)
{
	struct thing t = parse(FULL);
	auto_free char *text = fields_format(&thing_table, &t);

	assert_string_equal(t.name, "n");
	assert_string_equal(t.id, "abcd");
	assert_int_equal(t.big, 9007199254740992);
	assert_int_equal(t.mode, 2);
	assert_int_equal(t.n_parts, 2);
	assert_string_equal(t.parts[1].label, "r");
	assert_true(t.has_copies);
	assert_string_equal(text, FULL);
	fields_fini(&thing_table, &t);
	assert_null(t.name);
}

static void absent_and_null_are_empty(void **state)
{
	struct thing t = parse("{\"name\":\"n\",\"small\":null,\"words\":null,\"part\":null,"
			       "\"parts\":null,\"copies\":null}");
	auto_free char *text = fields_format(&thing_table, &t);

	assert_false(t.has_copies);
	assert_string_equal(text, "{\"name\":\"n\",\"id\":\"\",\"is_on\":false,\"small\":0,"
				  "\"big\":0,\"offset\":0,\"ratio\":0.0,\"mode\":\"off\","
				  "\"parts\":[]}");
	fields_fini(&thing_table, &t);
}

static void synonyms_fill_in(void **state)
{
	struct thing t = parse("{\"label\":\"n\",\"small\":4.0,\"big\":1e2}");
	struct thing both = parse("{\"title\":\"old\",\"name\":\"new\"}");

	assert_string_equal(t.name, "n");
	assert_int_equal(t.small, 4);
	assert_int_equal(t.big, 100);
	assert_string_equal(both.name, "new");
	fields_fini(&thing_table, &t);
	fields_fini(&thing_table, &both);
}

static void errors_name_path_value_and_expectation(void **state)
{
	refuses("[]", "expected an object, got []");
	refuses("{}", "name: required, but missing");
	refuses("{\"name\":null}", "name: expected a text, got null");
	refuses("{\"name\":7}", "name: expected a text, got 7");
	refuses("{\"title\":7}", "title: expected a text, got 7");
	refuses("{\"name\":\"12345678901\"}",
		"name: expected at most 10 bytes, got \"12345678901\"");
	refuses("{\"name\":\"n\",\"id\":\"abcde\"}", "id: expected at most 4 bytes, got \"abcde\"");
	refuses("{\"name\":\"n\",\"is_on\":1}", "is_on: expected true or false, got 1");
	refuses("{\"name\":\"n\",\"small\":\"a\"}",
		"small: expected a whole number 0..4294967295, got \"a\"");
	refuses("{\"name\":\"n\",\"small\":-1}",
		"small: expected a whole number 0..4294967295, got -1");
	refuses("{\"name\":\"n\",\"small\":1.5}",
		"small: expected a whole number 0..4294967295, got 1.5");
	refuses("{\"name\":\"n\",\"big\":9007199254740993}",
		"big: expected a whole number 0..9007199254740992, got 9007199254740993");
	refuses("{\"name\":\"n\",\"offset\":1e60}", "offset: expected a whole number, got 1e+60");
	refuses("{\"name\":\"n\",\"ratio\":\"1\"}", "ratio: expected a number, got \"1\"");
	refuses("{\"name\":\"n\",\"mode\":\"faster\"}",
		"mode: expected one of off, slow, fast, got \"faster\"");
	refuses("{\"name\":\"n\",\"mode\":3}", "mode: expected one of off, slow, fast, got 3");
	refuses("{\"name\":\"n\",\"words\":\"a\"}", "words: expected a list, got \"a\"");
	refuses("{\"name\":\"n\",\"words\":[\"a\",1]}", "words[1]: expected a text, got 1");
	refuses("{\"name\":\"n\",\"words\":[\"\",\"\",\"\",\"\"]}",
		"words: expected at most 3 elements, got 4");
	refuses("{\"name\":\"n\",\"part\":{\"label\":\"x\",\"level\":10}}",
		"part.level: expected a whole number 0..9, got 10");
	refuses("{\"name\":\"n\",\"parts\":[{\"label\":\"x\"},{\"level\":1}]}",
		"parts[1].label: required, but missing");
	refuses("{\"name\":\"n\",\"parts\":[1]}", "parts[0]: expected an object, got 1");
}

static void long_values_are_cut_in_messages(void **state)
{
	refuses("{\"name\":[\"0123456789012345678901234567890123456789\","
		"\"0123456789012345678901234567890123456789\"]}",
		"name: expected a text, got "
		"[\"0123456789012345678901234567890123456789\",\"012345678901234…");
}

static void unknown_fields_by_mode(void **state)
{
	const char *text = "{\"name\":\"n\",\"smal\":1,\"part\":{\"label\":\"x\",\"zzzzzzzz\":1}}";
	auto_strv struct strv warnings = { 0 };
	auto_(json_free) struct json *root = NULL;
	struct thing t = { 0 };
	struct err err = { 0 };

	refuses("{\"name\":\"n\",\"smal\":1}", "smal: unknown field, did you mean small");
	assert_int_equal(json_parse(text, strlen(text), &root, &err), 0);
	assert_int_equal(fields_parse_tolerant(&thing_table, root, &t, &warnings, &err), 0);
	assert_int_equal(warnings.n, 2);
	assert_string_equal(warnings.items[0], "part.zzzzzzzz: unknown field");
	assert_string_equal(warnings.items[1], "smal: unknown field, did you mean small");
	fields_fini(&thing_table, &t);
	assert_int_equal(fields_parse(&thing_table, root, &t, FIELD_UNKNOWN_IGNORE, &err), 0);
	fields_fini(&thing_table, &t);
}

struct loose {
	char *name;
	char *rest;
};

static const char *const reserved[] = { "id", NULL };

static const struct field loose_fields[] = {
	FIELD(struct loose, name, "name", F_STR, .synonyms = "title"),
	FIELD(struct loose, rest, "rest", F_RAW, .names = reserved, .max = 40,
	      .flags = F_REST | F_OMIT_EMPTY),
};
static FIELD_TABLE(loose_table, struct loose, "loose", loose_fields);

static int read_loose(const char *text, struct loose *ret, struct err *err)
{
	auto_(json_free) struct json *root = NULL;

	*ret = (struct loose){ 0 };
	assert_int_equal(json_parse(text, strlen(text), &root, err), 0);
	return fields_parse_tolerant(&loose_table, root, ret, NULL, err);
}

static char *members_of(const struct loose *loose)
{
	auto_json_out struct json_out out;
	struct err err;
	char *text = NULL;

	json_out_init(&out, 1000);
	json_out_object(&out, NULL);
	fields_emit_members(&loose_table, loose, &out);
	json_out_bool(&out, "end", true);
	json_out_object_end(&out);
	assert_int_equal(json_out_finish(&out, &text, &err), 0);
	return text;
}

static void the_rest_is_kept(void **state)
{
	struct loose loose = { 0 };
	struct loose again = { 0 };
	struct err err;

	assert_int_equal(read_loose("{\"a\":[1,{\"b\":null}],\"title\":\"n\",\"id\":7,"
				    "\"rest\":\"x\"}",
				    &loose, &err),
			 0);
	assert_string_equal(loose.name, "n");
	assert_string_equal(loose.rest, "{\"a\":[1,{\"b\":null}],\"rest\":\"x\"}");
	/* As members beside the others; a stored form has it as one. */
	auto_free char *members = members_of(&loose);
	assert_string_equal(members, "{\"name\":\"n\",\"a\":[1,{\"b\":null}],\"rest\":\"x\","
				     "\"end\":true}");
	auto_free char *text = fields_format(&loose_table, &loose);
	assert_int_equal(fields_parse_text(&loose_table, text, &again, FIELD_UNKNOWN_ERROR, &err),
			 0);
	assert_true(fields_equal(&loose_table, &loose, &again));
	fields_fini(&loose_table, &again);
	fields_fini(&loose_table, &loose);

	assert_int_equal(read_loose("{\"id\":7}", &loose, &err), 0);
	assert_null(loose.rest);
	auto_free char *none = members_of(&loose);
	assert_string_equal(none, "{\"name\":null,\"end\":true}");
	fields_fini(&loose_table, &loose);
	assert_int_equal(read_loose("{\"a\":\"01234567890123456789012345678901234567890\"}", &loose,
				    &err),
			 -EINVAL);
	assert_string_equal(err.msg, "at most 40 bytes of unknown fields are kept, got more");
}

static void copies_are_deep_and_equal(void **state)
{
	struct thing a = parse(FULL);
	struct thing b = { 0 };

	fields_copy(&thing_table, &a, &b);
	assert_true(fields_equal(&thing_table, &a, &b));
	assert_ptr_not_equal(a.parts, b.parts);
	b.parts[1].label[0] = 'x';
	assert_false(fields_equal(&thing_table, &a, &b));
	b.parts[1].label[0] = 'r';
	b.has_copies = false;
	assert_false(fields_equal(&thing_table, &a, &b));
	fields_fini(&thing_table, &a);
	fields_fini(&thing_table, &b);
}

static void describes_itself(void **state)
{
	auto_buf struct buf out;

	buf_init(&out, 1 << 16);
	fields_reference(&thing_table, &out);
	assert_non_null(
		strstr(out.data, "| `mode` | one of `off`, `slow`, `fast` |  | how it goes |"));
	assert_non_null(
		strstr(out.data, "| `name` | text, at most 10 bytes | yes |  (also read as "));
	assert_non_null(strstr(out.data, "## part\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes_every_type),
		cmocka_unit_test(absent_and_null_are_empty),
		cmocka_unit_test(synonyms_fill_in),
		cmocka_unit_test(errors_name_path_value_and_expectation),
		cmocka_unit_test(long_values_are_cut_in_messages),
		cmocka_unit_test(unknown_fields_by_mode),
		cmocka_unit_test(the_rest_is_kept),
		cmocka_unit_test(copies_are_deep_and_equal),
		cmocka_unit_test(describes_itself),
	};

	return cmocka_run_group_tests_name("json/fields", tests, NULL, NULL);
}
