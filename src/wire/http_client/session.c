/* Connections that leave HTTP, whoever carries their bytes. */
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "wire/http_client/internal.h"

#define ANSWER_TIMEOUT_MS 60000
#define PIECE             4096

/* A request under way. */
struct asking {
	const struct http_client_request *request;
	struct http_client_session *session;
	uint64_t end_ms;
};

struct http_client_session *session_new(int fd)
{
	struct http_client_session *s = NEW(struct http_client_session);

	s->fd = fd;
	buf_init(&s->early, HEADERS_MAX + BODY_MAX);
	return s;
}

struct http_client_session *http_client_session_free(struct http_client_session *s)
{
	if (!s)
		return NULL;
	if (s->carrier)
		s->carrier->close(s->arg);
	else if (s->fd >= 0)
		close(s->fd);
	buf_fini(&s->early);
	free(s);
	return NULL;
}

int http_client_session_fd(const struct http_client_session *s)
{
	return s->fd;
}

static ssize_t code_of_errno(void)
{
	return errno == EAGAIN || errno == EINTR ? -EAGAIN : -ECONNRESET;
}

ssize_t http_client_session_read(struct http_client_session *s, void *out, size_t size)
{
	size_t n = s->early.len < size ? s->early.len : size;

	if (n) {
		memcpy(out, s->early.data, n);
		buf_drop(&s->early, n);
		return (ssize_t)n;
	}
	if (s->carrier)
		return s->carrier->read(s->arg, out, size);
	ssize_t r = recv(s->fd, out, size, MSG_DONTWAIT);
	return r < 0 ? code_of_errno() : r;
}

ssize_t http_client_session_write(struct http_client_session *s, const void *data, size_t len)
{
	if (s->carrier)
		return s->carrier->write(s->arg, data, len);
	ssize_t r = send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return r < 0 ? code_of_errno() : r;
}

/* "http://host:1/path" gives host:1 and /path. */
static void split_url(const char *url, char **ret_host, const char **ret_path)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	size_t len = strcspn(host, "/");
	*ret_host = xstrndup(host, len);
	*ret_path = host[len] ? host + len : "/";
}

static char *build_head(const struct http_client_request *r, const char *protocol)
{
	auto_buf struct buf out;
	auto_free char *host = NULL;
	const char *path;

	buf_init(&out, HEADERS_MAX);
	split_url(r->url, &host, &path);
	buf_addf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\n", r->method ? r->method : "GET", path, host);
	buf_addf(&out, "Connection: Upgrade\r\nUpgrade: %s\r\n", protocol);
	if (r->bearer)
		buf_addf(&out, "Authorization: Bearer %s\r\n", r->bearer);
	for (size_t i = 0; r->headers && i < r->headers->n; i++)
		buf_addf(&out, "%s\r\n", r->headers->items[i]);
	buf_addf(&out, "Content-Length: %zu\r\n\r\n", r->body_len);
	return buf_take(&out);
}

/* Until the socket is ready or the time over. */
static int wait_ready(const struct asking *a, short events, struct err *err)
{
	struct pollfd p = { .fd = a->session->fd, .events = events };

	if (clock_poll(&p, 1, a->end_ms) > 0)
		return 0;
	return err_set(err, -ETIMEDOUT, "ask %s: no answer", a->request->url);
}

static int send_all(struct asking *a, const char *data, size_t len, struct err *err)
{
	while (len) {
		ssize_t n = http_client_session_write(a->session, data, len);

		if (n == -EAGAIN) {
			int r = wait_ready(a, POLLOUT, err);

			if (r < 0)
				return r;
			continue;
		}
		if (n < 0)
			return err_set(err, (int)n, "ask %s: %s", a->request->url,
				       strerror((int)-n));
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* More of the answer: 0 at its end. */
static int receive_more(struct asking *a, struct buf *in, struct err *err)
{
	char piece[PIECE];

	for (;;) {
		ssize_t n = http_client_session_read(a->session, piece, sizeof(piece));

		if (n == -EAGAIN) {
			int r = wait_ready(a, POLLIN, err);

			if (r < 0)
				return r;
			continue;
		}
		if (n < 0)
			return err_set(err, (int)n, "ask %s: %s", a->request->url,
				       strerror((int)-n));
		if (buf_add(in, piece, (size_t)n) < 0)
			return err_set(err, -E2BIG, "ask %s: an answer of more than %zu bytes",
				       a->request->url, in->max);
		return n > 0;
	}
}

static int receive_head(struct asking *a, struct buf *in, struct err *err)
{
	int r = 1;

	while (!strstr(in->data, "\r\n\r\n")) {
		if (in->len >= HEADERS_MAX)
			return err_set(err, -E2BIG, "ask %s: headers of more than %u bytes",
				       a->request->url, HEADERS_MAX);
		r = receive_more(a, in, err);
		if (r <= 0)
			return r < 0 ? r
				     : err_set(err, -ECONNRESET, "ask %s: no answer",
					       a->request->url);
	}
	return 0;
}

/* The head off the front of what came. */
static int parse_head(const struct asking *a, struct buf *in, struct http_client_response *ret,
		      struct err *err)
{
	size_t len = (size_t)(strstr(in->data, "\r\n\r\n") - in->data);
	auto_free char *head = xstrndup(in->data, len);
	auto_strv struct strv lines = { 0 };
	uint32_t status;

	buf_drop(in, len + 4);
	strv_split(&lines, head, "\r\n");
	if (!lines.n || !str_starts(lines.items[0], "HTTP/1.1 ") || strlen(lines.items[0]) < 12)
		return err_set(err, -EPROTO, "ask %s: that is no HTTP server", a->request->url);
	auto_free char *number = xstrndup(lines.items[0] + 9, 3);
	if (parse_u32(number, 100, 599, &status) < 0)
		return err_set(err, -EPROTO, "ask %s: bad status", a->request->url);
	ret->status = status;
	for (size_t i = 1; i < lines.n; i++)
		strv_add(&ret->headers, lines.items[i]);
	return 0;
}

/* Of a refusal: what there is of it. */
static void receive_body(struct asking *a, struct buf *in, struct http_client_response *ret)
{
	const char *length = http_client_header(ret, "Content-Length");
	uint64_t want = 0;
	struct err ignored;

	if (length && parse_u64(length, 0, BODY_MAX, &want) < 0)
		want = 0;
	while (in->len < want && receive_more(a, in, &ignored) > 0)
		continue;
	ret->body_len = in->len;
	ret->body = buf_take(in);
}

static int ask(struct asking *a, const char *protocol, struct http_client_response *ret,
	       struct err *err)
{
	auto_buf struct buf in;
	auto_free char *head = build_head(a->request, protocol);
	struct http_client_response response = { 0 };

	buf_init(&in, HEADERS_MAX + BODY_MAX);
	int r = send_all(a, head, strlen(head), err);
	if (r == 0)
		r = send_all(a, a->request->body, a->request->body_len, err);
	if (r == 0)
		r = receive_head(a, &in, err);
	if (r == 0)
		r = parse_head(a, &in, &response, err);
	if (r < 0) {
		http_client_response_fini(&response);
		return r;
	}
	if (response.status == 101)
		buf_add(&a->session->early, in.data, in.len);
	else
		receive_body(a, &in, &response);
	*ret = response;
	return 0;
}

int session_begin(struct http_client_session *take_session,
		  const struct http_client_request *request, const char *protocol,
		  struct http_client_upgrade *ret, struct err *err)
{
	struct asking a = { .request = request,
			    .session = take_session,
			    .end_ms = clock_monotonic_ms() + ANSWER_TIMEOUT_MS };
	struct http_client_response response = { 0 };
	int r = ask(&a, protocol, &response, err);

	if (r < 0 || response.status != 101)
		take_session = http_client_session_free(take_session);
	if (r == 0)
		*ret = (struct http_client_upgrade){ take_session, response };
	return r;
}

int http_client_upgrade_local(const struct http_client_request *request, const char *protocol,
			      struct http_client_upgrade *ret, struct err *err)
{
	int fd = local_connect(request->unix_path, err);

	if (fd < 0) {
		auto_free char *what = request_describe(request);

		return err_wrap(err, "%s", what);
	}
	return session_begin(session_new(fd), request, protocol, ret, err);
}
