/* SHA-256 as OCI writes it: "sha256:" and 64 hex digits (image spec, descriptor, digests). */
#ifndef HOLM_WIRE_DIGEST_DIGEST_H
#define HOLM_WIRE_DIGEST_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/secret.h"

#define DIGEST_TEXT_MAX 72
#define DIGEST_BYTES    32 /* bytes of it as it is */

struct digest; /* one being computed */
struct digest *digest_new(void);
struct digest *digest_free(struct digest *digest);
DEFINE_AUTO(digest_free, struct digest *)
void digest_add(struct digest *digest, const void *data, size_t len);
/* The result; afterwards it can only be freed. */
void digest_finish(struct digest *digest, char out[DIGEST_TEXT_MAX]);

/* Of a whole piece of memory. */
void digest_of(const void *data, size_t len, char out[DIGEST_TEXT_MAX]);
/* The same without a form. */
void digest_bytes_of(const void *data, size_t len, uint8_t out[DIGEST_BYTES]);
/* Of a file, read from its beginning and not mapped: who else has it open may cut it meanwhile. */
int digest_fd(int fd, char out[DIGEST_TEXT_MAX], uint64_t *ret_size, struct err *err);
/* Of a text with a key (HMAC-SHA256, RFC 2104), without the prefix: 64 hex digits. */
#define DIGEST_HMAC_SIZE 65
void digest_hmac(const struct secret *key, const char *text, char out[DIGEST_HMAC_SIZE]);
/* True for the one form above, lower case. */
bool digest_is_valid(const char *text);

#endif
