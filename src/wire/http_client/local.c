/* Requests over a unix socket without any library, one request a connection.
 *
 * The other end is our own server. docs/decisions tells why this is not libcurl. */
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "wire/http_client/internal.h"

static uint32_t given_or(uint32_t given_ms, uint32_t otherwise_ms)
{
	return given_ms ? given_ms : otherwise_ms;
}

/* -ECONNREFUSED and so on. */
static int local_connect(const char *path, struct err *err)
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

int local_open(const struct http_client_request *request, struct http_client_session **ret,
	       struct err *err)
{
	struct err why = { 0 };
	int fd = local_connect(request->unix_path, &why);

	if (fd < 0)
		return request_fail(request, fd, &why, err);
	*ret = session_new(fd);
	return 0;
}

static void set_limits(struct exchange *x)
{
	const struct http_client_request *r = x->request;
	uint32_t total_ms = given_or(r->total_timeout_ms,
				     r->sink ? HTTP_CLIENT_NO_TIMEOUT : TOTAL_TIMEOUT_MS);

	if (total_ms != HTTP_CLIENT_NO_TIMEOUT)
		x->end_ms = clock_monotonic_ms() + total_ms;
	x->stall_ms = given_or(r->stall_timeout_ms, STALL_TIMEOUT_MS);
}

int http_client_perform_local(const struct http_client_request *request,
			      struct http_client_response *ret, struct err *err)
{
	auto_(http_client_session_free) struct http_client_session *session = NULL;
	struct err why = { 0 };
	auto_exchange struct exchange x = { 0 };
	auto_buf struct buf body = { 0 };
	int r = local_open(request, &session, err);

	if (r < 0)
		return r;
	exchange_init(&x, request, session);
	buf_init(&body, request->max_body ? request->max_body : BODY_MAX);
	set_limits(&x);
	r = exchange_ask(&x, &why);
	if (r == 0)
		r = exchange_read_body(&x, &body, &why);
	if (r < 0)
		return request_fail(request, r, &why, err);
	exchange_answer(&x, &body, ret);
	return 0;
}
