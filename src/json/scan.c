/* A pass over the text before the parser sees it: nesting depth and trailing commas.
 *
 * Published descriptors have commas before } and ], which JSON does not allow. They are replaced by
 * blanks, so that every later message still names the right line and column. */
#include "base/base.h"
#include "json/internal.h"

struct scan {
	char *text;
	size_t len;
	struct strv *warnings; /* NULL: commas stay */
	size_t line;
	size_t line_start; /* offset of the line's first byte */
	unsigned depth;
	size_t comma;      /* offset of the last significant byte, if that is a comma */
	size_t comma_line; /* its line */
	char last;         /* last significant byte */
	bool is_trailing;  /* a value stands before that comma */
};

/* Offset of the closing quote, or len. */
static size_t string_end(const struct scan *s, size_t i)
{
	for (i++; i < s->len && s->text[i] != '"'; i++)
		if (s->text[i] == '\\')
			i++;
	return i;
}

static void close_bracket(struct scan *s)
{
	if (s->depth > 0)
		s->depth--;
	if (s->last != ',' || !s->is_trailing || !s->warnings)
		return;
	s->text[s->comma] = ' ';
	if (s->warnings->n < WARNINGS_MAX)
		strv_addf(s->warnings, "line %zu: trailing comma", s->comma_line);
}

static int open_bracket(struct scan *s, size_t i, struct err *err)
{
	if (++s->depth <= JSON_DEPTH_MAX)
		return 0;
	return err_set(err, -EINVAL, "line %zu, column %zu: nested deeper than %d levels", s->line,
		       i - s->line_start + 1, JSON_DEPTH_MAX);
}

static void take_comma(struct scan *s, size_t i)
{
	s->is_trailing = s->last && !strchr("[{,:", s->last);
	s->comma = i;
	s->comma_line = s->line;
}

static int take_byte(struct scan *s, size_t i, struct err *err)
{
	switch (s->text[i]) {
	case '[':
	case '{':
		return open_bracket(s, i, err);
	case ']':
	case '}':
		close_bracket(s);
		return 0;
	case ',':
		take_comma(s, i);
		return 0;
	default:
		return 0;
	}
}

int json_scan(char *text, size_t len, struct strv *warnings, struct err *err)
{
	struct scan s = { .text = text, .len = len, .warnings = warnings, .line = 1 };

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\n') {
			s.line++;
			s.line_start = i + 1;
		}
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			continue;
		int r = take_byte(&s, i, err);
		if (r < 0)
			return r;
		s.last = c;
		if (c == '"')
			i = string_end(&s, i);
	}
	return 0;
}
