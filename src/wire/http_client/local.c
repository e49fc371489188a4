/* Requests over a unix socket without any library: HTTP/1.1 (RFC 9112), one request a connection.
 *
 * The other end is our own server. docs/decisions tells why this is not libcurl. */
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "wire/http_client/internal.h"

#define PIECE          ((size_t)64 << 10)
#define CHUNK_HEAD_MAX 256 /* bytes of a chunk's size line */

enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

/* Inside a chunked body. */
enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER };

struct exchange {
	const struct http_client_request *request;
	int fd;
	uint64_t end_ms; /* of the whole, UINT64_MAX: none */
	uint32_t stall_ms;
	struct buf in; /* received, not taken yet */
	unsigned status;
	struct strv headers;
	enum framing framing;
	uint64_t left; /* bytes of the body, or of the chunk */
	enum chunk_state chunk;
	bool is_over; /* the body has ended */
	uint64_t offset;
	struct buf body;
};

static uint32_t given_or(uint32_t given_ms, uint32_t otherwise_ms)
{
	return given_ms ? given_ms : otherwise_ms;
}

int local_connect(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, -ENAMETOOLONG, "the socket's path is too long");
	STR_COPY(addr.sun_path, path);
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, "socket");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return TAKE_FD(fd);
	/* No socket, or one that nobody listens on: the same to the caller. */
	return err_set(err, errno == ENOENT ? -ECONNREFUSED : -errno, "%s",
		       errno == ENOENT ? "connection refused" : strerror(errno));
}

static int open_socket(struct exchange *x, struct err *err)
{
	x->fd = local_connect(x->request->unix_path, err);
	return x->fd < 0 ? x->fd : 0;
}

/* Waits until the socket is ready; what is late is told. */
static int await(struct exchange *x, short events, struct err *err)
{
	struct pollfd pollfd = { .fd = x->fd, .events = events };
	uint64_t end_ms = x->end_ms;

	if (x->stall_ms != HTTP_CLIENT_NO_TIMEOUT && clock_monotonic_ms() + x->stall_ms < end_ms)
		end_ms = clock_monotonic_ms() + x->stall_ms;
	int r = clock_poll(&pollfd, 1, end_ms);
	if (r == 0)
		return err_set(err, -ETIMEDOUT, "no answer in time");
	return r < 0 ? err_set(err, r, "poll: %s", strerror(-r)) : 0;
}

static int send_all(struct exchange *x, const char *data, size_t len, struct err *err)
{
	while (len) {
		int r = await(x, POLLOUT, err);

		if (r < 0)
			return r;
		ssize_t n = send(x->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0) /* it may have answered before it closed */
			return errno == EPIPE ? 0 : err_errno(err, "send");
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* "http://localhost/a?b" → "/a?b". */
static const char *path_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = strchr(host ? host + 3 : url, '/');

	return path ? path : "/";
}

static int send_request(struct exchange *x, struct err *err)
{
	const struct http_client_request *r = x->request;
	auto_buf struct buf head;

	buf_init(&head, HEADERS_MAX);
	buf_addf(&head, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
		 r->method ? r->method : "GET", path_of(r->url));
	for (size_t i = 0; r->headers && i < r->headers->n; i++)
		buf_addf(&head, "%s\r\n", r->headers->items[i]);
	if (r->body || str_eq(r->method, "POST") || str_eq(r->method, "PUT"))
		buf_addf(&head, "Content-Length: %zu\r\n", r->body_len);
	if (buf_add_str(&head, "\r\n") < 0)
		return err_set(err, -E2BIG, "headers of more than %u bytes", HEADERS_MAX);
	int result = send_all(x, head.data, head.len, err);
	if (result == 0 && r->body)
		result = send_all(x, r->body, r->body_len, err);
	return result;
}

/* Receives once; 0 at the end of the stream, 1 if there is more to look at. */
static int receive(struct exchange *x, struct err *err)
{
	char piece[PIECE];
	int r = await(x, POLLIN, err);

	if (r < 0)
		return r;
	ssize_t n = recv(x->fd, piece, sizeof(piece), 0);
	if (n < 0)
		return err_set(err, errno == EPIPE ? -ECONNRESET : -errno, "receive: %s",
			       strerror(errno));
	if (buf_add(&x->in, piece, (size_t)n) < 0)
		return err_set(err, -E2BIG, "headers of more than %u bytes", HEADERS_MAX);
	return n > 0;
}

static int broken_off(struct err *err)
{
	return err_set(err, -ECONNRESET, "the answer was broken off");
}

static int parse_status(struct exchange *x, const char *line, struct err *err)
{
	auto_free char *code = NULL;
	uint32_t status;

	if (str_starts(line, "HTTP/1.") && strlen(line) >= 12)
		code = xstrndup(line + 9, 3);
	if (!code || parse_u32(code, 100, 599, &status) < 0)
		return err_set(err, -EPROTO, "this is no HTTP: %.40s", line);
	x->status = status;
	return 0;
}

static int choose_framing(struct exchange *x, struct err *err)
{
	const char *length = header_find(&x->headers, "Content-Length");
	const char *coding = header_find(&x->headers, "Transfer-Encoding");

	x->framing = FRAMING_CLOSE;
	if (coding) {
		if (!str_eq(coding, "chunked"))
			return err_set(err, -EPROTO, "unknown transfer coding %.40s", coding);
		x->framing = FRAMING_CHUNKED;
	} else if (length) {
		if (parse_u64(length, 0, UINT64_MAX, &x->left) < 0)
			return err_set(err, -EPROTO, "bad content length %.40s", length);
		x->framing = FRAMING_LENGTH;
	}
	if (x->status == 204 || x->status == 304 || str_eq(x->request->method, "HEAD") ||
	    (x->framing == FRAMING_LENGTH && !x->left))
		x->is_over = true;
	return 0;
}

/* Takes status line and headers off what was received, once they are there. */
static int take_head(struct exchange *x, bool *ret_is_there, struct err *err)
{
	const char *end = strstr(x->in.data, "\r\n\r\n");

	*ret_is_there = end != NULL;
	if (!end)
		return 0;
	auto_free char *head = xstrndup(x->in.data, (size_t)(end - x->in.data));
	auto_strv struct strv lines = { 0 };

	buf_drop(&x->in, (size_t)(end - x->in.data) + 4);
	strv_split(&lines, head, "\r\n");
	int r = parse_status(x, lines.n ? lines.items[0] : "", err);
	if (r < 0)
		return r;
	if (x->status / 100 == 1) /* an interim answer */
		return take_head(x, ret_is_there, err);
	for (size_t i = 1; i < lines.n; i++)
		strv_add(&x->headers, lines.items[i]);
	return choose_framing(x, err);
}

static int receive_head(struct exchange *x, struct err *err)
{
	bool is_there = false;
	int r;

	for (;;) {
		r = take_head(x, &is_there, err);
		if (r < 0 || is_there)
			return r;
		r = receive(x, err);
		if (r <= 0)
			return r < 0 ? r : broken_off(err);
	}
}

/* Hands `len` bytes of the body on. */
static int deliver(struct exchange *x, size_t len, struct err *err)
{
	const struct http_client_request *request = x->request;
	bool is_success = x->status / 100 == 2;
	int r = 0;

	if (is_success && request->sink) {
		r = request->sink(request->sink_arg, x->offset, x->in.data, len);
		if (r < 0)
			err_set(err, r, "store body: %s", strerror(-r));
	} else {
		size_t room = x->body.max - x->body.len;

		if (is_success && len > room)
			r = err_set(err, -E2BIG, "body of more than %zu bytes", x->body.max);
		else
			buf_add(&x->body, x->in.data, len < room ? len : room);
	}
	x->offset += len;
	buf_drop(&x->in, len);
	return r;
}

static int deliver_left(struct exchange *x, struct err *err)
{
	size_t len = x->in.len < x->left ? x->in.len : (size_t)x->left;

	x->left -= len;
	return len ? deliver(x, len, err) : 0;
}

/* Takes a line, without its end, off what was received; false: it is not there yet. */
static bool take_line(struct exchange *x, char line[CHUNK_HEAD_MAX], bool *ret_is_bad)
{
	const char *end = strstr(x->in.data, "\r\n");
	size_t len = end ? (size_t)(end - x->in.data) : x->in.len;

	*ret_is_bad = len >= CHUNK_HEAD_MAX;
	if (!end || *ret_is_bad)
		return false;
	memcpy(line, x->in.data, len);
	line[len] = '\0';
	buf_drop(&x->in, len + 2);
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
static int chunk_step(struct exchange *x, struct err *err)
{
	char line[CHUNK_HEAD_MAX];
	bool is_bad = false;

	if (x->chunk == CHUNK_DATA) {
		int r = deliver_left(x, err);

		if (r < 0 || x->left)
			return r;
		x->chunk = CHUNK_END;
		return 1;
	}
	if (!take_line(x, line, &is_bad))
		return is_bad ? err_set(err, -EPROTO, "bad chunk") : 0;
	if (x->chunk == CHUNK_SIZE) {
		x->chunk = CHUNK_DATA;
		int r = parse_chunk_size(line, &x->left, err);
		if (r == 0 && !x->left)
			x->chunk = CHUNK_TRAILER;
		return r < 0 ? r : 1;
	}
	if (x->chunk == CHUNK_TRAILER && !*line)
		x->is_over = true;
	else if (x->chunk == CHUNK_END)
		x->chunk = CHUNK_SIZE;
	return !x->is_over;
}

/* Hands on what was received of the body. */
static int take_body(struct exchange *x, struct err *err)
{
	int r = 0;

	switch (x->framing) {
	case FRAMING_LENGTH:
		r = deliver_left(x, err);
		x->is_over = !x->left;
		return r;
	case FRAMING_CLOSE:
		return x->in.len ? deliver(x, x->in.len, err) : 0;
	case FRAMING_CHUNKED:
		while ((r = chunk_step(x, err)) > 0)
			;
		return r;
	}
	return r;
}

static int receive_body(struct exchange *x, struct err *err)
{
	while (!x->is_over) {
		int r = take_body(x, err);

		if (r < 0 || x->is_over)
			return r;
		r = receive(x, err);
		if (r < 0)
			return r;
		if (r == 0 && x->framing != FRAMING_CLOSE)
			return broken_off(err);
		x->is_over = r == 0;
	}
	return 0;
}

static int exchange_run(struct exchange *x, struct err *err)
{
	int r = open_socket(x, err);

	if (r == 0)
		r = send_request(x, err);
	if (r == 0)
		r = receive_head(x, err);
	return r < 0 ? r : receive_body(x, err);
}

int http_client_perform_local(const struct http_client_request *request,
			      struct http_client_response *ret, struct err *err)
{
	uint32_t total_ms = given_or(request->total_timeout_ms,
				     request->sink ? HTTP_CLIENT_NO_TIMEOUT : TOTAL_TIMEOUT_MS);
	struct exchange x = {
		.request = request,
		.fd = -1,
		.end_ms = total_ms == HTTP_CLIENT_NO_TIMEOUT ? UINT64_MAX
							     : clock_monotonic_ms() + total_ms,
		.stall_ms = given_or(request->stall_timeout_ms, STALL_TIMEOUT_MS),
	};
	struct err why = { 0 };

	buf_init(&x.in, HEADERS_MAX + PIECE);
	buf_init(&x.body, request->max_body ? request->max_body : BODY_MAX);
	int r = exchange_run(&x, &why);
	if (r < 0) {
		auto_free char *what = request_describe(request);

		err_set(err, r, "%s: %s", what, why.msg);
	} else {
		*ret = (struct http_client_response){ .status = x.status,
						      .headers = x.headers,
						      .body_len = x.body.len };
		ret->body = buf_take(&x.body);
		x.headers = (struct strv){ 0 };
	}
	if (x.fd >= 0)
		close(x.fd);
	strv_fini(&x.headers);
	buf_fini(&x.in);
	buf_fini(&x.body);
	return r;
}
