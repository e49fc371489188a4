/* Base64 with padding (RFC 4648, 4), without line breaks. */
#ifndef HOLM_BASE_BASE64_H
#define HOLM_BASE_BASE64_H

#include <stddef.h>

#include "base/secret.h"

/* The caller's. */
char *base64_format(const void *bytes, size_t len);
/* -EINVAL for anything but the one form of some bytes; the result is wiped by its owner, since it may
 * be a secret. */
int base64_parse(const char *text, struct secret *ret);

#endif
