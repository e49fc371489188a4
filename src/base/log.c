/* Writing log lines: one write(2) per line, so that lines of several processes
 * that share a file never mix. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/base.h"

static const struct {
	const char *name;
	const char *color;
	int priority; /* syslog's, as systemd reads it from the prefix */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", "\033[31m", 3 },
	[LOG_LEVEL_WARNING] = { "warning", "\033[33m", 4 },
	[LOG_LEVEL_INFO] = { "info", "", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", "\033[2m", 7 },
};
static_assert(ARRAY_LEN(levels) == LOG_LEVEL_N, "a name per level");

static enum log_level log_max = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	log_max = level;
}

bool log_is_on(enum log_level level)
{
	return level <= log_max;
}

int log_level_parse(const char *name, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (str_eq(levels[i].name, name)) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int prefix(char *out, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm tm;

	if (getenv("JOURNAL_STREAM"))
		return snprintf(out, size, "<%d>", levels[level].priority);
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	return snprintf(out, size, "%s%02d:%02d:%02d.%03ld %-7s ",
			isatty(STDERR_FILENO) ? levels[level].color : "", tm.tm_hour, tm.tm_min,
			tm.tm_sec, now.tv_nsec / 1000000, levels[level].name);
}

/* One line is one event: what comes from outside cannot forge another, nor reach the terminal. */
static void blank_controls(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			s[i] = ' ';
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	if (!log_is_on(level))
		return;
	size_t n = (size_t)prefix(line, sizeof(line), level);
	size_t room = sizeof(line) - n - sizeof("\033[0m\n");

	va_start(ap, fmt);
	int len = vsnprintf(line + n, room, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	size_t kept = (size_t)len < room ? (size_t)len : room - 1;
	blank_controls(line + n, kept);
	n += kept;
	if (isatty(STDERR_FILENO)) {
		memcpy(line + n, "\033[0m", 4);
		n += 4;
	}
	line[n++] = '\n';
	ssize_t ignored = write(STDERR_FILENO, line, n);
	(void)ignored;
}
