/* Reading a flattened device tree (Devicetree Specification 0.4, chapter 5). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fdt {
	const uint8_t *structs;
	uint32_t structs_size;
	const uint8_t *strings;
	uint32_t strings_size;
};

struct fdt_node {
	const char *name; /* "memory@40000000" */
	unsigned depth;   /* of the root 1 */
	uint32_t at;      /* of its properties */
};

/* The value of a property; data is NULL when there is none. */
struct fdt_value {
	const uint8_t *data;
	uint32_t length;
};

/* Whether `blob` starts with the header of a tree; at most `size` bytes are read. */
bool fdt_open(const void *blob, uint32_t size, struct fdt *ret);

/* On to the next node in the order of the tree, from one that is all zeros at first.
 * False at the end, or where the tree is damaged. */
bool fdt_next(const struct fdt *fdt, struct fdt_node *node);

struct fdt_value fdt_get(const struct fdt *fdt, const struct fdt_node *node, const char *name);

/* Cell `index` of the value, 0 when it has none. */
uint32_t fdt_cell(struct fdt_value value, uint32_t index);

/* Two cells from `index` on as one number. */
uint64_t fdt_number(struct fdt_value value, uint32_t index);

/* Whether one of the strings in the value is `text`. */
bool fdt_has_string(struct fdt_value value, const char *text);
