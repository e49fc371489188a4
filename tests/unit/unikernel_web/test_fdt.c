/* Device trees, whole and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/arm64/fdt.h"

enum {
	HEADER = 40,
	STRUCTS_MAX = 512,
	NAMES_MAX = 128,
	BEGIN = 1,
	END = 2,
	PROPERTY = 3,
	NOP = 4,
	FINISH = 9,
};

/* A tree under construction; blob() joins the parts. */
struct tree {
	uint8_t structs[STRUCTS_MAX];
	uint32_t used;
	char names[NAMES_MAX];
	uint32_t names_used;
};

static void put32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put(struct tree *t, uint32_t token)
{
	put32(t->structs + t->used, token);
	t->used += 4;
}

static void put_bytes(struct tree *t, const void *data, uint32_t len)
{
	memcpy(t->structs + t->used, data, len);
	t->used = (t->used + len + 3) & ~3U;
}

static void begin(struct tree *t, const char *name)
{
	put(t, BEGIN);
	put_bytes(t, name, (uint32_t)strlen(name) + 1);
}

static void property(struct tree *t, const char *name, const void *data, uint32_t len)
{
	put(t, PROPERTY);
	put(t, len);
	put(t, t->names_used);
	put_bytes(t, data, len);
	memcpy(t->names + t->names_used, name, strlen(name) + 1);
	t->names_used += (uint32_t)strlen(name) + 1;
}

/* Exactly as large as the tree, so that a read past its end is seen; the caller's. */
static uint8_t *blob(const struct tree *t, uint32_t *ret_size)
{
	uint32_t size = HEADER + t->used + t->names_used;
	uint8_t *b = calloc(1, size);

	assert_non_null(b);
	put32(b, 0xD00DFEED);
	put32(b + 4, size);
	put32(b + 8, HEADER);
	put32(b + 12, HEADER + t->used);
	put32(b + 32, t->names_used);
	put32(b + 36, t->used);
	memcpy(b + HEADER, t->structs, t->used);
	memcpy(b + HEADER + t->used, t->names, t->names_used);
	*ret_size = size;
	return b;
}

static void build(struct tree *t)
{
	static const uint8_t reg[16] = { 0, 0, 0, 0x40, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 1 };

	begin(t, "");
	begin(t, "pcie@10000000");
	property(t, "compatible", "one\0two", sizeof("one\0two"));
	put(t, NOP);
	property(t, "reg", reg, sizeof(reg));
	put(t, END);
	begin(t, "chosen");
	property(t, "bootargs", "app x=1 --", sizeof("app x=1 --"));
	put(t, END);
	put(t, END);
	put(t, FINISH);
}

static void walks_and_finds(void **state)
{
	struct fdt_node node = { 0 };
	struct tree t = { 0 };
	struct fdt fdt;
	uint32_t size;

	build(&t);
	uint8_t *b = blob(&t, &size);
	assert_true(fdt_open(b, size, &fdt));
	assert_true(fdt_next(&fdt, &node));
	assert_string_equal(node.name, "");
	assert_int_equal(node.depth, 1);
	assert_null(fdt_get(&fdt, &node, "reg").data);
	assert_true(fdt_next(&fdt, &node));
	assert_string_equal(node.name, "pcie@10000000");
	assert_int_equal(node.depth, 2);
	struct fdt_value reg = fdt_get(&fdt, &node, "reg");
	assert_int_equal(fdt_number(reg, 0), 0x4010000000);
	assert_int_equal(fdt_cell(reg, 3), 0x10000001);
	assert_int_equal(fdt_cell(reg, 4), 0);
	assert_true(fdt_has_string(fdt_get(&fdt, &node, "compatible"), "two"));
	assert_false(fdt_has_string(fdt_get(&fdt, &node, "compatible"), "tw"));
	assert_null(fdt_get(&fdt, &node, "bootargs").data);
	assert_true(fdt_next(&fdt, &node));
	assert_string_equal(node.name, "chosen");
	assert_string_equal((const char *)fdt_get(&fdt, &node, "bootargs").data, "app x=1 --");
	assert_false(fdt_next(&fdt, &node));
	free(b);
}

static void refuses_what_is_no_tree(void **state)
{
	struct tree t = { 0 };
	struct fdt fdt;
	uint32_t size;

	build(&t);
	uint8_t *b = blob(&t, &size);
	assert_false(fdt_open(b, HEADER - 1, &fdt));
	assert_false(fdt_open(b, size - 1, &fdt));
	put32(b + 12, size);
	assert_false(fdt_open(b, size, &fdt));
	put32(b, 0);
	assert_false(fdt_open(b, size, &fdt));
	free(b);
}

static void walk(const uint8_t *b, uint32_t size)
{
	struct fdt_node node = { 0 };
	struct fdt fdt;

	if (!fdt_open(b, size, &fdt))
		return;
	while (fdt_next(&fdt, &node)) {
		fdt_has_string(fdt_get(&fdt, &node, "compatible"), "none");
		fdt_number(fdt_get(&fdt, &node, "reg"), 3);
	}
}

/* Whatever is changed: an end, and no read outside. */
static void survives_damage(void **state)
{
	static const uint8_t bad[] = { 0, 1, 2, 3, 0x7f, 0xff };
	struct tree t = { 0 };
	uint32_t size;

	build(&t);
	uint8_t *b = blob(&t, &size);
	for (uint32_t at = 0; at < size; at++) {
		uint8_t was = b[at];

		for (size_t i = 0; i < sizeof(bad); i++) {
			b[at] = bad[i];
			walk(b, size);
		}
		b[at] = was;
	}
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_and_finds),
		cmocka_unit_test(refuses_what_is_no_tree),
		cmocka_unit_test(survives_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
