/* Field tables over structs in memory: release, copy, compare. */
#include "base/base.h"
#include "json/internal.h"

static size_t flat_size(enum field_type type)
{
	static const size_t sizes[F_N] = {
		[F_BOOL] = sizeof(bool),   [F_U32] = sizeof(uint32_t),  [F_U64] = sizeof(uint64_t),
		[F_I64] = sizeof(int64_t), [F_DOUBLE] = sizeof(double), [F_ENUM] = sizeof(int),
	};

	return sizes[type];
}

static void array_fini(const struct field *field, void *object)
{
	for (size_t i = 0; i < *field_count(field, object); i++)
		fields_fini(field->table, field_element(field, object, i));
	free(*(void **)field_at(field, object));
}

static void field_fini(const struct field *field, void *object)
{
	switch (field->type) {
	case F_STR:
	case F_RAW:
		free(*(char **)field_at(field, object));
		break;
	case F_STRV:
		strv_fini(field_at(field, object));
		break;
	case F_OBJECT:
		fields_fini(field->table, field_at(field, object));
		break;
	case F_ARRAY:
		array_fini(field, object);
		break;
	case F_CHARS:
	case F_BOOL:
	case F_U32:
	case F_U64:
	case F_I64:
	case F_DOUBLE:
	case F_ENUM:
	case F_N:
		break;
	}
}

void fields_fini(const struct field_table *table, void *object)
{
	for (size_t i = 0; i < table->n; i++)
		field_fini(&table->fields[i], object);
	memset(object, 0, table->size);
}

static void array_copy(const struct field *field, const void *from, void *ret)
{
	size_t n = *field_count(field, from);

	if (n == 0)
		return;
	*(void **)field_at(field, ret) = xcalloc(n, field->size);
	*field_count(field, ret) = n;
	for (size_t i = 0; i < n; i++)
		fields_copy(field->table, field_element(field, from, i),
			    field_element(field, ret, i));
}

static void field_copy(const struct field *field, const void *from, void *ret)
{
	if (field->flags & F_GIVEN)
		*field_given(field, ret) = *field_given(field, from);
	switch (field->type) {
	case F_STR:
	case F_RAW:
		*(char **)field_at(field, ret) = xstrdup(*(char **)field_at(field, from));
		break;
	case F_STRV:
		strv_copy(field_at(field, ret), field_at(field, from));
		break;
	case F_OBJECT:
		fields_copy(field->table, field_at(field, from), field_at(field, ret));
		break;
	case F_ARRAY:
		array_copy(field, from, ret);
		break;
	case F_CHARS:
		memcpy(field_at(field, ret), field_at(field, from), field->size);
		break;
	case F_BOOL:
	case F_U32:
	case F_U64:
	case F_I64:
	case F_DOUBLE:
	case F_ENUM:
	case F_N:
		memcpy(field_at(field, ret), field_at(field, from), flat_size(field->type));
		break;
	}
}

void fields_copy(const struct field_table *table, const void *from, void *ret)
{
	for (size_t i = 0; i < table->n; i++)
		field_copy(&table->fields[i], from, ret);
}

static bool array_equal(const struct field *field, const void *a, const void *b)
{
	size_t n = *field_count(field, a);

	if (n != *field_count(field, b))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!fields_equal(field->table, field_element(field, a, i),
				  field_element(field, b, i)))
			return false;
	return true;
}

bool field_equal(const struct field *field, const void *a, const void *b)
{
	if (field->flags & F_GIVEN && *field_given(field, a) != *field_given(field, b))
		return false;
	switch (field->type) {
	case F_STR:
	case F_RAW:
		return str_eq(*(char **)field_at(field, a), *(char **)field_at(field, b));
	case F_CHARS:
		return str_eq(field_at(field, a), field_at(field, b));
	case F_STRV:
		return strv_eq(field_at(field, a), field_at(field, b));
	case F_OBJECT:
		return fields_equal(field->table, field_at(field, a), field_at(field, b));
	case F_ARRAY:
		return array_equal(field, a, b);
	case F_BOOL:
	case F_U32:
	case F_U64:
	case F_I64:
	case F_DOUBLE:
	case F_ENUM:
	case F_N:
		return memcmp(field_at(field, a), field_at(field, b), flat_size(field->type)) == 0;
	}
	return false;
}

bool fields_equal(const struct field_table *table, const void *a, const void *b)
{
	for (size_t i = 0; i < table->n; i++)
		if (!field_equal(&table->fields[i], a, b))
			return false;
	return true;
}

static bool is_zero(const void *data, size_t len)
{
	static const char zeros[sizeof(uint64_t)];

	return memcmp(data, zeros, len) == 0;
}

static bool table_is_empty(const struct field_table *table, const void *object)
{
	for (size_t i = 0; i < table->n; i++)
		if (!field_is_empty(&table->fields[i], object))
			return false;
	return true;
}

bool field_is_empty(const struct field *field, const void *object)
{
	switch (field->type) {
	case F_STR:
	case F_RAW:
		return str_is_empty(*(char **)field_at(field, object));
	case F_CHARS:
		return str_is_empty(field_at(field, object));
	case F_STRV:
		return ((struct strv *)field_at(field, object))->n == 0;
	case F_ARRAY:
		return *field_count(field, object) == 0;
	case F_OBJECT:
		return table_is_empty(field->table, field_at(field, object));
	case F_BOOL:
	case F_U32:
	case F_U64:
	case F_I64:
	case F_DOUBLE:
	case F_ENUM:
	case F_N:
		return is_zero(field_at(field, object), flat_size(field->type));
	}
	return true;
}
