/* RS256 (RFC 7518, 3.3): RSA signatures of PKCS #1 v1.5 with SHA-256, and no other kind, so that no text
 * can choose how it is verified. */
#ifndef HOLM_WIRE_SIGNING_SIGNING_H
#define HOLM_WIRE_SIGNING_SIGNING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/secret.h"

#define SIGNING_BITS     2048
#define SIGNING_BITS_MAX 8192

struct signing_key;

/* A new key pair; blocks for some 100 ms. */
struct signing_key *signing_key_make(void);
struct signing_key *signing_key_free(struct signing_key *key);
DEFINE_AUTO(signing_key_free, struct signing_key *)

/* The private key as PEM (PKCS #8). */
void signing_key_format(const struct signing_key *key, struct secret *ret);
/* -EBADMSG: no such PEM, no RSA, or not of 2048 to 8192 bits. */
int signing_key_parse(const struct secret *pem, struct signing_key **ret, struct err *err);

void signing_key_sign(const struct signing_key *key, const void *text, size_t len,
		      struct secret *ret_signature);
bool signing_key_verify(const struct signing_key *key, const void *text, size_t len,
			const struct secret *signature);

#endif
