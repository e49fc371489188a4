/* Building error sentences. */
#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"

int err_set(struct err *err, int code, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	va_list ap;

	/* By way of a copy: an argument may be the old message. */
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	memcpy(err->msg, msg, sizeof(msg));
	err->code = code;
	return code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n + 2 < sizeof(msg)) {
		str_copy(msg + n, sizeof(msg) - (size_t)n, ": ");
		str_copy(msg + n + 2, sizeof(msg) - (size_t)n - 2, err->msg);
	}
	memcpy(err->msg, msg, sizeof(msg));
	return err->code;
}

int err_copy(struct err *err, const struct err *from)
{
	*err = *from;
	return err->code;
}

int err_errno(struct err *err, const char *fmt, ...)
{
	int code = errno;
	char msg[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return err_set(err, -code, "%s: %s", msg, strerror(code));
}
