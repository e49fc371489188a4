/* SHA-256 as OCI writes it: "sha256:" and 64 hex digits (image spec, descriptor, digests). */
#ifndef HOLM_WIRE_DIGEST_DIGEST_H
#define HOLM_WIRE_DIGEST_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

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

/* Digests of files that were read once and have not changed since, by device, inode, size and times. The
 * kernel sets the time of change (ctime) at every write and lets nobody choose it, but counts in ticks: a
 * file that had changed just before it was read is not kept in mind, as another change in the same tick
 * would not show. */
#define DIGEST_MEMO_MAX       16 /* files; the one noted first makes room */
#define DIGEST_MEMO_SETTLED_S 2  /* longer than a tick of any file system */

/* Zeroed: nothing in mind. Nothing to be freed. */
struct digest_memo {
	struct {
		struct stat st;
		char digest[DIGEST_TEXT_MAX]; /* "": none */
	} files[DIGEST_MEMO_MAX];
	unsigned next;
};

/* Like digest_fd(), but reads only what is not known. */
int digest_memo_fd(struct digest_memo *memo, int fd, char out[DIGEST_TEXT_MAX], struct err *err);

/* The two halves of it. `st` is how the file was at `now`, before it was read. */
void digest_memo_note(struct digest_memo *memo, const struct stat *st, const struct timespec *now,
		      const char *digest);
bool digest_memo_find(const struct digest_memo *memo, const struct stat *st,
		      char out[DIGEST_TEXT_MAX]);

#endif
