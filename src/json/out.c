/* Writing JSON. Whatever bytes a C string holds, the text is valid: what is not UTF-8 becomes
 * U+FFFD, the replacement character. */
#include "base/base.h"
#include "json/internal.h"

#define WORD        sizeof(uint64_t)
#define REPLACEMENT "\xef\xbf\xbd"

void json_out_init(struct json_out *out, size_t max)
{
	*out = (struct json_out){ 0 };
	buf_init(&out->text, max);
}

void json_out_fini(struct json_out *out)
{
	buf_fini(&out->text);
}

/* Bytes for which there is room already. */
static size_t room_of(const struct buf *b)
{
	return (b->room - 1 < b->max ? b->room - 1 : b->max) - b->len;
}

/* Where so many bytes may be written, NULL beyond the maximum. */
static char *reserve(struct json_out *out, size_t len)
{
	if (room_of(&out->text) < len && buf_reserve(&out->text, len) < 0) {
		out->is_over = true;
		return NULL;
	}
	return out->text.data + out->text.len;
}

static void advance(struct json_out *out, size_t len)
{
	out->text.len += len;
	out->text.data[out->text.len] = '\0';
}

static void add(struct json_out *out, const char *data, size_t len)
{
	char *at = reserve(out, len);

	if (!at)
		return;
	memcpy(at, data, len);
	advance(out, len);
}

static void add_char(struct json_out *out, char c)
{
	char *at = reserve(out, 1);

	if (!at)
		return;
	*at = c;
	advance(out, 1);
}

static void add_text(struct json_out *out, const char *text)
{
	add(out, text, strlen(text));
}

/* Length of the UTF-8 sequence at `s`, 0 if there is no valid one (Unicode 15, table 3-7). The
 * string's NUL ends a cut sequence. */
static size_t utf8_len(const unsigned char *s)
{
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	if (s[0] == 0xed)
		high = 0x9f;
	if (s[0] == 0xf0)
		low = 0x90;
	if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return len;
}

static void add_control(struct json_out *out, char c)
{
	static const char letters[] = "btn\0fr"; /* \b is 8 */
	char text[8];

	if (c >= '\b' && c <= '\r' && c != '\v')
		snprintf(text, sizeof(text), "\\%c", letters[c - '\b']);
	else
		snprintf(text, sizeof(text), "\\u%04x", (unsigned)c);
	add_text(out, text);
}

/* Of ASCII, which most texts are made of. */
static bool is_plain(unsigned char c)
{
	static const bool others[256] = {
		['\0' ... '\x1f'] = true,
		['"'] = true,
		['\\'] = true,
		[0x80 ... 0xff] = true,
	};

	return !others[c];
}

/* Copies eight bytes; false: they are not all plain. One that is not sets the highest bit of its place; a
 * borrow comes only from such a one. */
static bool copy_plain_word(char *to, const char *s)
{
	const uint64_t ones = 0x0101010101010101;
	uint64_t word;

	memcpy(&word, s, sizeof(word));
	memcpy(to, &word, sizeof(word));
	uint64_t quotes = word ^ ones * '"';
	uint64_t slashes = word ^ ones * '\\';
	return !((word | (word - ones * ' ') | (quotes - ones) | (slashes - ones)) & ones * 0x80);
}

/* The same for any number. Lists are thousands of short texts: so looking and copying are one, and what is left
 * after whole words is copied with some of the last once more. */
static bool copy_plain(char *to, const char *s, size_t len)
{
	bool are_plain = true;
	size_t n = 0;

	for (; len - n >= WORD; n += WORD)
		if (!copy_plain_word(to + n, s + n))
			return false;
	if (n && n < len)
		return copy_plain_word(to + len - WORD, s + len - WORD);
	for (; n < len; n++) {
		are_plain &= is_plain((unsigned char)s[n]);
		to[n] = s[n];
	}
	return are_plain;
}

/* What is not plain, returning what follows. */
static const char *add_special(struct json_out *out, const char *s)
{
	size_t len = utf8_len((const unsigned char *)s);

	if (*s == '"' || *s == '\\')
		add_char(out, '\\');
	if (len == 0)
		add_text(out, REPLACEMENT);
	else if ((unsigned char)*s < ' ')
		add_control(out, *s);
	else
		add(out, s, len);
	return s + (len ? len : 1);
}

static void add_escaped(struct json_out *out, const char *s)
{
	add_char(out, '"');
	while (*s) {
		const char *from = s;

		while (is_plain((unsigned char)*s))
			s++;
		add(out, from, (size_t)(s - from));
		if (*s)
			s = add_special(out, s);
	}
	add_char(out, '"');
}

static void add_string(struct json_out *out, const char *s)
{
	size_t len = strlen(s);
	char *at = reserve(out, len + strlen("\"\""));

	if (!at)
		return;
	if (!copy_plain(at + 1, s, len)) {
		add_escaped(out, s);
		return;
	}
	at[0] = at[len + 1] = '"';
	advance(out, len + 2);
}

/* What stands in front of a value. */
static void begin(struct json_out *out, const char *key)
{
	if (out->needs_comma)
		add_char(out, ',');
	out->needs_comma = true;
	if (key) {
		add_string(out, key);
		add_char(out, ':');
	}
}

void json_out_key(struct json_out *out, const struct field *field)
{
	begin(out, NULL);
	add_text(out, field->key);
	out->needs_comma = false;
}

static void open_bracket(struct json_out *out, const char *key, char bracket)
{
	begin(out, key);
	add_char(out, bracket);
	out->needs_comma = false;
}

static void close_bracket(struct json_out *out, char bracket)
{
	add_char(out, bracket);
	out->needs_comma = true;
}

void json_out_object(struct json_out *out, const char *key)
{
	open_bracket(out, key, '{');
}

void json_out_object_end(struct json_out *out)
{
	close_bracket(out, '}');
}

void json_out_array(struct json_out *out, const char *key)
{
	open_bracket(out, key, '[');
}

void json_out_array_end(struct json_out *out)
{
	close_bracket(out, ']');
}

void json_out_str(struct json_out *out, const char *key, const char *value)
{
	begin(out, key);
	if (value)
		add_string(out, value);
	else
		add_text(out, "null");
}

void json_out_int(struct json_out *out, const char *key, int64_t value)
{
	char text[NUMBER_TEXT_MAX];

	json_out_raw(out, key, int_format(value, text));
}

void json_out_double(struct json_out *out, const char *key, double value)
{
	char text[NUMBER_TEXT_MAX];

	json_out_raw(out, key, double_format(value, text));
}

void json_out_bool(struct json_out *out, const char *key, bool value)
{
	json_out_raw(out, key, value ? "true" : "false");
}

void json_out_raw(struct json_out *out, const char *key, const char *json_text)
{
	begin(out, key);
	add_text(out, json_text ? json_text : "null");
}

void json_out_members(struct json_out *out, const char *object_text)
{
	size_t len = object_text ? strlen(object_text) : 0;

	if (len <= strlen("{}"))
		return;
	begin(out, NULL);
	add(out, object_text + 1, len - strlen("{}"));
}

void json_out_strv(struct json_out *out, const char *key, const struct strv *v)
{
	json_out_array(out, key);
	for (size_t i = 0; i < v->n; i++)
		json_out_str(out, NULL, v->items[i]);
	json_out_array_end(out);
}

int json_out_finish(struct json_out *out, char **ret, struct err *err)
{
	if (out->is_over)
		return err_set(err, -E2BIG, "write JSON: more than %zu bytes", out->text.max);
	*ret = buf_take(&out->text);
	return 0;
}
