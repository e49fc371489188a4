/* Pure: everything in the tree is checked against its size before it is read. */
#include <string.h>

#include "kernel/arm64/fdt.h"

enum {
	HEADER_SIZE = 40,
	HEADER_TOTAL = 4,
	HEADER_STRUCTS = 8,
	HEADER_STRINGS = 12,
	HEADER_STRINGS_SIZE = 32,
	HEADER_STRUCTS_SIZE = 36,
	TOKEN_BEGIN = 1,
	TOKEN_END = 2,
	TOKEN_PROPERTY = 3,
	TOKEN_NOP = 4,
	CELL = 4,
};

#define FDT_MAGIC 0xD00DFEEDU

struct property {
	const char *name;
	struct fdt_value value;
};

static uint32_t read32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_within(uint32_t at, uint32_t length, uint32_t size)
{
	return at <= size && length <= size - at;
}

bool fdt_open(const void *blob, uint32_t size, struct fdt *ret)
{
	const uint8_t *b = blob;
	uint32_t total, structs, strings;

	if (size < HEADER_SIZE || read32(b) != FDT_MAGIC)
		return false;
	total = read32(b + HEADER_TOTAL);
	structs = read32(b + HEADER_STRUCTS);
	strings = read32(b + HEADER_STRINGS);
	*ret = (struct fdt){
		.structs = b + structs,
		.structs_size = read32(b + HEADER_STRUCTS_SIZE),
		.strings = b + strings,
		.strings_size = read32(b + HEADER_STRINGS_SIZE),
	};
	return total <= size && is_within(structs, ret->structs_size, total) &&
	       is_within(strings, ret->strings_size, total);
}

/* The string at `at`, or NULL when it does not end within `size`. */
static const char *string_at(const uint8_t *data, uint32_t at, uint32_t size)
{
	for (uint32_t end = at; end < size; end++) {
		if (!data[end])
			return (const char *)data + at;
	}
	return NULL;
}

static uint32_t take_token(const struct fdt *fdt, uint32_t *at)
{
	uint32_t token = 0;

	if (is_within(*at, CELL, fdt->structs_size)) {
		token = read32(fdt->structs + *at);
		*at += CELL;
	}
	return token;
}

static uint32_t aligned(uint32_t at)
{
	return (at + CELL - 1) & ~(uint32_t)(CELL - 1);
}

/* What follows the token of a property. */
static bool take_property(const struct fdt *fdt, uint32_t *at, struct property *ret)
{
	uint32_t length;

	if (!is_within(*at, 2 * CELL, fdt->structs_size))
		return false;
	length = read32(fdt->structs + *at);
	ret->name = string_at(fdt->strings, read32(fdt->structs + *at + CELL), fdt->strings_size);
	*at += 2 * CELL;
	if (!ret->name || !is_within(*at, length, fdt->structs_size))
		return false;
	ret->value = (struct fdt_value){ fdt->structs + *at, length };
	*at = aligned(*at + length);
	return true;
}

bool fdt_next(const struct fdt *fdt, struct fdt_node *node)
{
	uint32_t at = node->at;

	for (;;) {
		struct property ignored;

		switch (take_token(fdt, &at)) {
		case TOKEN_BEGIN:
			node->name = string_at(fdt->structs, at, fdt->structs_size);
			if (!node->name)
				return false;
			node->at = aligned(at + (uint32_t)strlen(node->name) + 1);
			node->depth++;
			return true;
		case TOKEN_END:
			if (!node->depth--)
				return false;
			break;
		case TOKEN_PROPERTY:
			if (!take_property(fdt, &at, &ignored))
				return false;
			break;
		case TOKEN_NOP:
			break;
		default:
			return false;
		}
	}
}

struct fdt_value fdt_get(const struct fdt *fdt, const struct fdt_node *node, const char *name)
{
	uint32_t at = node->at;

	for (;;) {
		uint32_t token = take_token(fdt, &at);
		struct property property;

		if (token == TOKEN_NOP)
			continue;
		if (token != TOKEN_PROPERTY || !take_property(fdt, &at, &property))
			return (struct fdt_value){ NULL, 0 };
		if (!strcmp(property.name, name))
			return property.value;
	}
}

uint32_t fdt_cell(struct fdt_value value, uint32_t index)
{
	return index < value.length / CELL ? read32(value.data + (size_t)index * CELL) : 0;
}

uint64_t fdt_number(struct fdt_value value, uint32_t index)
{
	return (uint64_t)fdt_cell(value, index) << 32 | fdt_cell(value, index + 1);
}

bool fdt_has_string(struct fdt_value value, const char *text)
{
	uint32_t at = 0;

	while (at < value.length) {
		const char *s = string_at(value.data, at, value.length);

		if (!s)
			return false;
		if (!strcmp(s, text))
			return true;
		at += (uint32_t)strlen(s) + 1;
	}
	return false;
}
