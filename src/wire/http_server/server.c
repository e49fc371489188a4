/* The library in the loop: its epoll descriptor is watched, its time-out is a timer, and its callbacks
 * are turned into notices that are acted on when it has returned. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#include "wire/http_server/internal.h"
#include "wire/http_server/tls.h"

#define MAX_BODY         (1u << 20)
#define MAX_STREAM       (256u << 10)
#define LEAST_PLACES     64
#define MOST_PLACES      1024
#define N_RESERVED       16
#define HANDSHAKE_MS     10000
#define HEAD_TIMEOUT_MS  10000
#define BODY_TIMEOUT_MS  30000
#define IDLE_TIMEOUT_MS  60000
#define STALL_TIMEOUT_MS 30000
#define MAX_HANDSHAKES   64
#define RUNS_A_TURN      8

void notice(struct http_request *r, enum notice what)
{
	r->notices |= what;
	list_remove(&r->node);
	list_push(&r->conn->server->due, &r->node);
	run_soon(r->conn->server);
}

/* One callback of one request, which may be gone afterwards. */
static void act(struct http_server *server, struct http_request *r)
{
	if (r->notices & NOTICE_HANDLE) {
		r->notices &= ~NOTICE_HANDLE;
		r->is_owned = true;
		server->config.handler(server->config.arg, r);
		return;
	}
	if (r->notices & NOTICE_EARLY) {
		r->notices &= ~NOTICE_EARLY;
		upgrade_take_early(r);
		return;
	}
	bool is_gone = r->notices & NOTICE_GONE;
	void (*fn)(void *) = is_gone ? r->gone : r->room;
	void *arg = is_gone ? r->gone_arg : r->room_arg;

	/* There is no room any more where nobody reads. */
	r->notices = 0;
	if (is_gone)
		r->gone = NULL;
	if (fn && r->is_owned)
		fn(arg);
}

static void act_on_notices(struct http_server *server)
{
	struct list batch;
	struct list *node;

	list_init(&batch);
	while ((node = list_pop(&server->due)))
		list_push(&batch, node);
	while ((node = list_pop(&batch)))
		act(server, container_of(node, struct http_request, node));
}

static void run_now(void *arg);

static void arm(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG delay_ms;

	if (!list_is_empty(&server->due))
		run_soon(server);
	else if (!server->run_timer && MHD_get_timeout(server->mhd, &delay_ms) == MHD_YES)
		server->run_timer = timer_start(server->loop, delay_ms, run_now, server);
}

/* Whether it has more to do at once. */
static bool is_busy(const struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG delay_ms;

	return MHD_get_timeout(server->mhd, &delay_ms) == MHD_YES && !delay_ms;
}

/* The library writes one block of each answer at a time. */
static void run_now(void *arg)
{
	struct http_server *server = arg;
	int left = RUNS_A_TURN;

	server->run_timer = NULL;
	server->is_running = true;
	do
		MHD_run(server->mhd);
	while (--left && list_is_empty(&server->due) && is_busy(server));
	server->is_running = false;
	listeners_continue(server);
	act_on_notices(server);
	arm(server);
}

static void on_ready(void *arg, unsigned events)
{
	struct http_server *server = arg;

	timer_cancel(server->run_timer);
	run_now(server);
}

void run_soon(struct http_server *server)
{
	if (server->is_running) /* the end of the run looks after it */
		return;
	timer_cancel(server->run_timer);
	server->run_timer = timer_start(server->loop, 0, run_now, server);
}

void suspend(struct http_request *r)
{
	r->is_suspended = true;
	MHD_suspend_connection(r->conn->mhd);
}

void resume(struct http_request *r)
{
	if (!r->is_suspended)
		return;
	r->is_suspended = false;
	r->conn->hangup = io_cancel(r->conn->hangup);
	MHD_resume_connection(r->conn->mhd);
	run_soon(r->conn->server);
}

static void on_hangup(void *arg, unsigned events)
{
	struct connection *conn = arg;
	struct http_request *r = conn->request;

	conn->hangup = io_cancel(conn->hangup);
	notice(r, NOTICE_GONE);
	/* A stream ends here. A reply is still sent: a client may close its sending half and read. */
	if (r->is_stream) {
		r->is_cut = true;
		resume(r);
	}
}

void watch_hangup(struct connection *conn)
{
	if (!conn->hangup)
		conn->hangup = io_watch(conn->server->loop, conn->fd, IO_HANGUP, on_hangup, conn);
}

void http_request_on_gone(struct http_request *r, void (*fn)(void *arg), void *arg)
{
	r->gone = fn;
	r->gone_arg = arg;
	if (fn && r->conn && r->is_suspended)
		watch_hangup(r->conn);
}

/* The library's callbacks, in the order of a request's life. */

static struct connection *find_connection(struct http_server *server, int fd)
{
	/* Mostly one of the newest. */
	for (struct list *pos = server->connections.prev; pos != &server->connections;
	     pos = pos->prev) {
		struct connection *conn = container_of(pos, struct connection, node);

		if (conn->fd == fd)
			return conn;
	}
	return NULL;
}

static void on_closed(struct connection *conn)
{
	if (!conn)
		return;
	if (conn->is_refused && !conn->link)
		linger_begin(conn->server, conn->fd);
	connection_free(conn);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		on_closed(*context);
		*context = NULL;
		return;
	}
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *conn = find_connection(arg, info->connect_fd);
	conn->mhd = mhd;
	*context = conn;
}

static void *on_target(void *arg, const char *target, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *conn = info->socket_context;

	conn->request = request_new(conn, target);
	connection_set_deadline(conn, conn->server->config.head_timeout_ms);
	return conn->request;
}

static enum MHD_Result on_head(struct http_request *r, const char *method)
{
	unsigned status = request_parse_head(r, method);

	connection_set_deadline(r->conn, r->conn->server->config.body_timeout_ms);
	if (!status)
		return MHD_YES;
	r->conn->is_refused = true;
	return answer_now(r, status) == MHD_YES ? MHD_YES : MHD_NO;
}

/* Of the body; false if it is too long. */
static bool take(struct http_request *r, const char *data, size_t len)
{
	if (!r->is_ignored)
		return buf_add(&r->body, data, len) == 0;
	r->n_ignored += len;
	return r->n_ignored <= HTTP_IGNORED_MAX;
}

static enum MHD_Result on_body(struct http_request *r, const char *data, size_t *len)
{
	/* Without a declared length it shows only now; the rest is read and thrown away. */
	if (!r->is_too_large && !take(r, data, *len)) {
		r->is_too_large = true;
		buf_reset(&r->body);
	}
	*len = 0;
	return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *len, void **context)
{
	struct http_request *r = *context;

	if (!r || r->is_cut)
		return MHD_NO;
	if (!r->is_known)
		return on_head(r, method);
	if (*len)
		return on_body(r, data, len);
	if (r->is_too_large)
		return answer_now(r, 413) == MHD_YES ? MHD_YES : MHD_NO;
	connection_set_deadline(r->conn, 0);
	suspend(r);
	notice(r, NOTICE_HANDLE);
	return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct http_request *r = *context;

	*context = NULL;
	if (!r)
		return;
	struct connection *conn = r->conn;
	conn->request = NULL;
	r->io = io_cancel(r->io);
	conn->hangup = io_cancel(conn->hangup);
	connection_set_deadline(conn, conn->server->config.idle_timeout_ms);
	if (!r->is_owned) {
		request_free(r);
		return;
	}
	notice(r, NOTICE_GONE);
	r->conn = NULL;
}

static __attribute__((format(printf, 2, 0))) void on_log(void *arg, const char *fmt, va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http server: %s", line);
}

/* A share of what this process may open: TLS takes three for a connection. */
static unsigned count_places(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 4 < LEAST_PLACES)
		return LEAST_PLACES;
	return limit.rlim_cur / 4 < MOST_PLACES ? (unsigned)(limit.rlim_cur / 4) : MOST_PLACES;
}

static void set_limits(struct http_server_config *c)
{
	c->max_connections = c->max_connections ? c->max_connections : count_places();
	c->n_reserved = c->n_reserved ? c->n_reserved : N_RESERVED;
	assert(c->n_reserved < c->max_connections);
	if (!c->max_strangers)
		c->max_strangers = (c->max_connections - c->n_reserved) * 3 / 4;
	c->max_strangers = c->max_strangers ? c->max_strangers : 1;
	if (!c->max_of_address)
		c->max_of_address = (c->max_strangers + 1) / 2;
}

static void set_defaults(struct http_server_config *c)
{
	c->max_body = c->max_body ? c->max_body : MAX_BODY;
	c->max_stream = c->max_stream ? c->max_stream : MAX_STREAM;
	set_limits(c);
	c->handshake_timeout_ms = c->handshake_timeout_ms ? c->handshake_timeout_ms : HANDSHAKE_MS;
	c->head_timeout_ms = c->head_timeout_ms ? c->head_timeout_ms : HEAD_TIMEOUT_MS;
	c->body_timeout_ms = c->body_timeout_ms ? c->body_timeout_ms : BODY_TIMEOUT_MS;
	c->idle_timeout_ms = c->idle_timeout_ms ? c->idle_timeout_ms : IDLE_TIMEOUT_MS;
	c->stall_timeout_ms = c->stall_timeout_ms ? c->stall_timeout_ms : STALL_TIMEOUT_MS;
	c->max_handshakes = c->max_handshakes ? c->max_handshakes : MAX_HANDSHAKES;
}

struct http_server *http_server_new(struct loop *loop, const struct http_server_config *config)
{
	struct http_server *server = NEW(struct http_server);

	server->loop = loop;
	server->config = *config;
	set_defaults(&server->config);
	list_init(&server->listeners);
	list_init(&server->connections);
	list_init(&server->lingering);
	list_init(&server->handshakes);
	list_init(&server->links);
	list_init(&server->due);
	server->mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
			MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, server,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
		MHD_OPTION_CONNECTION_LIMIT, 2 * server->config.max_connections + 1,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (!server->mhd) {
		log_error("start http server: %s", strerror(errno));
		abort();
	}
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->mhd,
							       MHD_DAEMON_INFO_EPOLL_FD);
	server->io = io_watch(loop, info->epoll_fd, IO_READ, on_ready, server);
	return server;
}

/* The library refuses to stop while a connection is suspended or upgraded. */
static void resume_all(struct http_server *server)
{
	struct list *pos;
	struct list *tmp;

	list_for_each(pos, tmp, &server->connections) {
		struct connection *conn = container_of(pos, struct connection, node);

		if (conn->request && conn->request->upgrade)
			upgrade_close(conn->request);
		else if (conn->request)
			resume(conn->request);
	}
}

bool http_server_is_flushed(const struct http_server *server)
{
	struct list *pos;
	struct list *tmp;

	list_for_each(pos, tmp, &server->connections) {
		const struct http_request *r = container_of(pos, struct connection, node)->request;

		if (r && r->is_ended && !r->is_stream)
			return false;
	}
	return tls_links_are_flushed(server);
}

struct http_server *http_server_free(struct http_server *server)
{
	struct list *node;

	if (!server)
		return NULL;
	assert(!server->is_running);
	io_cancel(server->io);
	while (!list_is_empty(&server->listeners))
		listener_free(container_of(server->listeners.next, struct listener, node));
	resume_all(server);
	MHD_stop_daemon(server->mhd);
	tls_links_end(server);
	tls_free(server->tls);
	linger_end_all(server);
	/* What is still owned is orphaned: its answers go nowhere, and no callback comes. */
	while ((node = list_pop(&server->due)))
		continue;
	timer_cancel(server->run_timer);
	free(server);
	return NULL;
}
