/* What is accepted is narrow: GET-like requests whose head fits the caller's
 * buffer. A body is not read, so the connection cannot go on behind one. */
#include <string.h>

#include "cmdline.h"
#include "web/request.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

bool http_starts_with(const char *text, const char *word)
{
	for (; *word; text++, word++) {
		if (lower(*text) != lower(*word))
			return false;
	}
	return true;
}

const char *http_header_find(const char *head, const char *end, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = head; line < end; line++) {
		if ((size_t)(end - line) > length && http_starts_with(line, name) &&
		    line[length] == ':') {
			line += length + 1;
			while (line < end && (*line == ' ' || *line == '\t'))
				line++;
			return line;
		}
		while (line < end && *line != '\n')
			line++;
	}
	return NULL;
}

/* The first byte behind the empty line that ends a head, or NULL. */
static char *find_head_end(char *in, size_t length)
{
	for (size_t i = 0; i + 1 < length; i++) {
		if (in[i] != '\n')
			continue;
		if (in[i + 1] == '\n')
			return in + i + 2;
		if (i + 2 < length && in[i + 1] == '\r' && in[i + 2] == '\n')
			return in + i + 3;
	}
	return NULL;
}

/* Ends the word at *p, which must not be empty, and moves *p behind the space. */
static char *take_word(char **p)
{
	char *word = *p, *end = word;

	while (*end > ' ' && *end < 0x7F)
		end++;
	if (end == word || *end != ' ')
		return NULL;
	*end = '\0';
	*p = end + 1;
	return word;
}

static bool parse_request_line(char *line, struct http_request *ret, const char **ret_version)
{
	char *method = take_word(&line), *target, *query;

	if (!method)
		return false;
	for (const char *c = method; *c; c++) {
		if (*c < 'A' || *c > 'Z')
			return false;
	}
	target = take_word(&line);
	if (!target || *target != '/' || strncmp(line, "HTTP/1.", 7))
		return false;
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	ret->method = method;
	ret->path = target;
	ret->query = query ? query : "";
	*ret_version = line;
	return true;
}

static bool wants_keep_alive(const char *version, const char *head, const char *end)
{
	const char *connection = http_header_find(head, end, "connection");
	const char *length = http_header_find(head, end, "content-length");

	if (http_header_find(head, end, "transfer-encoding") || (length && *length != '0'))
		return false;
	if (connection && http_starts_with(connection, "close"))
		return false;
	if (version[7] == '0')
		return connection && http_starts_with(connection, "keep-alive");
	return true;
}

long http_request_parse(char *in, size_t length, struct http_request *ret)
{
	char *end, *head, *start = in;
	const char *version;

	in[length] = '\0';
	if (strlen(in) != length)
		return -1; /* a NUL would hide what follows it */
	/* An empty line in front of a request is tolerated (RFC 9112, section 2.2). */
	while (*start == '\r' || *start == '\n')
		start++;
	if (*start && (*start < 'A' || *start > 'Z'))
		return -1;
	end = find_head_end(start, length - (size_t)(start - in));
	if (!end)
		return 0;
	head = strchr(start, '\n') + 1;
	if (!parse_request_line(start, ret, &version))
		return -1;
	ret->is_head = !strcmp(ret->method, "HEAD");
	ret->keep_alive = wants_keep_alive(version, head, end);
	return end - in;
}

/* Copies the host at *text and moves *text behind it. */
static bool take_host(const char **text, struct url *ret)
{
	const char *p = *text;
	size_t length = 0;

	for (; *p && *p != ':' && *p != '/'; p++) {
		if (*p <= ' ' || *p == '@' || *p == '?' || length == URL_HOST_MAX)
			return false;
		ret->host[length++] = *p;
	}
	ret->host[length] = '\0';
	*text = p;
	return length > 0;
}

bool url_parse(const char *text, struct url *ret)
{
	uint64_t port = 80;

	if (!http_starts_with(text, "http://"))
		return false;
	text += 7;
	if (!take_host(&text, ret))
		return false;
	if (*text == ':') {
		text++;
		if (!cmdline_parse_number(&text, &port) || !port || port > 65535)
			return false;
	}
	if (*text && *text != '/')
		return false;
	ret->port = (uint16_t)port;
	ret->path = text;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_value(const char *p, char *to, size_t size)
{
	char *end = to + size;

	for (; *p && *p != '&'; p++) {
		char c = *p == '+' ? ' ' : *p;

		if (c == '%' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
			c = (char)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
			p += 2;
		}
		if (!c || to + 1 >= end)
			return false;
		*to++ = c;
	}
	*to = '\0';
	return true;
}

bool query_find(const char *query, const char *name, char *ret_value, size_t size)
{
	size_t length = strlen(name);

	for (const char *p = query; *p; p++) {
		if (!strncmp(p, name, length) && p[length] == '=')
			return decode_value(p + length + 1, ret_value, size);
		p = strchr(p, '&');
		if (!p)
			return false;
	}
	return false;
}

bool query_find_number(const char *query, const char *name, uint64_t max, uint64_t *ret_value)
{
	char text[24];
	const char *p = text;
	uint64_t value;

	if (!query_find(query, name, text, sizeof(text)))
		return false;
	if (!cmdline_parse_number(&p, &value) || *p || value > max)
		return false;
	*ret_value = value;
	return true;
}

bool url_decode(char *text)
{
	char *to = text;

	for (; *text; text++) {
		char c = *text;

		if (c == '%' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
			c = (char)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
			text += 2;
		}
		if (c <= ' ' || c == 0x7F)
			return false;
		*to++ = c;
	}
	*to = '\0';
	return true;
}
