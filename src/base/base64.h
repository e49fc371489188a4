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

/* The same with the letters of URLs, - and _ for + and /, without padding (RFC 4648, 5). */
char *base64url_format(const void *bytes, size_t len);
int base64url_parse(const char *text, size_t len, struct secret *ret);

#endif
