/* An error is a negative errno for the program and a sentence for a person.
 *
 * Functions that can fail return 0 (or a count or fd) or that negative errno, and
 * fill `struct err *err`, their last parameter, which must not be NULL and stays
 * untouched on success. Outputs stay untouched on failure. */
#ifndef HOLM_BASE_ERR_H
#define HOLM_BASE_ERR_H

#include <errno.h>
#include <stdbool.h>

#define ERR_MSG_MAX 512

struct err {
	int code;              /* negative errno, 0 if unset */
	char msg[ERR_MSG_MAX]; /* "open /run/x: Permission denied" */
};

/* Sets code and message, returns code. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "fmt: " in front of the message, returns the code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Copies `from` and returns its code. */
int err_copy(struct err *err, const struct err *from);

/* "verb object: strerror(errno)" with code -errno. */
int err_errno(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
