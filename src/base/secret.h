/* Bytes that nobody may see: a type that no format prints, wiped when it is released. Texts that hold
 * a secret (a file's content, an environment entry) are wiped by secret_free_text(). */
#ifndef HOLM_BASE_SECRET_H
#define HOLM_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* A zeroed one is empty. */
struct secret {
	unsigned char *bytes; /* behind them is a NUL that len does not count; NULL: empty */
	size_t len;
};

/* A copy; what it held before is wiped. */
void secret_set(struct secret *secret, const void *bytes, size_t len);
/* Room for `len` bytes, zeroed, to be filled by the caller. */
void secret_make_room(struct secret *secret, size_t len);
/* Wipes and releases. */
void secret_fini(struct secret *secret);
/* In the same time wherever they differ. */
bool secret_equal(const struct secret *a, const struct secret *b);
/* No NUL in it: it can be an environment variable. */
bool secret_is_text(const struct secret *secret);

/* Wipes and frees; NULL-safe. */
void secret_free_text(char *text);

#define auto_secret __attribute__((cleanup(secret_fini)))

#endif
