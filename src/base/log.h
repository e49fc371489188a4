/* One line per event on stderr: "<N>" priority prefixes under systemd, the time
 * and colours on a terminal. Each error is logged once, by whoever handles it:
 * functions below the roles return their error and log at debug level at most. */
#ifndef HOLM_BASE_LOG_H
#define HOLM_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_N };

void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);
/* 0, or -EINVAL for a name that is none. */
int log_level_parse(const char *name, enum log_level *ret);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                           \
	do {                                                     \
		if (log_is_on(LOG_LEVEL_DEBUG))                  \
			log_write(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
