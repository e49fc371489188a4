/* Connections that are no longer HTTP: the library has handed the socket over, which is read and
 * written here until it is given back. */
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>

#include "wire/http_server/internal.h"
#include "wire/http_server/tls.h"

#define PIECE       ((size_t)64 << 10)
#define SILENCE_S   60 /* before the system asks whether the client is still there */
#define ASK_EVERY_S 15
#define ASK_TIMES   4

static void watch(struct http_request *r);

static bool is_open(const struct http_request *r)
{
	return r->upgrade && r->conn && !r->is_cut;
}

void upgrade_close(struct http_request *r)
{
	struct MHD_UpgradeResponseHandle *upgrade = TAKE(r->upgrade);

	r->io = io_cancel(r->io);
	r->io_events = 0;
	if (!upgrade)
		return;
	MHD_upgrade_action(upgrade, MHD_UPGRADE_ACTION_CLOSE);
	run_soon(r->conn->server);
}

/* The client has gone, or cannot be reached. */
static void cut(struct http_request *r)
{
	void (*gone)(void *arg) = r->gone;

	r->is_cut = true;
	r->gone = NULL;
	upgrade_close(r);
	if (gone && r->is_owned)
		gone(r->gone_arg);
}

static void tell_room(struct http_request *r)
{
	if (!r->is_starved || r->stream.len > r->stream.max / 2)
		return;
	r->is_starved = false;
	if (r->room && r->is_owned)
		r->room(r->room_arg);
}

/* -EAGAIN if the client takes no more for now. */
static int send_pending(struct http_request *r)
{
	while (r->stream.len) {
		ssize_t n = send(r->conn->fd, r->stream.data, r->stream.len,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EINTR ? -EAGAIN : -errno;
		buf_drop(&r->stream, (size_t)n);
	}
	return 0;
}

/* From the loop: callbacks may be called. */
static void flush(struct http_request *r)
{
	int r_send = send_pending(r);

	if (r_send < 0 && r_send != -EAGAIN && r_send != -EWOULDBLOCK) {
		cut(r);
		return;
	}
	if (r->is_ended && !r->stream.len) {
		upgrade_close(r);
		return;
	}
	tell_room(r);
	if (is_open(r))
		watch(r);
}

/* From the owner: what fails is met by the watch. */
void upgrade_flush(struct http_request *r)
{
	if (!is_open(r))
		return;
	send_pending(r);
	if (r->is_ended && !r->stream.len)
		upgrade_close(r);
	else
		watch(r);
}

static void receive(struct http_request *r)
{
	char piece[PIECE];
	ssize_t n = recv(r->conn->fd, piece, sizeof(piece), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		cut(r);
	else if (r->is_owned)
		r->take(r->take_arg, piece, (size_t)n);
}

static void on_io(void *arg, unsigned events)
{
	struct http_request *r = arg;

	if (events & IO_READ && !r->is_unwanted)
		receive(r);
	else if (events & IO_HANGUP)
		cut(r);
	if (is_open(r) && events & IO_WRITE)
		flush(r);
}

static void watch(struct http_request *r)
{
	unsigned events = (r->is_unwanted ? 0 : IO_READ) | (r->stream.len ? IO_WRITE : 0);

	/* A client that has closed is noticed even while nothing of it is wanted. */
	if (!(events & IO_READ))
		events |= IO_HANGUP;
	if (r->io && events == r->io_events)
		return;
	io_cancel(r->io);
	r->io_events = events;
	r->io = io_watch(r->conn->server->loop, r->conn->fd, events, on_io, r);
}

/* A client whose machine is gone without a word is noticed in about two minutes. */
static void keep_alive(const struct connection *conn)
{
	const struct {
		int level;
		int name;
		int value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, SILENCE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, ASK_EVERY_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, ASK_TIMES },
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
	};

	int fd = conn->link ? tls_link_socket(conn->link) : conn->fd;

	for (size_t i = 0; !conn->is_unix && i < ARRAY_LEN(options); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			   sizeof(options[i].value));
}

/* From inside the library. */
static void on_upgrade(void *arg, struct MHD_Connection *mhd, void *context, const char *extra,
		       size_t n_extra, MHD_socket fd, struct MHD_UpgradeResponseHandle *upgrade)
{
	struct http_request *r = arg;

	r->upgrade = upgrade;
	connection_set_deadline(r->conn, 0);
	keep_alive(r->conn);
	if (r->conn->link)
		tls_link_set_patient(r->conn->link);
	buf_add(&r->early, extra, n_extra);
	notice(r, NOTICE_EARLY);
}

void upgrade_take_early(struct http_request *r)
{
	if (!is_open(r))
		return;
	if (r->early.len && r->is_owned)
		r->take(r->take_arg, r->early.data, r->early.len);
	buf_reset(&r->early);
	if (is_open(r))
		flush(r);
}

bool http_request_asks_upgrade(const struct http_request *r, const char *protocol)
{
	const char *upgrade = http_request_header(r, "Upgrade");

	return upgrade && strcasecmp(upgrade, protocol) == 0;
}

void http_upgrade_begin(struct http_request *r, const char *protocol,
			void (*take)(void *arg, const char *data, size_t len), void *arg)
{
	assert(r->is_owned && !r->is_stream);
	r->is_stream = true;
	r->is_upgraded = true;
	r->take = take;
	r->take_arg = arg;
	if (!r->conn)
		return;
	struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, r);
	if (!response)
		abort();
	MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, protocol);
	connection_set_deadline(r->conn, r->conn->server->config.stall_timeout_ms);
	if (MHD_queue_response(r->conn->mhd, MHD_HTTP_SWITCHING_PROTOCOLS, response) != MHD_YES)
		r->is_cut = true;
	MHD_destroy_response(response);
	resume(r);
}

void http_upgrade_want(struct http_request *r, bool is_wanted)
{
	r->is_unwanted = !is_wanted;
	if (is_open(r))
		watch(r);
}
