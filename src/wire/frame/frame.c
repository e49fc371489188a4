/* Heads on and off. */
#include "wire/frame/frame.h"

static void put_one(struct buf *out, enum frame_type type, const void *data, size_t len)
{
	const unsigned char head[FRAME_HEAD] = { (unsigned char)type, (unsigned char)(len >> 16),
						 (unsigned char)(len >> 8), (unsigned char)len };
	int r = buf_add(out, head, sizeof(head));

	if (r == 0 && len)
		r = buf_add(out, data, len);
	assert(r == 0);
}

static bool is_bytes(enum frame_type type)
{
	return type == FRAME_INPUT || type == FRAME_OUTPUT || type == FRAME_ERRORS;
}

void frame_put(struct buf *out, enum frame_type type, const void *data, size_t len)
{
	const char *at = data;

	if (!len && !is_bytes(type))
		put_one(out, type, NULL, 0);
	while (len) {
		size_t n = len < FRAME_MAX ? len : FRAME_MAX;

		put_one(out, type, at, n);
		at += n;
		len -= n;
	}
}

void frame_put_size(struct buf *out, uint32_t rows, uint32_t columns)
{
	const unsigned char data[] = { (unsigned char)(rows >> 8), (unsigned char)rows,
				       (unsigned char)(columns >> 8), (unsigned char)columns };

	put_one(out, FRAME_SIZE, data, sizeof(data));
}

void frame_put_signal(struct buf *out, int sig)
{
	const unsigned char data = (unsigned char)sig;

	put_one(out, FRAME_SIGNAL, &data, sizeof(data));
}

void frame_put_end(struct buf *out, int exit_code, const char *words)
{
	auto_free char *data = xasprintf("%c%s", 1, words);

	data[0] = (char)(unsigned char)exit_code;
	put_one(out, FRAME_END, data, 1 + strlen(words));
}

static unsigned byte_at(const struct frame *frame, size_t i)
{
	return (unsigned char)frame->data[i];
}

bool frame_get_size(const struct frame *frame, uint32_t *ret_rows, uint32_t *ret_columns)
{
	if (frame->len != 4)
		return false;
	*ret_rows = byte_at(frame, 0) << 8 | byte_at(frame, 1);
	*ret_columns = byte_at(frame, 2) << 8 | byte_at(frame, 3);
	return true;
}

bool frame_get_signal(const struct frame *frame, int *ret)
{
	if (frame->len != 1 || byte_at(frame, 0) < 1 || byte_at(frame, 0) > 64)
		return false;
	*ret = (int)byte_at(frame, 0);
	return true;
}

bool frame_get_end(const struct frame *frame, int *ret_exit_code, const char **ret_words)
{
	if (!frame->len)
		return false;
	*ret_exit_code = (int)byte_at(frame, 0);
	*ret_words = frame->data + 1;
	return true;
}

void frame_reader_init(struct frame_reader *reader)
{
	*reader = (struct frame_reader){ 0 };
	buf_init(&reader->pending, FRAME_FEED_MAX + FRAME_HEAD + FRAME_MAX);
	buf_init(&reader->current, FRAME_MAX);
}

void frame_reader_fini(struct frame_reader *reader)
{
	buf_fini(&reader->pending);
	buf_fini(&reader->current);
}

void frame_feed(struct frame_reader *reader, const char *data, size_t len)
{
	int r = reader->is_broken ? 0 : buf_add(&reader->pending, data, len);

	assert(r == 0);
}

static bool is_known(unsigned type)
{
	return type <= FRAME_SIGNAL || (type >= FRAME_BEGUN && type <= FRAME_END);
}

int frame_next(struct frame_reader *reader, struct frame *ret, struct err *err)
{
	const unsigned char *head = (const unsigned char *)reader->pending.data + reader->at;
	size_t have = reader->pending.len - reader->at;

	if (have >= FRAME_HEAD) {
		size_t len = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];

		if (!is_known(head[0]) || len > FRAME_MAX) {
			err_set(err, -EBADMSG, "read stream: frame of type %u with %zu bytes",
				head[0], len);
			reader->is_broken = true;
			reader->at = 0;
			buf_reset(&reader->pending);
			return -EBADMSG;
		}
		if (have - FRAME_HEAD >= len) {
			buf_reset(&reader->current);
			buf_add(&reader->current, head + FRAME_HEAD, len);
			reader->at += FRAME_HEAD + len;
			*ret = (struct frame){ head[0], reader->current.data, len };
			return 1;
		}
	}
	buf_drop(&reader->pending, reader->at);
	reader->at = 0;
	return 0;
}
