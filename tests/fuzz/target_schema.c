/* JSON Schema: the first line of an input is a schema, each line after it a value. The verdict is one of
 * three, the same each time, and what logic says of the schema's negation and conjunction. */
#include "fuzz.h"
#include "json/schema.h"

enum verdict { FITS, FITS_NOT, TAKES_TOO_LONG };

static enum verdict verdict_of(const struct schema *schema, const struct json *value)
{
	struct err err = { 0 };
	int r = schema_check(schema, value, &err);

	if (r == 0)
		return FITS;
	assert(r == err.code && err.msg[0]);
	assert(r == -EINVAL || r == -E2BIG);
	return r == -EINVAL ? FITS_NOT : TAKES_TOO_LONG;
}

/* As a part of another schema; NULL if it cannot be one. */
static struct schema *inside(const char *before, const char *text, const char *after)
{
	auto_free char *whole = xasprintf("%s%s%s", before, text, after);
	struct schema *schema = NULL;
	struct err err = { 0 };

	/* What it refers to is elsewhere then. */
	if (strstr(text, "ref\"") || strstr(text, "\\u"))
		return NULL;
	if (schema_parse(whole, strlen(whole), &schema, &err) < 0)
		assert(err.code < 0 && err.msg[0]);
	return schema;
}

static void check_value(const char *text, const struct schema *schema, const struct json *value)
{
	enum verdict verdict = verdict_of(schema, value);
	auto_(schema_free) struct schema *not = inside("{\"not\":", text, "}");
	auto_(schema_free) struct schema *twice = inside("{\"not\":{\"not\":", text, "}}");
	auto_(schema_free) struct schema *all = inside("{\"allOf\":[true,", text, "]}");
	auto_(schema_free) struct schema *one = inside("{\"oneOf\":[false,", text, "]}");

	assert(verdict_of(schema, value) == verdict);
	if (verdict == TAKES_TOO_LONG)
		return;
	enum verdict other = not ? verdict_of(not, value) : TAKES_TOO_LONG;
	assert(other == TAKES_TOO_LONG || other != verdict);
	const struct schema *const same[] = { twice, all, one };
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		other = same[i] ? verdict_of(same[i], value) : TAKES_TOO_LONG;
		assert(other == TAKES_TOO_LONG || other == verdict);
	}
}

/* What is written of it is the same value. */
static void check_written(const struct schema *schema, const struct json *value)
{
	auto_free char *text = json_format(value);
	auto_(json_free) struct json *again = NULL;
	struct err err;
	int r = json_parse(text, strlen(text), &again, &err);

	assert(r == 0);
	assert(verdict_of(schema, again) == verdict_of(schema, value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input in = fuzz_input_of(data, len);
	const struct fuzz_input first = fuzz_line(&in);
	auto_free char *text = fuzz_text(&first);
	auto_(schema_free) struct schema *schema = NULL;
	struct err err = { 0 };

	if (schema_parse(text, strlen(text), &schema, &err) < 0) {
		assert((err.code == -EINVAL || err.code == -E2BIG) && err.msg[0]);
		return 0;
	}
	while (in.len) {
		const struct fuzz_input line = fuzz_line(&in);
		auto_(json_free) struct json *value = NULL;

		if (json_parse(line.data, line.len, &value, &err) < 0)
			continue;
		check_value(text, schema, value);
		check_written(schema, value);
	}
	return 0;
}
