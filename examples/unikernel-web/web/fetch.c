/* HTTP/1.0, so that a page ends with its connection and never comes in chunks.
 *
 *	RESOLVING --> CONNECTING --> READING --> done
 *
 * lwIP cannot take back a question to the name server: a fetch that ends before
 * the answer is kept, without owner, until the answer or its failure comes. */
#include <string.h>

#include "cmdline.h"
#include "kernel/format.h"
#include "lwip/dns.h"
#include "lwip/mem.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "web/fetch.h"

enum {
	HEAD_MAX = 4096,
	PATH_MAX = 2048,
	REPLY_MAX = HEAD_MAX + FETCH_BODY_MAX,
	REPLY_FIRST = 4096, /* memory taken at first; doubles as needed */
};

struct fetch {
	void (*done)(void *arg, const struct fetch_result *result);
	void *arg;
	struct tcp_pcb *pcb;
	bool is_resolving;
	bool is_connected;
	const char *failure; /* what the timer reports */
	uint16_t port;
	char host[URL_HOST_MAX + 1];
	char path[PATH_MAX];
	char *reply;
	size_t reply_size;
	size_t reply_length;
};

static void on_timeout(void *arg);

/* Lets go of the connection. Returns what an lwIP callback must return. */
static err_t drop_pcb(struct fetch *f)
{
	struct tcp_pcb *pcb = f->pcb;

	f->pcb = NULL;
	if (!pcb)
		return ERR_OK;
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_err(pcb, NULL);
	if (tcp_close(pcb) == ERR_OK)
		return ERR_OK;
	tcp_abort(pcb);
	return ERR_ABRT;
}

static err_t release(struct fetch *f)
{
	err_t result = drop_pcb(f);

	sys_untimeout(on_timeout, f);
	if (f->reply)
		mem_free(f->reply);
	f->reply = NULL;
	f->done = NULL;
	if (!f->is_resolving)
		mem_free(f);
	return result;
}

static err_t finish(struct fetch *f, const struct fetch_result *result)
{
	f->done(f->arg, result);
	return release(f);
}

static err_t fail(struct fetch *f, const char *failure)
{
	return finish(f, &(struct fetch_result){ .failure = failure });
}

static void on_timeout(void *arg)
{
	struct fetch *f = arg;

	if (!f->failure)
		f->failure = f->is_resolving   ? "resolve host: no answer from the name server"
			     : f->is_connected ? "read page: timed out"
					       : "connect: timed out";
	fail(f, f->failure);
}

/* Reports from the timer, for failures inside fetch_begin(). */
static void fail_soon(struct fetch *f, const char *failure)
{
	f->failure = failure;
	sys_untimeout(on_timeout, f);
	sys_timeout(0, on_timeout, f);
}

static const char *find_body(const struct fetch *f)
{
	const char *end = f->reply + f->reply_length;

	for (const char *p = f->reply; p + 3 < end; p++) {
		if (!memcmp(p, "\r\n\r\n", 4))
			return p + 4;
	}
	return NULL;
}

static unsigned parse_status(const char *reply)
{
	uint64_t status;

	if (strncmp(reply, "HTTP/1.", 7) || strlen(reply) < 12)
		return 0;
	reply += 9;
	if (!cmdline_parse_number(&reply, &status) || status < 200 || status > 599)
		return 0;
	return (unsigned)status;
}

/* Ends the fetch with what has come, or with the reason why that is no page. */
static err_t complete(struct fetch *f)
{
	const char *body = f->reply ? find_body(f) : NULL;
	unsigned status;

	if (!body)
		return fail(f, "read page: connection closed before the end of the head");
	status = parse_status(f->reply);
	if (!status)
		return fail(f, "read page: no HTTP/1 answer");
	return finish(f, &(struct fetch_result){
				 .status = status,
				 .body = body,
				 .length = f->reply_length - (size_t)(body - f->reply),
			 });
}

/* Whether all of a body whose length was told is here. */
static bool has_whole_body(const struct fetch *f)
{
	const char *body = find_body(f);
	const char *value;
	uint64_t length;

	if (!body)
		return false;
	value = http_header_find(f->reply, body, "content-length");
	if (!value || !cmdline_parse_number(&value, &length))
		return false;
	return f->reply_length - (size_t)(body - f->reply) >= length;
}

static bool grow(struct fetch *f, size_t needed)
{
	size_t size = f->reply_size ? f->reply_size : REPLY_FIRST;
	char *reply;

	while (size < needed)
		size *= 2;
	if (size == f->reply_size)
		return true;
	reply = mem_malloc(size);
	if (!reply)
		return false;
	if (f->reply) {
		memcpy(reply, f->reply, f->reply_length);
		mem_free(f->reply);
	}
	f->reply = reply;
	f->reply_size = size;
	return true;
}

/* Returns why the data cannot be taken, or NULL. */
static const char *take_data(struct fetch *f, struct pbuf *p)
{
	size_t needed = f->reply_length + p->tot_len + 1;

	if (needed > REPLY_MAX)
		return "read page: longer than 65536 bytes";
	if (!grow(f, needed))
		return "read page: out of memory";
	f->reply_length += pbuf_copy_partial(p, f->reply + f->reply_length, p->tot_len, 0);
	f->reply[f->reply_length] = '\0';
	return NULL;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	struct fetch *f = arg;
	const char *failure;

	(void)error;
	if (!p)
		return complete(f);
	failure = take_data(f, p);
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	if (failure)
		return fail(f, failure);
	return has_whole_body(f) ? complete(f) : ERR_OK;
}

/* The connection is gone already. */
static void on_error(void *arg, err_t error)
{
	struct fetch *f = arg;

	f->pcb = NULL;
	if (f->is_connected)
		fail(f, "read page: connection reset");
	else
		fail(f, error == ERR_RST ? "connect: connection refused" : "connect: timed out");
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct fetch *f = arg;
	char request[PATH_MAX + URL_HOST_MAX + 128];
	struct text t;

	(void)error;
	f->is_connected = true;
	text_init(&t, request, sizeof(request));
	text_add(&t, "GET %s HTTP/1.0\r\n", f->path);
	text_add(&t, "Host: %s:%u\r\nConnection: close\r\n\r\n", f->host, f->port);
	if (tcp_write(pcb, request, (u16_t)t.length, TCP_WRITE_FLAG_COPY) != ERR_OK)
		return fail(f, "send request: out of memory");
	tcp_output(pcb);
	return ERR_OK;
}

static void connect_to(struct fetch *f, const ip_addr_t *address)
{
	f->pcb = tcp_new();
	if (!f->pcb) {
		fail_soon(f, "connect: out of memory");
		return;
	}
	tcp_arg(f->pcb, f);
	tcp_recv(f->pcb, on_recv);
	tcp_err(f->pcb, on_error);
	if (tcp_connect(f->pcb, address, f->port, on_connected) != ERR_OK)
		fail_soon(f, "connect: no route to host");
}

static void on_resolved(const char *name, const ip_addr_t *address, void *arg)
{
	struct fetch *f = arg;

	(void)name;
	f->is_resolving = false;
	if (!f->done)
		mem_free(f);
	else if (!address)
		fail_soon(f, "resolve host: no such name");
	else
		connect_to(f, address);
}

static void resolve(struct fetch *f)
{
	ip_addr_t address;
	err_t result;

	f->is_resolving = true;
	result = dns_gethostbyname(f->host, &address, on_resolved, f);
	if (result == ERR_INPROGRESS)
		return;
	f->is_resolving = false;
	if (result == ERR_OK)
		connect_to(f, &address);
	else if (result == ERR_VAL)
		fail_soon(f, "resolve host: no name server given");
	else
		fail_soon(f, "resolve host: too many questions under way");
}

struct fetch *fetch_begin(const struct url *url,
			  void (*done)(void *arg, const struct fetch_result *result), void *arg)
{
	struct fetch *f = mem_malloc(sizeof(*f));
	struct text path;

	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	f->done = done;
	f->arg = arg;
	f->port = url->port;
	memcpy(f->host, url->host, sizeof(f->host));
	text_init(&path, f->path, sizeof(f->path));
	text_add(&path, "%s", *url->path ? url->path : "/");
	sys_timeout(FETCH_TIMEOUT_MS, on_timeout, f);
	resolve(f);
	return f;
}

void fetch_cancel(struct fetch *fetch)
{
	release(fetch);
}
