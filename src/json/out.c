/* Writing JSON. Whatever bytes a C string holds, the text is valid: what is not UTF-8 becomes
 * U+FFFD, the replacement character. */
#include <math.h>

#include "base/base.h"
#include "json/internal.h"

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

static void add(struct json_out *out, const char *data, size_t len)
{
	if (!out->is_over && buf_add(&out->text, data, len) < 0)
		out->is_over = true;
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
	return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

/* Bytes from `s` on that are written as they are. */
static size_t plain_len(const char *s)
{
	size_t n = 0;

	for (;;) {
		while (is_plain((unsigned char)s[n]))
			n++;
		unsigned char c = (unsigned char)s[n];
		size_t len = utf8_len((const unsigned char *)s + n);

		if (c < ' ' || c == '"' || c == '\\' || len == 0)
			return n;
		n += len;
	}
}

/* In quotes, with what stands before and behind them. */
static void add_quoted(struct json_out *out, const char *before, const char *s, size_t len,
		       const char *behind)
{
	struct buf *b = &out->text;
	size_t n_before = strlen(before);
	size_t n_behind = strlen(behind);
	size_t n = n_before + len + 2 + n_behind;

	if (out->is_over || b->room - b->len <= n || b->max - b->len < n) {
		add_text(out, before);
		add_text(out, "\"");
		add(out, s, len);
		add_text(out, "\"");
		add_text(out, behind);
		return;
	}
	/* Mostly there is room, and it goes in one step. */
	char *at = b->data + b->len;
	memcpy(at, before, n_before);
	at += n_before;
	*at++ = '"';
	memcpy(at, s, len);
	at += len;
	*at++ = '"';
	memcpy(at, behind, n_behind);
	at[n_behind] = '\0';
	b->len += n;
}

static void add_string(struct json_out *out, const char *s)
{
	size_t len = plain_len(s);

	if (!s[len]) {
		add_quoted(out, "", s, len, "");
		return;
	}
	add_text(out, "\"");
	while (*s) {
		size_t n = plain_len(s);

		add(out, s, n);
		s += n;
		if (!*s)
			break;
		if (*s == '"' || *s == '\\') {
			add_text(out, "\\");
			add(out, s, 1);
		} else if ((unsigned char)*s < ' ') {
			add_control(out, *s);
		} else {
			add_text(out, REPLACEMENT);
		}
		s++;
	}
	add_text(out, "\"");
}

/* What stands in front of a value. */
static void begin(struct json_out *out, const char *key)
{
	const char *comma = out->needs_comma ? "," : "";
	size_t len = key ? plain_len(key) : 0;

	out->needs_comma = true;
	if (key && !key[len]) {
		add_quoted(out, comma, key, len, ":");
		return;
	}
	add_text(out, comma);
	if (key) {
		add_string(out, key);
		add_text(out, ":");
	}
}

static void open_bracket(struct json_out *out, const char *key, const char *bracket)
{
	begin(out, key);
	add_text(out, bracket);
	out->needs_comma = false;
}

static void close_bracket(struct json_out *out, const char *bracket)
{
	add_text(out, bracket);
	out->needs_comma = true;
}

void json_out_object(struct json_out *out, const char *key)
{
	open_bracket(out, key, "{");
}

void json_out_object_end(struct json_out *out)
{
	close_bracket(out, "}");
}

void json_out_array(struct json_out *out, const char *key)
{
	open_bracket(out, key, "[");
}

void json_out_array_end(struct json_out *out)
{
	close_bracket(out, "]");
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
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char text[24];
	char *at = text + sizeof(text) - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	json_out_raw(out, key, at);
}

void json_out_double(struct json_out *out, const char *key, double value)
{
	char text[DOUBLE_TEXT_MAX] = "null"; /* JSON has no infinity */

	if (isfinite(value))
		double_format(value, text);
	json_out_raw(out, key, text);
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
