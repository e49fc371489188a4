/* JSON text: what parses is written as text that parses to the same; and the tables of structs, each of
 * which reads back what it wrote. The first byte chooses the table. */
#include "fuzz.h"
#include "json/json.h"
#include "model/account.h"
#include "model/image_view.h"
#include "model/message.h"
#include "model/object.h"
#include "model/session.h"
#include "model/sla.h"
#include "model/stats_view.h"
#include "model/view.h"
#include "model/volume_view.h"

static const struct field_table *const tables[] = {
	&sla_table,
	&service_spec_table,
	&app_table,
	&service_table,
	&instance_table,
	&node_table,
	&value_table,
	&instance_status_table,
	&instance_stats_table,
	&user_table,
	&organization_table,
	&machine_token_table,
	&msg_accept_table,
	&msg_deploy_table,
	&msg_delete_table,
	&exec_request_table,
	&attach_request_table,
	&copy_request_table,
	&volume_create_request_table,
	&image_pull_request_table,
	&stats_view_table,
	&instance_view_table,
};

/* The library takes what JSON calls a number further than a reader of ours would. */
static void check_text(const struct json *json)
{
	auto_free char *text = json_format(json);
	auto_(json_free) struct json *again = NULL;
	struct err err;

	if (json_parse(text, strlen(text), &again, &err) < 0) {
		fprintf(stderr, "%s: %s\n", text, err.msg);
		abort();
	}
	auto_free char *same = json_format(again);
	assert(strcmp(text, same) == 0);
}

static void check_copy(const struct field_table *table, const void *object)
{
	void *copy = xcalloc(1, table->size);

	fields_copy(table, object, copy);
	assert(fields_equal(table, object, copy));
	fields_fini(table, copy);
	free(copy);
}

/* What the struct was written as is read strictly, and written the same again. */
static void check_struct(const struct field_table *table, const void *object)
{
	auto_free char *text = fields_format(table, object);
	void *again = xcalloc(1, table->size);
	struct err err;

	if (fields_parse_text(table, text, again, FIELD_UNKNOWN_ERROR, &err) < 0) {
		fprintf(stderr, "%s: %s\n", text, err.msg);
		abort();
	}
	auto_free char *same = fields_format(table, again);
	assert(strcmp(text, same) == 0);
	fields_fini(table, again);
	free(again);
}

static void read_struct(const struct field_table *table, const struct json *json)
{
	auto_strv struct strv warnings = { 0 };
	void *object = xcalloc(1, table->size);
	struct err err = { 0 };

	if (fields_parse_tolerant(table, json, object, &warnings, &err) == 0) {
		check_copy(table, object);
		check_struct(table, object);
	} else {
		assert(err.code < 0 && err.msg[0]);
	}
	fields_fini(table, object);
	free(object);
}

/* Everything that tolerance takes without a warning is JSON. */
static void check_tolerance(const char *text, size_t len, const struct json *strict)
{
	auto_(json_free) struct json *json = NULL;
	auto_strv struct strv warnings = { 0 };
	struct err err;
	int r = json_parse_tolerant(text, len, &json, &warnings, &err);

	if (strict || (r == 0 && !warnings.n)) {
		assert(r == 0 && strict && !warnings.n);
		auto_free char *a = json_format(json);
		auto_free char *b = json_format(strict);
		assert(strcmp(a, b) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input in = fuzz_input_of(data, len);
	const struct field_table *table = tables[fuzz_byte(&in) % ARRAY_LEN(tables)];
	auto_(json_free) struct json *json = NULL;
	struct err err = { 0 };

	if (json_parse(in.data, in.len, &json, &err) == 0) {
		check_text(json);
		read_struct(table, json);
	} else {
		assert(err.code < 0 && err.msg[0]);
	}
	check_tolerance(in.data, in.len, json);
	return 0;
}
