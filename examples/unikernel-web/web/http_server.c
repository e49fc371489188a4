/* One struct http_conn per connection:
 *
 *	READING --request--> WAITING --reply--> SENDING --+--> closed
 *	   ^                                              |
 *	   +----------------- kept alive -----------------+
 *
 * lwIP forbids freeing a connection inside its own callbacks otherwise than by
 * tcp_close(), or by tcp_abort() with ERR_ABRT returned. So only on_poll() aborts. */
#include <string.h>

#include "kernel/console.h"
#include "kernel/format.h"
#include "lwip/mem.h"
#include "lwip/tcp.h"
#include "web/http_server.h"

enum {
	INPUT_MAX = 2048,
	HEAD_MAX = 256,
	POLL_INTERVAL = 2, /* of TCP's coarse timer: one second */
	READ_SECONDS = 10,
	SEND_SECONDS = 20,
};

enum http_state {
	HTTP_READING,
	HTTP_WAITING,
	HTTP_SENDING,
	HTTP_CLOSING,
};

struct http_conn {
	struct http_server *server;
	struct tcp_pcb *pcb;
	enum http_state state;
	unsigned seconds; /* in this state without progress */
	struct http_request request;
	bool keep_alive;
	char *out; /* the reply, NULL when there is none */
	size_t out_length;
	size_t out_queued; /* given to TCP */
	size_t out_acked;  /* confirmed by the client */
	void (*leave)(void *arg);
	void *leave_arg;
	void (*sent)(void);
	size_t in_length;
	size_t in_taken; /* bytes of the request being answered */
	char in[INPUT_MAX + 1];
};

static void read_requests(struct http_conn *conn);
static void watch(struct http_conn *conn);

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 500:
		return "Internal Server Error";
	case 502:
		return "Bad Gateway";
	case 503:
		return "Service Unavailable";
	case 507:
		return "Insufficient Storage";
	default:
		return "Other";
	}
}

static void conn_free(struct http_conn *conn)
{
	void (*sent)(void) = conn->sent;

	if (conn->leave)
		conn->leave(conn->leave_arg);
	conn->server->connections--;
	if (conn->out)
		mem_free(conn->out);
	mem_free(conn);
	if (sent)
		sent();
}

/* Without memory for the FIN the state stays CLOSING and on_poll() tries again. */
static void conn_close(struct http_conn *conn)
{
	struct tcp_pcb *pcb = conn->pcb;

	conn->state = HTTP_CLOSING;
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
	tcp_poll(pcb, NULL, 0);
	if (tcp_close(pcb) == ERR_OK) {
		conn_free(conn);
		return;
	}
	watch(conn);
}

static void set_state(struct http_conn *conn, enum http_state state)
{
	conn->state = state;
	conn->seconds = 0;
}

static void finish_reply(struct http_conn *conn)
{
	mem_free(conn->out);
	conn->out = NULL;
	conn->in_length -= conn->in_taken;
	memmove(conn->in, conn->in + conn->in_taken, conn->in_length);
	conn->in_taken = 0;
	set_state(conn, HTTP_READING);
	/* A connection that only might be used again gives way to a new one. */
	tcp_setprio(conn->pcb, TCP_PRIO_MIN);
	read_requests(conn);
}

static void send_more(struct http_conn *conn)
{
	size_t left = conn->out_length - conn->out_queued;
	size_t room = tcp_sndbuf(conn->pcb);
	u16_t n = (u16_t)(left < room ? left : room);

	if (n &&
	    tcp_write(conn->pcb, conn->out + conn->out_queued, n, TCP_WRITE_FLAG_COPY) == ERR_OK)
		conn->out_queued += n;
	tcp_output(conn->pcb);
	if (conn->out_queued < conn->out_length || conn->keep_alive)
		return;
	/* TCP has a copy of the rest; only a wish to know the end keeps us. */
	if (!conn->sent)
		conn_close(conn);
}

static size_t put_head(const struct http_conn *conn, const struct http_reply *reply, char *out)
{
	struct text head;

	text_init(&head, out, HEAD_MAX);
	text_add(&head, "HTTP/1.1 %u %s\r\n", reply->status, reason_of(reply->status));
	text_add(&head, "Content-Type: text/plain; charset=utf-8\r\n");
	text_add(&head, "Content-Length: %zu\r\n", reply->length);
	text_add(&head, "Connection: %s\r\n\r\n", conn->keep_alive ? "keep-alive" : "close");
	return head.length;
}

void http_reply(struct http_conn *conn, const struct http_reply *reply)
{
	conn->leave = NULL;
	console_printf("%s %s %u %s\n", conn->request.method, conn->request.path, reply->status,
		       ipaddr_ntoa(&conn->pcb->remote_ip));
	if (conn->sent)
		conn->keep_alive = false;
	conn->out = mem_malloc(HEAD_MAX + reply->length);
	if (!conn->out) {
		conn_close(conn);
		return;
	}
	conn->out_length = put_head(conn, reply, conn->out);
	if (!conn->request.is_head) {
		memcpy(conn->out + conn->out_length, reply->body, reply->length);
		conn->out_length += reply->length;
	}
	conn->out_queued = 0;
	conn->out_acked = 0;
	set_state(conn, HTTP_SENDING);
	send_more(conn);
}

void http_reply_text(struct http_conn *conn, unsigned status, const char *format, ...)
{
	char line[512];
	struct text t;
	va_list args;

	text_init(&t, line, sizeof(line));
	va_start(args, format);
	text_vadd(&t, format, args);
	va_end(args);
	http_reply(conn, &(struct http_reply){ status, line, t.length });
}

void http_on_leave(struct http_conn *conn, void (*leave)(void *arg), void *arg)
{
	conn->leave = leave;
	conn->leave_arg = arg;
}

void http_on_sent(struct http_conn *conn, void (*sent)(void))
{
	conn->sent = sent;
}

static void refuse(struct http_conn *conn)
{
	conn->request = (struct http_request){ .method = "?", .path = "?", .query = "" };
	conn->keep_alive = false;
	conn->in_taken = conn->in_length;
	set_state(conn, HTTP_WAITING);
	http_reply_text(conn, 400, "bad request\n");
}

/* The connection may be gone when this returns. */
static void read_requests(struct http_conn *conn)
{
	long taken = http_request_parse(conn->in, conn->in_length, &conn->request);

	if (taken < 0 || (!taken && conn->in_length == INPUT_MAX)) {
		refuse(conn);
		return;
	}
	if (!taken)
		return;
	conn->in_taken = (size_t)taken;
	conn->keep_alive = conn->request.keep_alive;
	conn->server->requests++;
	set_state(conn, HTTP_WAITING);
	tcp_setprio(conn->pcb, TCP_PRIO_NORMAL);
	conn->server->handler(conn->server->arg, conn, &conn->request);
}

static void take_input(struct http_conn *conn, struct pbuf *p)
{
	size_t room = INPUT_MAX - conn->in_length;
	u16_t n = (u16_t)(p->tot_len < room ? p->tot_len : room);

	/* What comes early and finds no room cannot be answered later. */
	if (n < p->tot_len)
		conn->keep_alive = false;
	conn->in_length += pbuf_copy_partial(p, conn->in + conn->in_length, n, 0);
	tcp_recved(conn->pcb, p->tot_len);
	pbuf_free(p);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	struct http_conn *conn = arg;

	(void)pcb;
	(void)error;
	if (p)
		take_input(conn, p);
	else if (conn->state == HTTP_READING)
		conn_close(conn);
	else
		conn->keep_alive = false; /* half closed: it still reads the reply */
	if (p && conn->state == HTTP_READING)
		read_requests(conn);
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
	struct http_conn *conn = arg;

	(void)pcb;
	conn->out_acked += length;
	conn->seconds = 0;
	if (conn->state != HTTP_SENDING)
		return ERR_OK;
	if (conn->out_acked < conn->out_length)
		send_more(conn);
	else if (conn->keep_alive)
		finish_reply(conn);
	else
		conn_close(conn);
	return ERR_OK;
}

static bool is_late(const struct http_conn *conn)
{
	switch (conn->state) {
	case HTTP_READING:
		return conn->seconds > READ_SECONDS;
	case HTTP_SENDING:
	case HTTP_CLOSING:
		return conn->seconds > SEND_SECONDS;
	case HTTP_WAITING:
	default:
		return false; /* the handler has a deadline of its own */
	}
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
	struct http_conn *conn = arg;

	conn->seconds++;
	if (is_late(conn)) {
		tcp_err(pcb, NULL);
		tcp_abort(pcb);
		conn_free(conn);
		return ERR_ABRT;
	}
	if (conn->state == HTTP_SENDING)
		send_more(conn);
	else if (conn->state == HTTP_CLOSING)
		conn_close(conn);
	return ERR_OK;
}

/* The connection is gone already. */
static void on_error(void *arg, err_t error)
{
	(void)error;
	conn_free(arg);
}

static void watch(struct http_conn *conn)
{
	tcp_arg(conn->pcb, conn);
	tcp_recv(conn->pcb, on_recv);
	tcp_sent(conn->pcb, on_sent);
	tcp_err(conn->pcb, on_error);
	tcp_poll(conn->pcb, on_poll, POLL_INTERVAL);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct http_server *server = arg;
	struct http_conn *conn;

	if (error != ERR_OK || !pcb)
		return ERR_VAL;
	conn = mem_malloc(sizeof(*conn));
	if (!conn)
		return ERR_MEM; /* lwIP aborts the connection */
	memset(conn, 0, sizeof(*conn));
	conn->server = server;
	conn->pcb = pcb;
	server->connections++;
	tcp_nagle_disable(pcb);
	watch(conn);
	return ERR_OK;
}

int http_server_start(struct http_server *server, uint16_t port)
{
	struct tcp_pcb *pcb = tcp_new(), *listener;

	if (!pcb)
		return -1;
	if (tcp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK)
		return -1;
	listener = tcp_listen(pcb);
	if (!listener)
		return -1;
	tcp_arg(listener, server);
	tcp_accept(listener, on_accept);
	return 0;
}
