/* Token, Host and Content-Type. */
#include <arpa/inet.h>
#include <strings.h>

#include "api/auth.h"
#include "base/base.h"

#define HOST_MAX   256
#define HTTP_PORT  80
#define HTTPS_PORT 443

const char *auth_bearer(const char *authorization)
{
	static const char scheme[] = "Bearer ";

	if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	return authorization + sizeof(scheme) - 1;
}

bool auth_is_token(const char *authorization, const char *token)
{
	const char *given = auth_bearer(authorization);
	unsigned char difference = 0;

	if (!given || !token || !*token)
		return false;
	size_t n_given = strlen(given);
	size_t n = strlen(token);
	/* The loop's length follows from what was given, which its sender knows anyway. */
	for (size_t i = 0; i < n_given; i++)
		difference |= (unsigned char)(given[i] ^ token[i % n]);
	return difference == 0 && n_given == n;
}

/* Splits "name:port" and "[v6]:port"; the brackets go. Without a port it is 0. */
static int split_host(const char *text, char name[HOST_MAX], uint32_t *port)
{
	bool is_v6 = text[0] == '[';
	const char *end = is_v6 ? strchr(text, ']') : text + strcspn(text, ":");

	if (!end || strlen(text) >= HOST_MAX)
		return -EINVAL;
	const char *start = is_v6 ? text + 1 : text;
	const char *rest = is_v6 ? end + 1 : end;
	str_copy(name, (size_t)(end - start) + 1, start);
	*port = 0;
	if (!*rest)
		return 0;
	return *rest == ':' ? parse_u32(rest + 1, 1, UINT16_MAX, port) : -EINVAL;
}

static bool is_literal(const char *name)
{
	unsigned char address[16];

	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool is_own_name(const char *name, const char *address)
{
	static const char *const own[] = { "127.0.0.1", "localhost", "::1" };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcasecmp(name, own[i]) == 0)
			return true;
	if (str_eq(address, "0.0.0.0") || str_eq(address, "::"))
		return is_literal(name);
	return address && strcasecmp(name, address) == 0;
}

bool auth_is_own_name(const char *host, const char *address)
{
	char name[HOST_MAX];
	uint32_t port;

	return host && split_host(host, name, &port) == 0 && is_own_name(name, address);
}

static bool is_port(uint32_t given, uint16_t port)
{
	return given ? given == port : port == HTTP_PORT || port == HTTPS_PORT;
}

bool auth_is_our_host(const char *host, const char *address, uint16_t port)
{
	char name[HOST_MAX];
	uint32_t given;

	return host && split_host(host, name, &given) == 0 && is_port(given, port) &&
	       is_own_name(name, address);
}

static bool is_of_pattern(const char *name, const char *pattern)
{
	if (!str_starts(pattern, "*."))
		return strcasecmp(name, pattern) == 0;
	const char *dot = strchr(name, '.');
	return dot && dot != name && strcasecmp(dot, pattern + 1) == 0;
}

bool auth_is_listed(const char *host, const struct strv *names, uint16_t port)
{
	char name[HOST_MAX];
	uint32_t given;

	if (!host || split_host(host, name, &given) < 0 || !is_port(given, port))
		return false;
	for (size_t i = 0; i < names->n; i++)
		if (is_of_pattern(name, names->items[i]))
			return true;
	return false;
}

bool auth_is_type(const char *content_type, const char *type)
{
	size_t len = strlen(type);

	return content_type && strncasecmp(content_type, type, len) == 0 &&
	       (!content_type[len] || strchr("; \t", content_type[len]));
}
