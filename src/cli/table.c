/* Styles, widths and aligned columns. */
#include <wchar.h>

#include "cli/table.h"
#include "model/state.h"

#define GAP       2
#define TEXT_MAX  ((size_t)64 << 20)
#define BAR_CELLS 20

struct cell {
	char *text;
	enum style style;
};

static const char *const style_codes[] = {
	[STYLE_NONE] = "",         [STYLE_BOLD] = "\033[1m",  [STYLE_DIM] = "\033[2m",
	[STYLE_GOOD] = "\033[32m", [STYLE_BUSY] = "\033[33m", [STYLE_BAD] = "\033[31m",
};
static_assert(ARRAY_LEN(style_codes) == STYLE_N, "a code per style");

static const enum style state_styles[] = {
	[STATE_REQUESTED] = STYLE_BUSY,      [STATE_NO_WORKER_CAPACITY] = STYLE_BAD,
	[STATE_NODE_SCHEDULED] = STYLE_BUSY, [STATE_CREATING] = STYLE_BUSY,
	[STATE_CREATED] = STYLE_BUSY,        [STATE_RUNNING] = STYLE_GOOD,
	[STATE_FAILED] = STYLE_BAD,          [STATE_DEAD] = STYLE_BAD,
	[STATE_COMPLETED] = STYLE_GOOD,      [STATE_UNDEPLOYED] = STYLE_DIM,
};
static_assert(ARRAY_LEN(state_styles) == STATE_N, "a style per state");

enum style style_of_state(const char *name)
{
	enum instance_state state;

	return name && state_parse(name, &state) == 0 ? state_styles[state] : STYLE_NONE;
}

/* One character: its bytes, code point and columns. */
struct glyph {
	size_t len;
	unsigned width;
	bool is_printable;
};

static size_t utf8_decode(const unsigned char *s, uint32_t *ret)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t code = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));

	if (s[0] >= 0xf5 || (s[0] >= 0x80 && s[0] < 0xc2))
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3fu);
	}
	*ret = code;
	return len;
}

static bool is_in(uint32_t code, uint32_t first, uint32_t last)
{
	return code >= first && code <= last;
}

static unsigned width_of(uint32_t code)
{
	if (is_in(code, 0x300, 0x36f) || is_in(code, 0x200b, 0x200f) || is_in(code, 0xfe00, 0xfe0f))
		return 0;
	if (is_in(code, 0x1100, 0x115f) || is_in(code, 0x2e80, 0xa4cf) ||
	    is_in(code, 0xac00, 0xd7a3) || is_in(code, 0xf900, 0xfaff) ||
	    is_in(code, 0xff00, 0xff60) || is_in(code, 0x1f300, 0x1faff) ||
	    is_in(code, 0x20000, 0x3fffd))
		return 2;
	return 1;
}

/* Direction overrides may make one text look like another. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || is_in(code, 0x7f, 0x9f) || is_in(code, 0x202a, 0x202e) ||
	       is_in(code, 0x2066, 0x2069);
}

static struct glyph glyph_at(const char *s)
{
	uint32_t code;
	size_t len = utf8_decode((const unsigned char *)s, &code);

	if (!len)
		return (struct glyph){ .len = 1, .width = 1 };
	if (is_control(code))
		return (struct glyph){ .len = len, .width = 1 };
	return (struct glyph){ .len = len, .width = width_of(code), .is_printable = true };
}

size_t text_width(const char *text)
{
	size_t width = 0;

	while (*text) {
		struct glyph g = glyph_at(text);

		width += g.width;
		text += g.len;
	}
	return width;
}

void text_add(struct buf *out, const char *text, size_t width, enum style style)
{
	bool is_cut = text_width(text) > width;
	size_t room = is_cut && width ? width - 1 : width;

	if (!*text)
		return;
	buf_add_str(out, style_codes[style]);
	while (*text) {
		struct glyph g = glyph_at(text);

		if (g.width > room)
			break;
		room -= g.width;
		buf_add(out, g.is_printable ? text : "?", g.is_printable ? g.len : 1);
		text += g.len;
	}
	if (is_cut && width)
		buf_add_str(out, "…");
	if (style != STYLE_NONE)
		buf_add_str(out, "\033[0m");
}

void text_add_bar(struct buf *out, uint32_t percent)
{
	uint32_t full = (percent > 100 ? 100 : percent) * BAR_CELLS / 100;

	buf_add_str(out, "[");
	for (uint32_t i = 0; i < BAR_CELLS; i++)
		buf_add_str(out, i < full ? "#" : "·");
	buf_addf(out, "] %u %%", percent);
}

void table_cell(struct table *table, const char *text, enum style style)
{
	*ARRAY_ADD(table->cells, table->n_cells) = (struct cell){ xstrdup(text), style };
}

void table_fini(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	table->cells = NULL;
	table->n_cells = 0;
}

static const char *shown(const struct cell *cell)
{
	return str_is_empty(cell->text) ? "-" : cell->text;
}

/* Columns of the widest cell, 0: the column is left out. */
static size_t column_width(const struct table *table, size_t column)
{
	size_t width = text_width(table->titles[column]);
	bool is_empty = true;

	for (size_t i = column; i < table->n_cells; i += table->n_columns) {
		size_t w = text_width(shown(&table->cells[i]));

		is_empty = is_empty && str_is_empty(table->cells[i].text);
		width = w > width ? w : width;
	}
	return is_empty && table->is_optional && table->is_optional[column] ? 0 : width;
}

struct line {
	struct buf text;
	size_t pending; /* blanks owed before the next cell: none end a line */
};

static void add_cell(struct line *line, const char *text, size_t width, enum style style)
{
	if (!width)
		return;
	for (; line->pending; line->pending--)
		buf_add_str(&line->text, " ");
	text_add(&line->text, text, SIZE_MAX, style);
	line->pending = width - text_width(text) + GAP;
}

static void print_line(struct line *line, FILE *out)
{
	fprintf(out, "%s\n", line->text.data);
	buf_reset(&line->text);
	line->pending = 0;
}

void table_print(const struct table *table, FILE *out)
{
	size_t *widths = xcalloc(table->n_columns, sizeof(*widths));
	struct line line = { 0 };

	buf_init(&line.text, TEXT_MAX);
	for (size_t c = 0; c < table->n_columns; c++) {
		widths[c] = column_width(table, c);
		add_cell(&line, table->titles[c], widths[c],
			 table->is_colored ? STYLE_BOLD : STYLE_NONE);
	}
	print_line(&line, out);
	for (size_t i = 0; i < table->n_cells; i++) {
		const struct cell *cell = &table->cells[i];
		size_t c = i % table->n_columns;

		add_cell(&line, shown(cell), widths[c],
			 table->is_colored ? cell->style : STYLE_NONE);
		if (c + 1 == table->n_columns)
			print_line(&line, out);
	}
	buf_fini(&line.text);
	free(widths);
}
