/* The body of an answer: by its length, in chunks, or until the end of the connection. */
#include "wire/http_client/internal.h"

#define CHUNK_HEAD_MAX 256 /* bytes of a chunk's size line */

enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

/* Inside a chunked body. */
enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER };

struct reading {
	struct exchange *x;
	struct buf *body; /* what no sink gets */
	enum framing framing;
	uint64_t left; /* bytes of the body, or of the chunk */
	enum chunk_state chunk;
	bool is_over; /* the body has ended */
	uint64_t offset;
};

static int choose_framing(struct reading *b, struct err *err)
{
	const char *length = header_find(&b->x->headers, "Content-Length");
	const char *coding = header_find(&b->x->headers, "Transfer-Encoding");

	b->framing = FRAMING_CLOSE;
	if (coding) {
		if (!str_eq(coding, "chunked"))
			return err_set(err, -EPROTO, "unknown transfer coding %.40s", coding);
		b->framing = FRAMING_CHUNKED;
	} else if (length) {
		if (parse_u64(length, 0, UINT64_MAX, &b->left) < 0)
			return err_set(err, -EPROTO, "bad content length %.40s", length);
		b->framing = FRAMING_LENGTH;
	}
	if (b->x->status == 204 || b->x->status == 304 || str_eq(b->x->request->method, "HEAD") ||
	    (b->framing == FRAMING_LENGTH && !b->left))
		b->is_over = true;
	return 0;
}

/* Hands `len` bytes of the body on. */
static int deliver(struct reading *b, size_t len, struct err *err)
{
	const struct http_client_request *request = b->x->request;
	bool is_success = b->x->status / 100 == 2;
	int r = 0;

	if (is_success && request->sink) {
		r = request->sink(request->sink_arg, b->offset, b->x->in.data, len);
		if (r < 0)
			err_set(err, r, "store body: %s", strerror(-r));
	} else {
		size_t room = b->body->max - b->body->len;

		if (is_success && len > room)
			r = err_set(err, -E2BIG, "body of more than %zu bytes", b->body->max);
		else
			buf_add(b->body, b->x->in.data, len < room ? len : room);
	}
	b->offset += len;
	buf_drop(&b->x->in, len);
	return r;
}

static int deliver_left(struct reading *b, struct err *err)
{
	size_t len = b->x->in.len < b->left ? b->x->in.len : (size_t)b->left;

	b->left -= len;
	return len ? deliver(b, len, err) : 0;
}

/* Takes a line, without its end, off what was received; false: it is not there yet. */
static bool take_line(struct reading *b, char line[CHUNK_HEAD_MAX], bool *ret_is_bad)
{
	const char *end = strstr(b->x->in.data, "\r\n");
	size_t len = end ? (size_t)(end - b->x->in.data) : b->x->in.len;

	*ret_is_bad = len >= CHUNK_HEAD_MAX;
	if (!end || *ret_is_bad)
		return false;
	memcpy(line, b->x->in.data, len);
	line[len] = '\0';
	buf_drop(&b->x->in, len + 2);
	return true;
}

static int parse_chunk_size(const char *line, uint64_t *ret, struct err *err)
{
	size_t n = strspn(line, "0123456789abcdefABCDEF");
	uint64_t size = 0;

	if (!n || n > 15)
		return err_set(err, -EPROTO, "bad chunk size %.40s", line);
	for (size_t i = 0; i < n; i++) {
		const char c = line[i];

		size = size * 16 + (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	*ret = size;
	return 0;
}

/* One step in a chunked body; 1: there may be another one, 0: more has to come. */
static int chunk_step(struct reading *b, struct err *err)
{
	char line[CHUNK_HEAD_MAX];
	bool is_bad = false;

	if (b->chunk == CHUNK_DATA) {
		int r = deliver_left(b, err);

		if (r < 0 || b->left)
			return r;
		b->chunk = CHUNK_END;
		return 1;
	}
	if (!take_line(b, line, &is_bad))
		return is_bad ? err_set(err, -EPROTO, "bad chunk") : 0;
	if (b->chunk == CHUNK_SIZE) {
		b->chunk = CHUNK_DATA;
		int r = parse_chunk_size(line, &b->left, err);
		if (r == 0 && !b->left)
			b->chunk = CHUNK_TRAILER;
		return r < 0 ? r : 1;
	}
	if (b->chunk == CHUNK_TRAILER && !*line)
		b->is_over = true;
	else if (b->chunk == CHUNK_END)
		b->chunk = CHUNK_SIZE;
	return !b->is_over;
}

/* Hands on what was received of the body. */
static int take_body(struct reading *b, struct err *err)
{
	int r = 0;

	switch (b->framing) {
	case FRAMING_LENGTH:
		r = deliver_left(b, err);
		b->is_over = !b->left;
		return r;
	case FRAMING_CLOSE:
		return b->x->in.len ? deliver(b, b->x->in.len, err) : 0;
	case FRAMING_CHUNKED:
		while ((r = chunk_step(b, err)) > 0)
			;
		return r;
	}
	return r;
}

static int receive_body(struct reading *b, struct err *err)
{
	while (!b->is_over) {
		int r = take_body(b, err);

		if (r < 0 || b->is_over)
			return r;
		r = exchange_receive(b->x, err);
		if (r < 0)
			return r;
		if (r == 0 && b->framing != FRAMING_CLOSE)
			return exchange_broken_off(err);
		b->is_over = r == 0;
	}
	return 0;
}

int exchange_read_body(struct exchange *x, struct buf *body, struct err *err)
{
	struct reading b = { .x = x, .body = body };
	int r = choose_framing(&b, err);

	return r < 0 ? r : receive_body(&b, err);
}
