/* Checking the spelling of image references and archive URLs. */
#include "base/base.h"
#include "model/code.h"

#define LOWER         "abcdefghijklmnopqrstuvwxyz"
#define UPPER         "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS        "0123456789"
#define REF_MAX       512
#define TAG_MAX       128
#define DIGEST_PREFIX "sha256:"
#define HASH_HEX      64

static bool is_all(const char *s, size_t len, const char *allowed)
{
	return len > 0 && strspn(s, allowed) >= len;
}

static bool is_digest(const char *s)
{
	return str_starts(s, DIGEST_PREFIX) &&
	       is_all(s + strlen(DIGEST_PREFIX), HASH_HEX, DIGITS "abcdef") &&
	       strlen(s) == strlen(DIGEST_PREFIX) + HASH_HEX;
}

static bool is_tag(const char *s, size_t len)
{
	return len <= TAG_MAX && is_all(s, len, LOWER UPPER DIGITS "_.-") && *s != '.' && *s != '-';
}

/* Docker's rule: what looks like none is the first part of a path on Docker Hub. */
static bool is_registry(const char *s, size_t len)
{
	auto_free char *host = xstrndup(s, len);
	char *port = strrchr(host, ':');
	uint32_t number;

	if (port && port[1] != ']' && !strchr(port, ']')) {
		if (parse_u32(port + 1, 1, 65535, &number) < 0)
			return false;
		*port = '\0';
	} else {
		port = NULL;
	}
	size_t n = strlen(host);
	if (*host == '[')
		return n > 2 && host[n - 1] == ']' &&
		       is_all(host + 1, n - 2, DIGITS "abcdefABCDEF:");
	if (!is_all(host, n, LOWER UPPER DIGITS ".-") || *host == '.' || host[n - 1] == '.')
		return false;
	return port || strchr(host, '.') || str_eq(host, "localhost");
}

/* Lower-case words joined by . _ __ or dashes. */
static bool is_path_part(const char *s, size_t len)
{
	bool was_letter = false;

	for (size_t i = 0; i < len; i++) {
		bool is_letter = strchr(LOWER DIGITS, s[i]);

		if (!is_letter && !strchr("._-", s[i]))
			return false;
		if (!is_letter && (i == 0 || i + 1 == len))
			return false;
		if (!is_letter && !was_letter && s[i] != '-' && !(s[i] == '_' && s[i - 1] == '_'))
			return false;
		was_letter = is_letter;
	}
	return len > 0;
}

static bool is_repository(const char *s, size_t len)
{
	for (size_t i = 0, n; i <= len; i += n + 1) {
		const char *slash = memchr(s + i, '/', len - i);

		n = slash ? (size_t)(slash - s) - i : len - i;
		if (!is_path_part(s + i, n))
			return false;
	}
	return true;
}

static bool is_registry_image(const char *code)
{
	const char *slash = strchr(code, '/');
	const char *digest = strchr(code, '@');

	if (!slash || (digest && (digest < slash || !is_digest(digest + 1))))
		return false;
	const char *path = slash + 1;
	size_t len = digest ? (size_t)(digest - path) : strlen(path);
	const char *tag = memchr(path, ':', len);
	if (tag && !is_tag(tag + 1, len - (size_t)(tag - path) - 1))
		return false;
	return is_registry(code, (size_t)(slash - code)) &&
	       is_repository(path, tag ? (size_t)(tag - path) : len);
}

/* Absolute, without parts that lead upwards or bytes that no message could show. */
static bool is_plain_path(const char *path)
{
	for (const char *c = path; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	return path[0] == '/' && path[1] && !strstr(path, "/../") && !str_ends(path, "/..");
}

bool code_is_image(const char *code)
{
	if (strlen(code) > REF_MAX)
		return false;
	if (str_starts(code, "oci:"))
		return is_plain_path(code + strlen("oci:"));
	if (str_starts(code, "oci-archive:"))
		return is_plain_path(code + strlen("oci-archive:"));
	return is_registry_image(code);
}

/* Takes "#sha256=…" off the end; false if there is another fragment. */
static bool cut_fragment(char *url)
{
	static const char name[] = "#sha256=";
	char *fragment = strchr(url, '#');

	if (!fragment)
		return true;
	if (!str_starts(fragment, name) || !is_hex(fragment + strlen(name), HASH_HEX))
		return false;
	*fragment = '\0';
	return true;
}

static bool is_web_archive(const char *rest)
{
	auto_free char *text = xstrdup(rest);
	char *query = strchr(text, '?');

	if (query)
		*query = '\0';
	const char *slash = strchr(text, '/');
	return slash && slash != text && is_plain_path(slash) && str_ends(slash, ".tar.gz");
}

bool code_is_archive(const char *url)
{
	auto_free char *text = xstrdup(url);

	if (!cut_fragment(text) || strpbrk(text, " \t\r\n"))
		return false;
	if (str_starts(text, "http://"))
		return is_web_archive(text + strlen("http://"));
	if (str_starts(text, "https://"))
		return is_web_archive(text + strlen("https://"));
	if (str_starts(text, "file:///"))
		return is_plain_path(text + strlen("file://"));
	return str_starts(text, "file:/") && !str_starts(text, "file://") &&
	       is_plain_path(text + strlen("file:"));
}

void code_split(const char *code, struct strv *ret)
{
	for (;;) {
		const char *start = code + strspn(code, " ");
		size_t len = strcspn(start, ",");
		const char *next = start + len;

		while (len > 0 && start[len - 1] == ' ')
			len--;
		strv_take(ret, xstrndup(start, len));
		if (!*next)
			return;
		code = next + 1;
	}
}
