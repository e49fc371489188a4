/* Durations and RFC 3339. */
#include "base/base.h"
#include "model/when.h"

#define DAY_S   86400ul
#define SPAN_MS (UINT64_C(100) * 366 * DAY_S * 1000)

static uint64_t unit_ms(char unit)
{
	switch (unit) {
	case 's':
		return 1000;
	case 'm':
		return 60 * 1000;
	case 'h':
		return 3600 * 1000;
	case 'd':
		return DAY_S * 1000;
	default:
		return 0;
	}
}

static int parse_span(const char *text, uint64_t *ret_ms)
{
	uint64_t total = 0;

	if (!*text)
		return -EINVAL;
	while (*text) {
		size_t len = strspn(text, "0123456789");
		auto_free char *number = xstrndup(text, len);
		uint64_t unit = unit_ms(text[len]);
		uint64_t value;

		if (!unit || parse_u64(number, 0, SPAN_MS / unit, &value) < 0)
			return -EINVAL;
		total += value * unit;
		text += len + 1;
	}
	if (total > SPAN_MS)
		return -EINVAL;
	*ret_ms = total;
	return 0;
}

/* `len` digits at *text, which moves behind them and, if it is not NUL, `behind`. */
static int take_number(const char **text, size_t len, char behind, uint32_t max, int *ret)
{
	auto_free char *digits = xstrndup(*text, len);
	uint32_t value;

	if (strspn(digits, "0123456789") != len || parse_u32(digits, 0, max, &value) < 0)
		return -EINVAL;
	*text += len;
	if (behind && **text != behind)
		return -EINVAL;
	*text += behind != '\0';
	*ret = (int)value;
	return 0;
}

static int take_fraction(const char **text, uint32_t *ret_ms)
{
	uint32_t scale = 100;

	*ret_ms = 0;
	if (**text != '.')
		return 0;
	size_t len = strspn(++*text, "0123456789");
	if (!len || len > 9)
		return -EINVAL;
	for (size_t i = 0; i < len; i++, scale /= 10)
		*ret_ms += (uint32_t)((*text)[i] - '0') * scale;
	*text += len;
	return 0;
}

/* "Z", or hours and minutes east of it. */
static int take_offset(const char **text, int64_t *ret_s)
{
	int sign = **text == '-' ? -1 : 1;
	int hours;
	int minutes;

	*ret_s = 0;
	if (**text == 'Z' || **text == 'z') {
		++*text;
		return 0;
	}
	if (**text != '+' && **text != '-')
		return -EINVAL;
	++*text;
	if (take_number(text, 2, ':', 23, &hours) < 0 || take_number(text, 2, 0, 59, &minutes) < 0)
		return -EINVAL;
	*ret_s = sign * (int64_t)(hours * 3600 + minutes * 60);
	return 0;
}

static int take_day(const char **text, struct tm *tm)
{
	if (take_number(text, 4, '-', 9999, &tm->tm_year) < 0 ||
	    take_number(text, 2, '-', 12, &tm->tm_mon) < 0 ||
	    take_number(text, 2, 0, 31, &tm->tm_mday) < 0)
		return -EINVAL;
	if (tm->tm_year < 1970 || tm->tm_mon < 1 || tm->tm_mday < 1)
		return -EINVAL;
	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	return 0;
}

static int parse_moment(const char *text, uint64_t *ret_ms)
{
	struct tm tm = { 0 };
	uint32_t fraction_ms = 0;
	int64_t offset_s = 0;

	if (take_day(&text, &tm) < 0)
		return -EINVAL;
	if (*text) {
		if (*text != 'T' && *text != 't' && *text != ' ')
			return -EINVAL;
		text++;
		if (take_number(&text, 2, ':', 23, &tm.tm_hour) < 0 ||
		    take_number(&text, 2, ':', 59, &tm.tm_min) < 0 ||
		    take_number(&text, 2, 0, 60, &tm.tm_sec) < 0 ||
		    take_fraction(&text, &fraction_ms) < 0 || take_offset(&text, &offset_s) < 0)
			return -EINVAL;
	}
	int64_t seconds = (int64_t)timegm(&tm) - offset_s;
	if (*text || seconds < 0)
		return -EINVAL;
	*ret_ms = (uint64_t)seconds * 1000 + fraction_ms;
	return 0;
}

int when_parse(const char *text, uint64_t now_ms, uint64_t *ret_ms)
{
	uint64_t span_ms;

	if (parse_span(text, &span_ms) == 0) {
		*ret_ms = span_ms < now_ms ? now_ms - span_ms : 0;
		return 0;
	}
	return parse_moment(text, ret_ms);
}
