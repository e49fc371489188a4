/* Field tables as schemas, of what is read and of what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "json/document_check.h"

struct part {
	char *label;
};

struct thing {
	char *name;
	char *title;
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
	char *secret;
	uint32_t copies;
	bool has_copies;
};

static const char *const modes[] = { "off", "slow", NULL };

static const struct field part_fields[] = {
	FIELD(struct part, label, "label", F_STR),
};
static FIELD_TABLE(part_table, struct part, "small part", part_fields);

static const struct field thing_fields[] = {
	FIELD(struct thing, name, "name", F_STR, .flags = F_REQUIRED, .max = 10,
	      .synonyms = "label", .help = "what it is"),
	FIELD(struct thing, title, "title", F_STR),
	FIELD(struct thing, id, "id", F_CHARS),
	FIELD(struct thing, is_on, "is_on", F_BOOL),
	FIELD(struct thing, small, "small", F_U32, .min = 1, .max = 9),
	FIELD(struct thing, big, "big", F_U64),
	FIELD(struct thing, offset, "offset", F_I64),
	FIELD(struct thing, ratio, "ratio", F_DOUBLE),
	FIELD(struct thing, words, "words", F_STRV, .max = 3, .flags = F_OMIT_EMPTY),
	FIELD(struct thing, mode, "mode", F_ENUM, .names = modes),
	FIELD(struct thing, part, "part", F_OBJECT, .table = &part_table, .help = "one"),
	FIELD_ARRAY(struct thing, parts, n_parts, "parts", &part_table, .max = 2),
	FIELD(struct thing, extra, "extra", F_RAW),
	FIELD(struct thing, secret, "secret", F_STR, .flags = F_INPUT_ONLY),
	FIELD(struct thing, copies, "copies", F_U32, .flags = F_GIVEN,
	      .given_offset = offsetof(struct thing, has_copies)),
};
static FIELD_TABLE(thing_table, struct thing, "thing", thing_fields);

static const char read_schema[] =
	"{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{"
	"\"name\":{\"type\":\"string\",\"maxLength\":10,\"description\":\"what it is; also read as: "
	"label\"},"
	"\"title\":{\"type\":\"string\"},"
	"\"id\":{\"type\":\"string\",\"maxLength\":4},"
	"\"is_on\":{\"type\":\"boolean\"},"
	"\"small\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9},"
	"\"big\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9007199254740992},"
	"\"offset\":{\"type\":\"integer\"},"
	"\"ratio\":{\"type\":\"number\"},"
	"\"words\":{\"type\":\"array\",\"maxItems\":3,\"items\":{\"type\":\"string\"}},"
	"\"mode\":{\"type\":\"string\",\"enum\":[\"off\",\"slow\"]},"
	"\"part\":{\"allOf\":[{\"$ref\":\"#/components/schemas/SmallPartInput\"}],"
	"\"description\":\"one\"},"
	"\"parts\":{\"type\":\"array\",\"maxItems\":2,\"items\":{"
	"\"$ref\":\"#/components/schemas/SmallPartInput\"}},"
	"\"extra\":{},"
	"\"secret\":{\"type\":\"string\"},"
	"\"copies\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967295}}}";

static const char written_schema[] =
	"{\"type\":\"object\",\"required\":[\"name\",\"title\",\"id\",\"is_on\",\"small\",\"big\","
	"\"offset\",\"ratio\",\"mode\",\"part\",\"parts\",\"extra\"],\"properties\":{"
	"\"name\":{\"type\":\"string\",\"description\":\"what it is; also read as: label\"},"
	"\"title\":{\"type\":\"string\",\"nullable\":true},"
	"\"id\":{\"type\":\"string\"},"
	"\"is_on\":{\"type\":\"boolean\"},"
	"\"small\":{\"type\":\"integer\"},"
	"\"big\":{\"type\":\"integer\"},"
	"\"offset\":{\"type\":\"integer\"},"
	"\"ratio\":{\"type\":\"number\"},"
	"\"words\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
	"\"mode\":{\"type\":\"string\",\"enum\":[\"off\",\"slow\"]},"
	"\"part\":{\"allOf\":[{\"$ref\":\"#/components/schemas/SmallPart\"}],"
	"\"description\":\"one\"},"
	"\"parts\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/SmallPart\"}},"
	"\"extra\":{},"
	"\"copies\":{\"type\":\"integer\"}}}";

static char *schema_text(const struct field_table *table, enum field_way way)
{
	struct json_out out;
	struct err err;
	char *text = NULL;

	json_out_init(&out, 1 << 16);
	fields_schema(table, way, &out, NULL);
	assert_int_equal(json_out_finish(&out, &text, &err), 0);
	json_out_fini(&out);
	return text;
}

static void each_type_has_a_schema(void **state)
{
	auto_free char *read = schema_text(&thing_table, FIELD_IN);
	auto_free char *written = schema_text(&thing_table, FIELD_OUT);

	assert_string_equal(read, read_schema);
	assert_string_equal(written, written_schema);
}

static const struct field loose_fields[] = {
	{ .name = "level", .type = F_I64 },
	{ .name = "rest", .type = F_RAW, .flags = F_REST },
};
static const struct field_table loose_table = { .name = "loose", .fields = loose_fields, .n = 2 };

static void the_rest_is_no_field(void **state)
{
	auto_free char *read = schema_text(&loose_table, FIELD_IN);

	assert_string_equal(read, "{\"type\":\"object\",\"properties\":{\"level\":{\"type\":"
				  "\"integer\"}},\"additionalProperties\":true}");
}

static void names_are_of_letters(void **state)
{
	auto_free char *written = fields_schema_name(&part_table, FIELD_OUT);
	auto_free char *read = fields_schema_name(&part_table, FIELD_IN);

	assert_string_equal(written, "SmallPart");
	assert_string_equal(read, "SmallPartInput");
}

static void members_of_another_table_are_in_it(void **state)
{
	static const struct field more_fields[] = {
		SHAPE("label", F_U32),
		SHAPE_MAY("more", F_STR),
	};
	static const struct field_table more = { .name = "more",
						 .fields = more_fields,
						 .n = 2,
						 .also = &thing_table };
	auto_free char *text = schema_text(&more, FIELD_OUT);
	auto_(json_free) struct json *schema = NULL;
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &schema, &err), 0);
	const struct json *properties = json_get(schema, "properties");
	assert_int_equal(json_count(properties), 2 + 14);
	assert_string_equal(json_get_str(json_get(properties, "label"), "type"), "integer");
	assert_false(json_bool(json_get(json_get(properties, "more"), "nullable"), false));
	assert_int_equal(json_count(json_get(schema, "required")), 1 + 12);
}

static void what_is_empty_requires_nothing(void **state)
{
	static const struct field_table nothing = { .name = "nothing" };
	auto_free char *text = schema_text(&nothing, FIELD_OUT);

	assert_string_equal(text, "{\"type\":\"object\",\"properties\":{}}");
}

/* What the table writes keeps to the schema that it has. */
static char *document(void)
{
	auto_free char *thing = schema_text(&thing_table, FIELD_OUT);
	auto_free char *part = schema_text(&part_table, FIELD_OUT);

	return xasprintf("{\"components\":{\"schemas\":{\"Thing\":%s,\"SmallPart\":%s}}}", thing,
			 part);
}

static int compare(const char *value_text, struct err *err)
{
	auto_free char *text = document();
	auto_(json_free) struct json *json = NULL;
	auto_(json_free) struct json *value = NULL;

	assert_int_equal(json_parse(text, strlen(text), &json, err), 0);
	assert_int_equal(json_parse(value_text, strlen(value_text), &value, err), 0);
	return document_check(json, document_find(json, "#/components/schemas/Thing"), value, err);
}

static void what_is_written_fits(void **state)
{
	struct part parts[] = { { NULL }, { (char *)(uintptr_t) "b" } };
	const struct thing thing = { .name = (char *)(uintptr_t) "n",
				     .parts = parts,
				     .n_parts = 2,
				     .copies = 3,
				     .has_copies = true };
	auto_free char *text = fields_format(&thing_table, &thing);
	struct err err;

	if (compare(text, &err) < 0)
		fail_msg("%s", err.msg);
}

static void what_does_not_fit_is_found(void **state)
{
#define MOST                                                                              \
	"\"name\":\"n\",\"title\":null,\"id\":\"\",\"is_on\":true,\"small\":1,\"big\":2," \
	"\"offset\":3,\"ratio\":0.5,\"part\":{\"label\":null},\"extra\":{\"any\":[1]},\"parts\":"
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "{" MOST "[],\"mode\":\"off\"}", NULL },
		{ "{" MOST "[]}", "$.mode is missing" },
		{ "{" MOST "[],\"mode\":\"fast\"}", "$.mode: not one of the names: \"fast\"" },
		{ "{" MOST "[],\"mode\":\"off\",\"new\":1}", "$.new is not in the schema" },
		{ "{" MOST "[{\"label\":1}],\"mode\":\"off\"}", "$.parts[0].label: string: 1" },
		{ "{" MOST "{},\"mode\":\"off\"}", "$.parts: array: {}" },
		{ "{" MOST "[],\"mode\":\"off\",\"copies\":0.5}", "$.copies: integer: 0.5" },
		{ "[]", "$: object: []" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };
		int r = compare(cases[i].text, &err);

		assert_int_equal(r, cases[i].message ? -EINVAL : 0);
		if (cases[i].message)
			assert_string_equal(err.msg, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_has_a_schema),
		cmocka_unit_test(the_rest_is_no_field),
		cmocka_unit_test(names_are_of_letters),
		cmocka_unit_test(members_of_another_table_are_in_it),
		cmocka_unit_test(what_is_empty_requires_nothing),
		cmocka_unit_test(what_is_written_fits),
		cmocka_unit_test(what_does_not_fit_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
