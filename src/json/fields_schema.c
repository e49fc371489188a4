/* Field tables as schemas of OpenAPI 3.0. */
#include <ctype.h>

#include "base/base.h"
#include "json/internal.h"

#define NAME_MAX_LEN 128
#define EXACT_MAX    ((int64_t)1 << 53) /* of a number in JSON */

static const char *const types[] = {
	[F_STR] = "string",  [F_CHARS] = "string",  [F_BOOL] = "boolean",  [F_U32] = "integer",
	[F_U64] = "integer", [F_I64] = "integer",   [F_DOUBLE] = "number", [F_STRV] = "array",
	[F_ENUM] = "string", [F_OBJECT] = "object", [F_ARRAY] = "array",   [F_RAW] = NULL,
};
static_assert(ARRAY_LEN(types) == F_N, "a type for every type");

char *fields_schema_name(const struct field_table *table, enum field_way way)
{
	auto_buf struct buf out;
	bool is_start = true;

	buf_init(&out, NAME_MAX_LEN);
	for (const char *p = table->name; *p; p++) {
		if (isalnum((unsigned char)*p))
			buf_addf(&out, "%c", is_start ? toupper((unsigned char)*p) : *p);
		is_start = !isalnum((unsigned char)*p);
	}
	if (way == FIELD_IN)
		buf_add_str(&out, "Input");
	return buf_take(&out);
}

static void put_ref(const struct field_table *table, enum field_way way, struct json_out *out)
{
	auto_free char *name = fields_schema_name(table, way);
	auto_free char *ref = xasprintf(FIELD_SCHEMA_PLACE "%s", name);

	json_out_str(out, "$ref", ref);
}

void fields_schema_ref(const struct field_table *table, enum field_way way, struct json_out *out,
		       const char *key)
{
	json_out_object(out, key);
	put_ref(table, way, out);
	json_out_object_end(out);
}

static void put_number_limits(const struct field *field, struct json_out *out)
{
	if (field->type == F_U32) {
		json_out_int(out, "minimum", field->min);
		json_out_int(out, "maximum", field->max ? field->max : UINT32_MAX);
	}
	if (field->type == F_U64) {
		json_out_int(out, "minimum", 0);
		json_out_int(out, "maximum", EXACT_MAX);
	}
}

/* What is refused when it is read. */
static void put_limits(const struct field *field, struct json_out *out)
{
	put_number_limits(field, out);
	if (field->type == F_CHARS && field->size)
		json_out_int(out, "maxLength", (int64_t)field->size - 1);
	if (field->type == F_STR && field->max)
		json_out_int(out, "maxLength", field->max);
	if ((field->type == F_STRV || field->type == F_ARRAY) && field->max)
		json_out_int(out, "maxItems", field->max);
}

static void put_items(const struct field *field, enum field_way way, struct json_out *out)
{
	if (field->type == F_ARRAY)
		fields_schema_ref(field->table, way, out, "items");
	if (field->type != F_STRV)
		return;
	json_out_object(out, "items");
	json_out_str(out, "type", "string");
	json_out_object_end(out);
}

static void put_help(const struct field *field, struct json_out *out)
{
	auto_free char *also = NULL;

	if (field->synonyms)
		also = xasprintf("%s%salso read as: %s", field->help ? field->help : "",
				 field->help ? "; " : "", field->synonyms);
	if (also || field->help)
		json_out_str(out, "description", also ? also : field->help);
}

static void put_names(const struct field *field, struct json_out *out)
{
	if (field->type != F_ENUM)
		return;
	json_out_array(out, "enum");
	for (int i = 0; field->names[i]; i++)
		json_out_str(out, NULL, field->names[i]);
	json_out_array_end(out);
}

/* What stands beside a reference is not read in this version of OpenAPI. */
static void put_object(const struct field *field, enum field_way way, struct json_out *out)
{
	if (!field->help) {
		put_ref(field->table, way, out);
		return;
	}
	json_out_array(out, "allOf");
	fields_schema_ref(field->table, way, out, NULL);
	json_out_array_end(out);
	put_help(field, out);
}

/* A text that was never set is written as null. */
static bool may_be_null(const struct field *field, enum field_way way)
{
	return way == FIELD_OUT && field->type == F_STR &&
	       !(field->flags & (F_REQUIRED | F_OMIT_EMPTY));
}

void field_schema(const struct field *field, enum field_way way, struct json_out *out,
		  const char *key)
{
	json_out_object(out, key);
	if (field->type == F_OBJECT) {
		put_object(field, way, out);
	} else {
		if (types[field->type])
			json_out_str(out, "type", types[field->type]);
		if (may_be_null(field, way))
			json_out_bool(out, "nullable", true);
		if (way == FIELD_IN)
			put_limits(field, out);
		put_names(field, out);
		put_items(field, way, out);
		put_help(field, out);
	}
	json_out_object_end(out);
}

static bool is_shown(const struct field *field, enum field_way way)
{
	return !(field->flags & F_REST) && (way == FIELD_IN || !(field->flags & F_INPUT_ONLY));
}

static bool is_always_there(const struct field *field, enum field_way way)
{
	if (way == FIELD_IN)
		return field->flags & F_REQUIRED;
	return is_shown(field, way) && !(field->flags & (F_OMIT_EMPTY | F_GIVEN));
}

static bool has_field(const struct field_table *table, const char *name)
{
	for (size_t i = 0; table && i < table->n; i++)
		if (str_eq(table->fields[i].name, name))
			return true;
	return false;
}

/* Calls `fn` for the fields of both tables; one that both have is the first one's. */
static void each_shown(const struct field_table *table, enum field_way way, struct json_out *out,
		       void (*fn)(const struct field *field, enum field_way way,
				  struct json_out *out))
{
	const struct field_table *also = table->also;

	for (size_t i = 0; i < table->n; i++)
		if (is_shown(&table->fields[i], way))
			fn(&table->fields[i], way, out);
	for (size_t i = 0; also && i < also->n; i++)
		if (is_shown(&also->fields[i], way) && !has_field(table, also->fields[i].name))
			fn(&also->fields[i], way, out);
}

static void put_property(const struct field *field, enum field_way way, struct json_out *out)
{
	field_schema(field, way, out, field->name);
}

static void put_required(const struct field *field, enum field_way way, struct json_out *out)
{
	if (is_always_there(field, way))
		json_out_str(out, NULL, field->name);
}

static bool has_required(const struct field_table *table, enum field_way way)
{
	for (size_t i = 0; i < table->n; i++)
		if (is_always_there(&table->fields[i], way))
			return true;
	return table->also && has_required(table->also, way);
}

static bool has_rest(const struct field_table *table)
{
	for (size_t i = 0; table && i < table->n; i++)
		if (table->fields[i].flags & F_REST)
			return true;
	return table && table->also && has_rest(table->also);
}

void fields_schema(const struct field_table *table, enum field_way way, struct json_out *out,
		   const char *key)
{
	json_out_object(out, key);
	json_out_str(out, "type", "object");
	if (has_required(table, way)) {
		json_out_array(out, "required");
		each_shown(table, way, out, put_required);
		json_out_array_end(out);
	}
	json_out_object(out, "properties");
	each_shown(table, way, out, put_property);
	json_out_object_end(out);
	if (table->is_open || has_rest(table))
		json_out_bool(out, "additionalProperties", true);
	json_out_object_end(out);
}
