/* One request and its answer (HTTP/1.1, RFC 9112), over whatever carries a session's bytes.
 *
 * All waits are for the session's descriptor, and bounded. What was received and not taken yet is in
 * `in`: after an upgrade that is the new protocol's. */
#include "base/clock.h"
#include "wire/http_client/internal.h"

#define PIECE (EXCHANGE_IN_MAX - HEADERS_MAX)

void exchange_init(struct exchange *x, const struct http_client_request *request,
		   struct http_client_session *session)
{
	*x = (struct exchange){
		.request = request,
		.session = session,
		.end_ms = UINT64_MAX,
		.stall_ms = HTTP_CLIENT_NO_TIMEOUT,
	};
	buf_init(&x->in, EXCHANGE_IN_MAX);
}

void exchange_fini(struct exchange *x)
{
	buf_fini(&x->in);
	strv_fini(&x->headers);
}

/* Waits until the session is ready; what is late is told. */
static int await(const struct exchange *x, short events, struct err *err)
{
	struct pollfd pollfd = { .fd = http_client_session_fd(x->session), .events = events };
	uint64_t end_ms = x->end_ms;

	if (x->stall_ms != HTTP_CLIENT_NO_TIMEOUT && clock_monotonic_ms() + x->stall_ms < end_ms)
		end_ms = clock_monotonic_ms() + x->stall_ms;
	int r = clock_poll(&pollfd, 1, end_ms);
	if (r == 0)
		return err_set(err, -ETIMEDOUT, "no answer in time");
	return r < 0 ? err_set(err, r, "poll: %s", strerror(-r)) : 0;
}

static int send_all(const struct exchange *x, const char *data, size_t len, struct err *err)
{
	while (len) {
		ssize_t n = http_client_session_write(x->session, data, len);

		if (n == -EAGAIN) {
			int r = await(x, POLLOUT, err);

			if (r < 0)
				return r;
			continue;
		}
		if (n < 0) /* it may have answered before it closed */
			return 0;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int exchange_receive(struct exchange *x, struct err *err)
{
	char piece[PIECE];
	ssize_t n;

	while ((n = http_client_session_read(x->session, piece, sizeof(piece))) == -EAGAIN) {
		int r = await(x, POLLIN, err);

		if (r < 0)
			return r;
	}
	if (n < 0)
		return err_set(err, (int)n, "receive: %s", strerror((int)-n));
	if (buf_add(&x->in, piece, (size_t)n) < 0)
		return err_set(err, -E2BIG, "headers of more than %u bytes", HEADERS_MAX);
	return n > 0;
}

int exchange_broken_off(struct err *err)
{
	return err_set(err, -ECONNRESET, "the answer was broken off");
}

/* "http://user@host:1/path" gives host:1 and /path. */
static void split_url(const char *url, char **ret_host, const char **ret_path)
{
	const char *scheme_end = strstr(url, "://");
	const char *authority = scheme_end ? scheme_end + 3 : url;
	const char *end = authority + strcspn(authority, "/");
	const char *at = memchr(authority, '@', (size_t)(end - authority));
	const char *host = at ? at + 1 : authority;

	*ret_host = xstrndup(host, (size_t)(end - host));
	*ret_path = *end ? end : "/";
}

static bool has_body(const struct http_client_request *r)
{
	return r->body || str_eq(r->method, "POST") || str_eq(r->method, "PUT");
}

static int build_head(const struct exchange *x, struct buf *out, struct err *err)
{
	const struct http_client_request *r = x->request;
	auto_free char *host = NULL;
	const char *path;
	int bad = 0;

	split_url(r->url, &host, &path);
	bad |= buf_addf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", r->method ? r->method : "GET", path,
			host);
	if (x->upgrade)
		bad |= buf_addf(out, "Connection: Upgrade\r\nUpgrade: %s\r\n", x->upgrade);
	else
		bad |= buf_add_str(out, "Connection: close\r\n");
	if (r->bearer)
		bad |= buf_addf(out, "Authorization: Bearer %s\r\n", r->bearer);
	for (size_t i = 0; r->headers && i < r->headers->n; i++)
		bad |= buf_addf(out, "%s\r\n", r->headers->items[i]);
	if (has_body(r))
		bad |= buf_addf(out, "Content-Length: %zu\r\n", r->body_len);
	bad |= buf_add_str(out, "\r\n");
	return bad ? err_set(err, -E2BIG, "headers of more than %u bytes", HEADERS_MAX) : 0;
}

static int send_request(const struct exchange *x, struct err *err)
{
	auto_buf struct buf head = { 0 };

	buf_init(&head, HEADERS_MAX);
	int r = build_head(x, &head, err);
	if (r == 0)
		r = send_all(x, head.data, head.len, err);
	if (r == 0 && x->request->body)
		r = send_all(x, x->request->body, x->request->body_len, err);
	return r;
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

/* Takes status line and headers off what was received: 1, or 0 if they are not there yet. */
static int take_head(struct exchange *x, struct err *err)
{
	const char *end = strstr(x->in.data, "\r\n\r\n");

	if (!end)
		return 0;
	auto_free char *head = xstrndup(x->in.data, (size_t)(end - x->in.data));
	auto_strv struct strv lines = { 0 };

	buf_drop(&x->in, (size_t)(end - x->in.data) + 4);
	strv_split(&lines, head, "\r\n");
	int r = parse_status(x, lines.n ? lines.items[0] : "", err);
	if (r < 0)
		return r;
	for (size_t i = 1; i < lines.n; i++)
		strv_add(&x->headers, lines.items[i]);
	return 1;
}

/* Another answer follows: it was "100 Continue" or the like. */
static bool is_interim(const struct exchange *x)
{
	return x->status / 100 == 1 && !(x->upgrade && x->status == 101);
}

static int receive_head(struct exchange *x, struct err *err)
{
	for (;;) {
		int r = take_head(x, err);

		if (r < 0 || (r > 0 && !is_interim(x)))
			return r < 0 ? r : 0;
		if (r > 0) {
			strv_fini(&x->headers);
			continue;
		}
		r = exchange_receive(x, err);
		if (r <= 0)
			return r < 0 ? r : exchange_broken_off(err);
	}
}

int exchange_ask(struct exchange *x, struct err *err)
{
	int r = send_request(x, err);

	return r < 0 ? r : receive_head(x, err);
}

void exchange_answer(struct exchange *x, struct buf *body, struct http_client_response *ret)
{
	*ret = (struct http_client_response){ .status = x->status,
					      .headers = x->headers,
					      .body_len = body->len };
	ret->body = buf_take(body);
	x->headers = (struct strv){ 0 };
}
