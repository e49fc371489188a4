/* The one place that turns text into numbers. */
#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

#include "base/base.h"

int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	}
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t v;
	int r = parse_u64(s, min, max, &v);

	if (r < 0)
		return r;
	*ret = (uint32_t)v;
	return 0;
}

bool is_hex(const char *s, size_t len)
{
	return strlen(s) == len && strspn(s, "0123456789abcdefABCDEF") == len;
}

int parse_duration_s(const char *s, uint32_t *ret)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t len = strlen(s);

	for (size_t i = 0; len && i < ARRAY_LEN(units); i++) {
		uint32_t n;

		if (s[len - 1] != units[i].unit)
			continue;
		auto_free char *digits = xstrndup(s, len - 1);
		int r = parse_u32(digits, 0, UINT32_MAX / units[i].seconds, &n);
		if (r == 0)
			*ret = n * units[i].seconds;
		return r;
	}
	return -EINVAL;
}

const char *format_size(uint64_t bytes, char out[SIZE_STR_MAX])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double size = (double)bytes / 1024;
	size_t unit = 0;

	while (size >= 1000 && unit + 1 < ARRAY_LEN(units)) {
		size /= 1024;
		unit++;
	}
	if (bytes < 1000)
		snprintf(out, SIZE_STR_MAX, "%u B", (unsigned)bytes);
	else
		snprintf(out, SIZE_STR_MAX, "%.*f %s", size < 9.95 ? 1 : 0, size, units[unit]);
	return out;
}

int parse_ipv4(const char *s, uint32_t *ret)
{
	struct in_addr a;

	if (inet_pton(AF_INET, s, &a) != 1)
		return -EINVAL;
	*ret = ntohl(a.s_addr);
	return 0;
}

const char *format_ipv4(uint32_t addr, char out[IPV4_STR_MAX])
{
	snprintf(out, IPV4_STR_MAX, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
		 addr & 255);
	return out;
}

int parse_cidr(const char *s, uint32_t *ret_addr, unsigned *ret_prefix)
{
	const char *slash = strchr(s, '/');
	uint32_t addr;
	uint32_t prefix;

	if (!slash)
		return -EINVAL;
	auto_free char *text = xstrndup(s, (size_t)(slash - s));
	int r = parse_ipv4(text, &addr);
	if (r == 0)
		r = parse_u32(slash + 1, 1, 32, &prefix);
	if (r < 0)
		return r;
	if (prefix < 32 && addr & (UINT32_MAX >> prefix))
		return -EINVAL;
	*ret_addr = addr;
	*ret_prefix = prefix;
	return 0;
}

const char *format_rfc3339(uint64_t unix_ms, char out[RFC3339_MAX])
{
	time_t t = (time_t)(unix_ms / 1000);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, RFC3339_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}
