/* Columns, widths, styles and hostile text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "cli/table.h"

static const char *const titles[] = { "NAME", "STATE", "REASON" };
static const bool is_optional[] = { false, false, true };

static char *printed(struct table *table)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	table_print(table, out);
	fclose(out);
	table_fini(table);
	return text;
}

static struct table make(bool is_colored)
{
	return (struct table){ .n_columns = 3,
			       .titles = titles,
			       .is_optional = is_optional,
			       .is_colored = is_colored };
}

static void columns_are_aligned(void **state)
{
	struct table t = make(false);

	table_cell(&t, "größer", STYLE_NONE);
	table_cell(&t, "RUNNING", STYLE_GOOD);
	table_cell(&t, "", STYLE_NONE);
	table_cell(&t, "数", STYLE_NONE);
	table_cell(&t, "", STYLE_NONE);
	table_cell(&t, "image not found", STYLE_NONE);
	auto_free char *text = printed(&t);
	assert_string_equal(text, "NAME    STATE    REASON\n"
				  "größer  RUNNING  -\n"
				  "数      -        image not found\n");
}

static void an_empty_optional_column_is_left_out(void **state)
{
	struct table t = make(true);

	table_cell(&t, "a", STYLE_NONE);
	table_cell(&t, "DEAD", STYLE_BAD);
	table_cell(&t, "", STYLE_NONE);
	auto_free char *text = printed(&t);
	assert_string_equal(text, "\033[1mNAME\033[0m  \033[1mSTATE\033[0m\n"
				  "a     \033[31mDEAD\033[0m\n");
}

static void added(const char *text, size_t width, const char *expected)
{
	auto_buf struct buf b;

	buf_init(&b, 1024);
	text_add(&b, text, width, STYLE_NONE);
	assert_string_equal(b.data, expected);
	assert_true(text_width(b.data) <= width);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	added("a\033[31mb\tc\x7f", SIZE_MAX, "a?[31mb?c?");
	added("\xc2\x9b"
	      "31m",
	      SIZE_MAX, "?31m");
	added("\xe2\x80\xae"
	      "evil",
	      SIZE_MAX, "?evil");
	added("\xff\xc3", SIZE_MAX, "??");
	added("\xf0\x9f", SIZE_MAX, "??");
}

static void text_is_cut_at_a_width(void **state)
{
	added("abcdef", 6, "abcdef");
	added("abcdef", 5, "abcd…");
	added("数数数", 4, "数…");
	added("abc", 0, "");
}

static void states_have_styles(void **state)
{
	assert_int_equal(style_of_state("RUNNING"), STYLE_GOOD);
	assert_int_equal(style_of_state("FAILED"), STYLE_BAD);
	assert_int_equal(style_of_state("nonsense"), STYLE_NONE);
	assert_int_equal(style_of_state(NULL), STYLE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(an_empty_optional_column_is_left_out),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(text_is_cut_at_a_width),
		cmocka_unit_test(states_have_styles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
