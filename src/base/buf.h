/* A growing byte buffer with a maximum. Always NUL-terminated. */
#ifndef HOLM_BASE_BUF_H
#define HOLM_BASE_BUF_H

#include <stddef.h>

struct buf {
	char *data; /* never NULL after init; data[len] is NUL */
	size_t len;
	size_t room;
	size_t max; /* bytes it may hold at most */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
void buf_reset(struct buf *b);

/* 0, or -E2BIG when the maximum would be passed; the buffer is then unchanged. The first only makes room for
 * so many bytes and a NUL, for who writes there himself. */
int buf_reserve(struct buf *b, size_t more);
int buf_add(struct buf *b, const void *data, size_t len);
int buf_add_str(struct buf *b, const char *s);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Takes `n` bytes off the front. */
void buf_drop(struct buf *b, size_t n);

/* The bytes as the caller's own string; the buffer is empty afterwards. */
char *buf_take(struct buf *b);

#define auto_buf __attribute__((cleanup(buf_fini)))

#endif
