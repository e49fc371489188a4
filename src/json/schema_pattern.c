/* Patterns: translated to what regcomp() takes, with everything refused that means something else there,
 * and whatever would make matching slow: back-references, and repetitions that multiply. */
#include <ctype.h>
#include <regex.h>

#include "base/base.h"
#include "json/schema_internal.h"

#define PATTERN_MAX  256 /* bytes */
#define REPEAT_MAX   255
#define EXPANDED_MAX 300 /* single characters, with all repetitions written out */
#define GROUPS_MAX   16  /* inside each other */
#define COST_DIVISOR 6

struct pattern {
	regex_t regex;
	unsigned size; /* expanded */
};

/* What stands in front of where we are, and may be repeated or not. */
enum before { BEFORE_NOTHING, BEFORE_ATOM, BEFORE_REPETITION, BEFORE_LAZY };

struct translation {
	const char *at;
	enum before before;
	struct buf out;
	unsigned depth;
	unsigned sums[GROUPS_MAX + 1]; /* sizes of what is finished, by group */
	unsigned last;                 /* size of what a repetition would be of */
};

static void begin_atom(struct translation *t, unsigned size)
{
	t->sums[t->depth] += t->last;
	t->last = size;
	t->before = BEFORE_ATOM;
}

/* JavaScript takes `a*?` for one that stops early, which matches the same texts, and knows no repetition of
 * a repetition or of nothing; regcomp() does, and would take hours for some. Returns 1: it is left out. */
static int begin_repetition(struct translation *t, struct err *err)
{
	bool is_lazy = t->before == BEFORE_REPETITION && *t->at == '?';

	if (!is_lazy && t->before != BEFORE_ATOM)
		return err_set(err, -EINVAL, "pattern: there is nothing to repeat at %.40s", t->at);
	t->before = is_lazy ? BEFORE_LAZY : BEFORE_REPETITION;
	t->at += is_lazy;
	return is_lazy;
}

static int take_escape(struct translation *t, struct err *err)
{
	static const struct {
		char name;
		const char *is;
	} classes[] = {
		{ 'd', "[0-9]" },        { 'D', "[^0-9]" },
		{ 'w', "[A-Za-z0-9_]" }, { 'W', "[^A-Za-z0-9_]" },
		{ 's', "[[:space:]]" },  { 'S', "[^[:space:]]" },
		{ 'n', "\n" },           { 't', "\t" },
		{ 'r', "\r" },
	};
	char c = t->at[1];

	begin_atom(t, 1);
	t->at += c ? 2 : 1;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (c == classes[i].name)
			return buf_add_str(&t->out, classes[i].is);
	if (!c || isalnum((unsigned char)c) || c < 0)
		return err_set(err, -EINVAL, "pattern: \\%.1s is not supported", c > 0 ? &c : "");
	return strchr("^.[$()|*+?{\\", c) ? buf_addf(&t->out, "\\%c", c) : buf_add(&t->out, &c, 1);
}

/* Behind a '[': how many bytes belong to it with its ']', 0 if that is missing or something in it would
 * mean something else in JavaScript. */
static size_t bracket_len(const char *s)
{
	size_t i = 1 + (s[1] == '^');

	if (s[i] == ']')
		return 0;
	for (; s[i] && s[i] != ']'; i++) {
		if (s[i] == '\\' || (s[i] == '[' && (s[i + 1] == '.' || s[i + 1] == '=')))
			return 0;
		if (s[i] != '[' || s[i + 1] != ':')
			continue;
		const char *end = strstr(s + i + 2, ":]");
		if (!end)
			return 0;
		i = (size_t)(end + 1 - s);
	}
	return s[i] ? i + 1 : 0;
}

static int take_bracket(struct translation *t, struct err *err)
{
	size_t len = bracket_len(t->at);

	if (!len)
		return err_set(err, -EINVAL,
			       "pattern: brackets have to be those of POSIX: no \\ in them, no "
			       "[] and [^]; [[:digit:]] is possible");
	begin_atom(t, 1);
	buf_add(&t->out, t->at, len);
	t->at += len;
	return 0;
}

static int take_repeat(struct translation *t, struct err *err)
{
	size_t len = strcspn(t->at, "}");
	auto_free char *inside = xstrndup(t->at + 1, len ? len - 1 : 0);
	char *comma = strchr(inside, ',');
	uint32_t low = 0;
	uint32_t high = 0;

	if (comma)
		*comma = '\0';
	bool is_good = t->at[len] && parse_u32(inside, 0, REPEAT_MAX, &low) == 0;
	high = low + (comma != NULL);
	if (is_good && comma && comma[1])
		is_good = parse_u32(comma + 1, low, REPEAT_MAX, &high) == 0;
	if (!is_good)
		return err_set(err, -EINVAL, "pattern: expected {N}, {N,} or {N,M} up to %d",
			       REPEAT_MAX);
	t->last *= high ? high : 1;
	if (t->last > EXPANDED_MAX)
		return 0; /* refused at the end */
	buf_add(&t->out, t->at, len + 1);
	t->at += len + 1;
	return 0;
}

static int take_group(struct translation *t, struct err *err)
{
	if (t->at[1] == '?')
		return err_set(err, -EINVAL, "pattern: (?…) is not supported");
	if (t->depth == GROUPS_MAX)
		return err_set(err, -EINVAL, "pattern: more than %d groups inside each other",
			       GROUPS_MAX);
	begin_atom(t, 0);
	t->before = BEFORE_NOTHING;
	t->sums[++t->depth] = 0;
	buf_add(&t->out, t->at++, 1);
	return 0;
}

static int take_group_end(struct translation *t, struct err *err)
{
	if (!t->depth)
		return err_set(err, -EINVAL, "pattern: ) without (");
	t->last += t->sums[t->depth--];
	t->before = BEFORE_ATOM;
	buf_add(&t->out, t->at++, 1);
	return 0;
}

static int take_repetition(struct translation *t, struct err *err)
{
	int r = begin_repetition(t, err);

	if (r)
		return r < 0 ? r : 0;
	if (*t->at == '{')
		return take_repeat(t, err);
	if (*t->at == '+')
		t->last *= 2; /* regcomp() makes it xx* */
	buf_add(&t->out, t->at++, 1);
	return 0;
}

static int take_one(struct translation *t, struct err *err)
{
	switch (*t->at) {
	case '\\':
		return take_escape(t, err);
	case '[':
		return take_bracket(t, err);
	case '(':
		return take_group(t, err);
	case ')':
		return take_group_end(t, err);
	case '{':
	case '+':
	case '*':
	case '?':
		return take_repetition(t, err);
	default:
		begin_atom(t, 1);
	}
	if (strchr("^$|", *t->at))
		t->before = BEFORE_NOTHING;
	buf_add(&t->out, t->at++, 1);
	return 0;
}

static int translate(struct translation *t, unsigned *ret_size, struct err *err)
{
	while (*t->at) {
		int r = take_one(t, err);

		if (r < 0)
			return r;
		if (t->sums[t->depth] + t->last > EXPANDED_MAX)
			return err_set(err, -EINVAL,
				       "pattern: more than %d characters with all repetitions "
				       "written out",
				       EXPANDED_MAX);
	}
	if (t->depth)
		return err_set(err, -EINVAL, "pattern: ( without )");
	*ret_size = t->sums[0] + t->last;
	return 0;
}

int pattern_parse(const char *text, struct pattern **ret, struct err *err)
{
	struct translation t = { .at = text };
	unsigned size = 0;
	char reason[128];

	if (strlen(text) > PATTERN_MAX)
		return err_set(err, -EINVAL, "pattern: longer than %d bytes", PATTERN_MAX);
	buf_init(&t.out, 16 * PATTERN_MAX);
	int r = translate(&t, &size, err);
	auto_free char *regex = buf_take(&t.out);
	buf_fini(&t.out);
	if (r < 0)
		return r;
	struct pattern *pattern = NEW(struct pattern);
	r = regcomp(&pattern->regex, regex, REG_EXTENDED | REG_NOSUB);
	if (r == 0) {
		pattern->size = size;
		*ret = pattern;
		return 0;
	}
	regerror(r, &pattern->regex, reason, sizeof(reason));
	free(pattern);
	return err_set(err, -EINVAL, "pattern: %s", reason);
}

struct pattern *pattern_free(struct pattern *pattern)
{
	if (pattern)
		regfree(&pattern->regex);
	free(pattern);
	return NULL;
}

bool pattern_matches(const struct pattern *pattern, const char *text)
{
	return regexec(&pattern->regex, text, 0, NULL, 0) == 0;
}

unsigned pattern_cost(const struct pattern *pattern, size_t len)
{
	return 1 + (unsigned)len * (pattern->size + 16) / COST_DIVISOR;
}
