/* Field tables, the writing half: a struct as JSON, and the table itself as a reference page. */
#include "base/base.h"
#include "json/internal.h"

typedef void (*emit_fn)(const struct field *field, const void *object, struct json_out *out);

static void emit_str(const struct field *field, const void *object, struct json_out *out)
{
	const char *text = *(char **)field_at(field, object);

	/* What was given was empty: null would be what was not. */
	json_out_str(out, NULL, !text && field->flags & F_GIVEN ? "" : text);
}

static void emit_chars(const struct field *field, const void *object, struct json_out *out)
{
	json_out_str(out, NULL, field_at(field, object));
}

static void emit_bool(const struct field *field, const void *object, struct json_out *out)
{
	json_out_bool(out, NULL, *(bool *)field_at(field, object));
}

static void emit_u32(const struct field *field, const void *object, struct json_out *out)
{
	json_out_int(out, NULL, *(uint32_t *)field_at(field, object));
}

static void emit_i64(const struct field *field, const void *object, struct json_out *out)
{
	json_out_int(out, NULL, *(int64_t *)field_at(field, object));
}

static void emit_double(const struct field *field, const void *object, struct json_out *out)
{
	json_out_double(out, NULL, *(double *)field_at(field, object));
}

static void emit_strv(const struct field *field, const void *object, struct json_out *out)
{
	const struct strv *v = field_at(field, object);

	json_out_array(out, NULL);
	for (size_t i = 0; i < v->n; i++)
		json_out_str(out, NULL, v->items[i]);
	json_out_array_end(out);
}

static void emit_enum(const struct field *field, const void *object, struct json_out *out)
{
	json_out_str(out, NULL, field->names[*(int *)field_at(field, object)]);
}

static void emit_object(const struct field *field, const void *object, struct json_out *out)
{
	fields_emit(field->table, field_at(field, object), out, NULL);
}

static void emit_array(const struct field *field, const void *object, struct json_out *out)
{
	json_out_array(out, NULL);
	for (size_t i = 0; i < *field_count(field, object); i++)
		fields_emit(field->table, field_element(field, object, i), out, NULL);
	json_out_array_end(out);
}

static void emit_raw(const struct field *field, const void *object, struct json_out *out)
{
	json_out_raw(out, NULL, *(char **)field_at(field, object));
}

static const emit_fn emitters[] = {
	[F_STR] = emit_str,       [F_CHARS] = emit_chars, [F_BOOL] = emit_bool,
	[F_U32] = emit_u32,       [F_U64] = emit_i64,     [F_I64] = emit_i64,
	[F_DOUBLE] = emit_double, [F_STRV] = emit_strv,   [F_ENUM] = emit_enum,
	[F_OBJECT] = emit_object, [F_ARRAY] = emit_array, [F_RAW] = emit_raw,
};
static_assert(ARRAY_LEN(emitters) == F_N, "an emitter for every type");

static bool is_emitted(const struct field *field, const void *object)
{
	if (field->flags & F_INPUT_ONLY)
		return false;
	if (field->flags & F_GIVEN && !*field_given(field, object))
		return false;
	return !(field->flags & F_OMIT_EMPTY) || !field_is_empty(field, object);
}

static void emit_field(const struct field *field, const void *object, struct json_out *out)
{
	if (!is_emitted(field, object))
		return;
	json_out_key(out, field);
	emitters[field->type](field, object, out);
}

void fields_emit_members(const struct field_table *table, const void *object, struct json_out *out)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct field *field = &table->fields[i];

		if (field->flags & F_REST)
			json_out_members(out, *(char **)field_at(field, object));
		else
			emit_field(field, object, out);
	}
}

void fields_emit(const struct field_table *table, const void *object, struct json_out *out,
		 const char *key)
{
	json_out_object(out, key);
	for (size_t i = 0; i < table->n; i++)
		emit_field(&table->fields[i], object, out);
	json_out_object_end(out);
}

char *fields_format(const struct field_table *table, const void *object)
{
	auto_json_out struct json_out out;

	json_out_init(&out, JSON_OUT_UNBOUNDED);
	fields_emit(table, object, &out, NULL);
	return buf_take(&out.text);
}

static const char *const type_names[] = {
	[F_STR] = "text",       [F_CHARS] = "text",      [F_BOOL] = "true or false",
	[F_U32] = "number",     [F_U64] = "number",      [F_I64] = "number",
	[F_DOUBLE] = "decimal", [F_STRV] = "[text]",     [F_ENUM] = "one of",
	[F_OBJECT] = "object",  [F_ARRAY] = "[objects]", [F_RAW] = "any JSON",
};
static_assert(ARRAY_LEN(type_names) == F_N, "a name for every type");

static void describe_limits(const struct field *field, struct buf *out)
{
	if (field->type == F_CHARS)
		buf_addf(out, ", at most %zu bytes", field->size - 1);
	if (field->max == 0)
		return;
	if (field->type == F_U32)
		buf_addf(out, " %u..%u", field->min, field->max);
	if (field->type == F_STR)
		buf_addf(out, ", at most %u bytes", field->max);
	if (field->type == F_ARRAY || field->type == F_STRV)
		buf_addf(out, ", at most %u", field->max);
}

static void describe_type(const struct field *field, struct buf *out)
{
	buf_add_str(out, type_names[field->type]);
	for (size_t i = 0; field->type == F_ENUM && field->names[i]; i++)
		buf_addf(out, "%s `%s`", i ? "," : "", field->names[i]);
	describe_limits(field, out);
	if (field->table)
		buf_addf(out, ": %s", field->table->name);
}

static void describe_field(const struct field *field, struct buf *out)
{
	buf_addf(out, "| `%s` | ", field->name);
	describe_type(field, out);
	buf_addf(out, " | %s | %s", field->flags & F_REQUIRED ? "yes" : "",
		 field->help ? field->help : "");
	if (field->synonyms)
		buf_addf(out, " (also read as `%s`)", field->synonyms);
	buf_add_str(out, " |\n");
}

/* By a field before it. */
static bool is_described(const struct field_table *table, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (table->fields[i].table == table->fields[index].table)
			return true;
	return false;
}

void fields_reference(const struct field_table *table, struct buf *out)
{
	buf_addf(out, "## %s\n\n| field | type | required | meaning |\n| --- | --- | --- | --- |\n",
		 table->name);
	for (size_t i = 0; i < table->n; i++)
		if (!(table->fields[i].flags & F_REST))
			describe_field(&table->fields[i], out);
	buf_add_str(out, "\n");
	for (size_t i = 0; i < table->n; i++)
		if (table->fields[i].table && !is_described(table, i))
			fields_reference(table->fields[i].table, out);
}
