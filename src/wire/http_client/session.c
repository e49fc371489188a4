/* Connections that leave HTTP, whoever carries their bytes. */
#include <sys/socket.h>

#include "base/clock.h"
#include "wire/http_client/internal.h"

#define ANSWER_TIMEOUT_MS 60000

struct http_client_session *session_new(int fd)
{
	struct http_client_session *s = NEW(struct http_client_session);

	s->fd = fd;
	buf_init(&s->early, EXCHANGE_IN_MAX);
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

int session_begin(struct http_client_session *take_session,
		  const struct http_client_request *request, const char *protocol,
		  struct http_client_upgrade *ret, struct err *err)
{
	auto_(http_client_session_free) struct http_client_session *session = take_session;
	struct http_client_request asked = *request;
	auto_exchange struct exchange x = { 0 };
	auto_buf struct buf body = { 0 };
	struct err why = { 0 };

	asked.sink = NULL;
	exchange_init(&x, &asked, session);
	buf_init(&body, BODY_MAX);
	x.upgrade = protocol;
	x.end_ms = clock_monotonic_ms() + ANSWER_TIMEOUT_MS;
	int r = exchange_ask(&x, &why);
	if (r < 0)
		return request_fail(request, r, &why, err);
	bool is_upgraded = x.status == 101;
	if (is_upgraded)
		buf_add(&session->early, x.in.data, x.in.len);
	else /* of a refusal, what there is of it */
		exchange_read_body(&x, &body, &why);
	*ret = (struct http_client_upgrade){ .session = is_upgraded ? TAKE(session) : NULL };
	exchange_answer(&x, &body, &ret->response);
	return 0;
}

int http_client_upgrade_local(const struct http_client_request *request, const char *protocol,
			      struct http_client_upgrade *ret, struct err *err)
{
	struct http_client_session *session;
	int r = local_open(request, &session, err);

	return r < 0 ? r : session_begin(session, request, protocol, ret, err);
}
