/* Sealing bytes with a key file: AES-256-GCM, under a label that says what they are, so that a sealed
 * text is of use in its own place only.
 *
 * The text is "1:KEY:…": the version, the first 8 hex digits of the key's fingerprint, and base64 of
 * nonce (96 random bits), ciphertext and tag (128 bits; NIST SP 800-38D). Nonces are random: a key
 * may seal 2^32 times (SP 800-38D, 8.3), more than any node's life. */
#ifndef HOLM_WIRE_SECRETBOX_SECRETBOX_H
#define HOLM_WIRE_SECRETBOX_SECRETBOX_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/secret.h"

struct secretbox; /* an opened key */

/* Makes a key file: 32 random bytes, mode 0600, on disk when this returns; -EEXIST. */
int secretbox_make_key(const char *path, struct err *err);
/* -ENOENT: no such file; -EACCES: others may read it; -EBADMSG: it is no key. Each names the file. */
int secretbox_open(const char *path, struct secretbox **ret, struct err *err);
/* Wipes the key. NULL-safe, returns NULL. */
struct secretbox *secretbox_close(struct secretbox *box);
DEFINE_AUTO(secretbox_close, struct secretbox *)

/* The sealed text, the caller's. */
char *secretbox_seal(const struct secretbox *box, const char *label, const struct secret *plain);
/* -EKEYREJECTED: sealed with another key (names the file); -EBADMSG: damaged, or of another label. */
int secretbox_unseal(const struct secretbox *box, const char *label, const char *sealed,
		     struct secret *ret, struct err *err);

#endif
