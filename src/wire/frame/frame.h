/* Frames: what goes both ways between a client and a command, console or file of an instance, told
 * apart in one stream of bytes ("holm-stream").
 *
 *   type (1 byte), length (3 bytes, big endian), as many bytes
 *
 * The client sends INPUT, INPUT_END, SIZE and SIGNAL; the node BEGUN first, OUTPUT and ERRORS, and
 * END last. Whoever closes the connection before END has gone. */
#ifndef HOLM_WIRE_FRAME_FRAME_H
#define HOLM_WIRE_FRAME_FRAME_H

#include "base/base.h"

#define FRAME_HEAD 4
#define FRAME_MAX  ((size_t)64 << 10) /* bytes behind the head */

enum frame_type {
	FRAME_INPUT = 0,
	FRAME_INPUT_END = 1,
	FRAME_SIZE = 2,   /* rows, columns: two bytes each */
	FRAME_SIGNAL = 3, /* its number: one byte */
	FRAME_BEGUN = 16,
	FRAME_OUTPUT = 17,
	FRAME_ERRORS = 18,
	FRAME_END = 19, /* exit code: one byte; then, if it failed, why in words */
};

struct frame {
	enum frame_type type;
	const char *data; /* NUL-terminated */
	size_t len;
};

/* In as many frames as it takes; none for no bytes of INPUT, OUTPUT or ERRORS. */
void frame_put(struct buf *out, enum frame_type type, const void *data, size_t len);
void frame_put_size(struct buf *out, uint32_t rows, uint32_t columns);
void frame_put_signal(struct buf *out, int sig);
void frame_put_end(struct buf *out, int exit_code, const char *words);

/* Each false for a frame of another length. */
bool frame_get_size(const struct frame *frame, uint32_t *ret_rows, uint32_t *ret_columns);
bool frame_get_signal(const struct frame *frame, int *ret);
/* `ret_words` points into the frame, "" for none. */
bool frame_get_end(const struct frame *frame, int *ret_exit_code, const char **ret_words);

/* Bytes as they come, to whole frames. */
struct frame_reader {
	struct buf pending;
	size_t at;          /* where in it the next frame begins */
	struct buf current; /* what the last one held */
	bool is_broken;     /* what came is none: where a next one begins is not known */
};
void frame_reader_init(struct frame_reader *reader);
void frame_reader_fini(struct frame_reader *reader);
/* At most FRAME_FEED_MAX at once, and the next only when frame_next() has given 0. */
#define FRAME_FEED_MAX ((size_t)8 << 20)
void frame_feed(struct frame_reader *reader, const char *data, size_t len);
/* 1: the next frame, valid until the next call; 0: more bytes are needed; -EBADMSG, once: an unknown
 * type, or too long. Whatever is fed afterwards is dropped. */
int frame_next(struct frame_reader *reader, struct frame *ret, struct err *err);

#endif
