/* Text for people: styles and aligned columns. Text from elsewhere reaches the terminal without its
 * control characters. */
#ifndef HOLM_CLI_TABLE_H
#define HOLM_CLI_TABLE_H

#include "base/base.h"

enum style { STYLE_NONE, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_BUSY, STYLE_BAD, STYLE_N };

/* Of an instance's state or a service's, by its name at the border. */
enum style style_of_state(const char *state);

/* Columns on a terminal of UTF-8 text: one per character, none for combining ones, two for wide
 * ones. Control characters count as the '?' that replaces them. */
size_t text_width(const char *text);
/* Adds at most `width` columns of the text, with "…" if it was cut, in a style. */
void text_add(struct buf *out, const char *text, size_t width, enum style style);
/* "[####····] 45 %" */
void text_add_bar(struct buf *out, uint32_t percent);

struct table {
	size_t n_columns;
	const char *const *titles;
	const bool *is_optional; /* left out while all its cells are empty; NULL: none is */
	struct cell *cells;      /* row by row */
	size_t n_cells;
	bool is_colored;
};

/* Cells are given row by row, from left to right; "" prints as "-". */
void table_cell(struct table *table, const char *text, enum style style);
void table_print(const struct table *table, FILE *out);
void table_fini(struct table *table);

#endif
