/* The log of one instance, bounded by rotation, in the format of the container runtime interface:
 *
 *   2026-11-23T13:18:02.123456789Z stdout F a whole line
 *   2026-11-23T13:18:02.123456789Z stderr P the first 8 KiB of a long one
 *
 * PATH is the current file and PATH.1 the one before it; each holds at most half of the maximum.
 * Writing never fails and never waits: what the disk does not take is dropped, counted, and told
 * in the log as soon as it takes something again. */
#ifndef HOLM_HELPER_LOG_FILE_H
#define HOLM_HELPER_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 8192               /* bytes of a record's text */
#define LOG_FILE_MIN (32 * 1024)        /* smaller maxima are raised to this */
#define LOG_FILE_MAX (16ull << 30)      /* larger ones are refused by log_file_parse() */
#define LOG_CHUNK    ((size_t)64 << 10) /* a good size for reads before log_file_write() */

enum log_stream { LOG_STREAM_OUT, LOG_STREAM_ERR, LOG_STREAM_N };

struct log_file;

/* Appends to what is there. `max_bytes` counts both files. A path that is a symbolic link
 * stands for where it leads; while that is no absolute path, nothing can be written. */
struct log_file *log_file_new(const char *path, uint64_t max_bytes);
/* Writes the unfinished lines too. NULL-safe, returns NULL. */
struct log_file *log_file_free(struct log_file *log);

/* Takes output as it came, in any pieces, and writes its whole lines to the file. */
void log_file_write(struct log_file *log, enum log_stream stream, const void *data, size_t len);

/* A line without its end waits for more (a prompt): write it as partial. */
bool log_file_has_partial(const struct log_file *log);
void log_file_flush_partial(struct log_file *log);

/* "MAX:PATH" in one word, as the helper's command line has it: 0 or -EINVAL. `ret_path` points
 * into the text. */
int log_file_parse(const char *text, uint64_t *ret_max, const char **ret_path);

#endif
