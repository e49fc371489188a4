/* Base64. */
#include "base/base.h"
#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_format(const void *bytes, size_t len)
{
	const unsigned char *in = bytes;
	char *text = xmalloc((len + 2) / 3 * 4 + 1);
	char *out = text;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t group = (uint32_t)in[i] << 16;

		if (left > 1)
			group |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			group |= in[i + 2];
		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[group & 63] : '=';
	}
	*out = '\0';
	return text;
}

/* -1: no digit. */
static int value_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Four digits, the last `n_pad` of which are padding; -1 if they are not. */
static int64_t group_of(const char *text, size_t n_pad)
{
	int64_t group = 0;

	for (size_t i = 0; i < 4; i++) {
		int v = i < 4 - n_pad ? value_of(text[i]) : 0;

		if (v < 0 || (i >= 4 - n_pad && text[i] != '='))
			return -1;
		group = group << 6 | v;
	}
	/* What padding stands for is zero, or there would be several texts for the same bytes. */
	return group & ((1 << 8 * n_pad) - 1) ? -1 : group;
}

int base64_parse(const char *text, struct secret *ret)
{
	size_t len = strlen(text);
	size_t n_pad = len > 1 ? (size_t)(text[len - 1] == '=') + (text[len - 2] == '=') : 0;
	auto_secret struct secret out = { 0 };

	if (len % 4)
		return -EINVAL;
	secret_make_room(&out, len / 4 * 3);
	for (size_t i = 0; i < len; i += 4) {
		int64_t group = group_of(text + i, i + 4 == len ? n_pad : 0);

		if (group < 0)
			return -EINVAL;
		for (size_t k = 0; k < 3; k++)
			out.bytes[i / 4 * 3 + k] = (unsigned char)(group >> (16 - 8 * k));
	}
	out.len -= n_pad;
	*ret = out;
	out = (struct secret){ 0 };
	return 0;
}

char *base64url_format(const void *bytes, size_t len)
{
	char *text = base64_format(bytes, len);

	for (char *c = text; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	text[strcspn(text, "=")] = '\0';
	return text;
}

int base64url_parse(const char *text, size_t len, struct secret *ret)
{
	size_t n_pad = (4 - len % 4) % 4;
	auto_free char *plain = xcalloc(1, len + n_pad + 1);

	for (size_t i = 0; i < len; i++) {
		if (!text[i] || strchr("+/=", text[i]))
			return -EINVAL;
		plain[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	}
	memset(plain + len, '=', n_pad);
	int r = base64_parse(plain, ret);
	explicit_bzero(plain, len);
	return r;
}
