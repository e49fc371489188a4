/* Which tables a document refers to. */
#include "api/document/private.h"

static bool has(const struct schemas *schemas, const struct field_table *table, enum field_way way)
{
	for (size_t i = 0; i < schemas->n; i++)
		if (schemas->items[i].table == table && schemas->items[i].way == way)
			return true;
	return false;
}

static void add_inner(struct schemas *schemas, const struct field_table *table, enum field_way way)
{
	for (size_t i = 0; i < table->n; i++)
		schemas_add(schemas, table->fields[i].table, way);
	if (table->also)
		add_inner(schemas, table->also, way);
}

void schemas_add(struct schemas *schemas, const struct field_table *table, enum field_way way)
{
	if (!table || has(schemas, table, way))
		return;
	*ARRAY_ADD(schemas->items, schemas->n) = (struct schema){ table, way };
	add_inner(schemas, table, way);
}

void schemas_put(const struct schemas *schemas, struct json_out *out, const char *key)
{
	json_out_object(out, key);
	for (size_t i = 0; i < schemas->n; i++) {
		const struct schema *schema = &schemas->items[i];
		auto_free char *name = fields_schema_name(schema->table, schema->way);

		fields_schema(schema->table, schema->way, out, name);
	}
	json_out_object_end(out);
}

void schemas_fini(struct schemas *schemas)
{
	free(schemas->items);
	*schemas = (struct schemas){ 0 };
}
