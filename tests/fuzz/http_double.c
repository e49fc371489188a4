/* Requests and answers in memory. */
#include <strings.h>

#include "base/base.h"
#include "http_double.h"

#define ANSWER_MAX ((size_t)1 << 20)
#define PORT       10000

struct http_server {
	struct http_server_config config;
};

struct http_request {
	char *method;
	char *path;
	struct strv params;
	struct strv headers;
	struct buf body;
	bool is_unix;
	void (*gone)(void *arg);
	void *gone_arg;
	void (*take)(void *arg, const char *data, size_t len);
	void *take_arg;
	unsigned status;
	char *type;
	struct buf answer;
	bool is_stream;
	bool is_gone;
	bool is_done;
};

static struct http_server **newest(void)
{
	static struct http_server *server;

	return &server;
}

struct http_server *http_server_new(struct loop *loop, const struct http_server_config *config)
{
	struct http_server *server = NEW(struct http_server);

	server->config = *config;
	*newest() = server;
	return server;
}

struct http_server *http_server_free(struct http_server *server)
{
	free(server);
	return NULL;
}

bool http_server_is_flushed(const struct http_server *server)
{
	return true;
}

int http_server_listen_tcp(struct http_server *server, const char *address, uint16_t port,
			   struct err *err)
{
	return PORT;
}

int http_server_listen_tls(struct http_server *server, const char *address, uint16_t port,
			   struct err *err)
{
	return PORT;
}

int http_server_set_identity(struct http_server *server, const struct secret *certificates,
			     const struct secret *key, struct err *err)
{
	return 0;
}

int http_server_listen_unix(struct http_server *server, const char *path, struct err *err)
{
	return 0;
}

const char *http_request_method(const struct http_request *r)
{
	return r->method;
}

const char *http_request_path(const struct http_request *r)
{
	return r->path;
}

static const char *find(const struct strv *pairs, const char *name, bool any_case)
{
	for (size_t i = 0; i + 1 < pairs->n; i += 2)
		if (any_case ? strcasecmp(pairs->items[i], name) == 0
			     : str_eq(pairs->items[i], name))
			return pairs->items[i + 1];
	return NULL;
}

const char *http_request_param(const struct http_request *r, const char *name)
{
	return find(&r->params, name, false);
}

const struct strv *http_request_params(const struct http_request *r)
{
	return &r->params;
}

const char *http_request_header(const struct http_request *r, const char *name)
{
	return find(&r->headers, name, true);
}

const char *http_request_body(const struct http_request *r, size_t *ret_len)
{
	if (ret_len)
		*ret_len = r->body.len;
	return r->body.data;
}

void http_request_wipe_body(struct http_request *r)
{
	buf_reset(&r->body);
}

bool http_request_is_unix(const struct http_request *r)
{
	return r->is_unix;
}

const char *http_request_peer(const struct http_request *r)
{
	return r->is_unix ? "" : "127.0.0.1";
}

void http_request_on_gone(struct http_request *r, void (*fn)(void *arg), void *arg)
{
	r->gone = fn;
	r->gone_arg = arg;
}

void http_add_header(struct http_request *r, const char *name, const char *value)
{
	assert(!r->status && !strpbrk(value, "\r\n"));
}

static void begin(struct http_request *r, unsigned status, const char *type)
{
	assert(!r->is_done && !r->status && status >= 100 && status < 600);
	r->status = status;
	r->type = xstrdup(type);
}

void http_reply(struct http_request *r, unsigned status, const char *type, char *take_body)
{
	begin(r, status, type);
	buf_add_str(&r->answer, take_body ? take_body : "");
	free(take_body);
	r->is_done = true;
}

void http_stream_begin(struct http_request *r, unsigned status, const char *type)
{
	begin(r, status, type);
	r->is_stream = true;
}

int http_stream_write(struct http_request *r, const void *data, size_t len)
{
	assert(r->is_stream && !r->is_done);
	if (r->is_gone)
		return -EPIPE;
	buf_add(&r->answer, data, len);
	return 0;
}

void http_request_trust(struct http_request *r)
{
}

void http_stream_limit(struct http_request *r, size_t max)
{
}

void http_stream_on_room(struct http_request *r, void (*fn)(void *arg), void *arg)
{
}

void http_stream_end(struct http_request *r)
{
	assert(r->is_stream && !r->is_done);
	r->is_done = true;
}

bool http_request_asks_upgrade(const struct http_request *r, const char *protocol)
{
	const char *asked = http_request_header(r, "Upgrade");

	return asked && strcasecmp(asked, protocol) == 0;
}

void http_upgrade_begin(struct http_request *r, const char *protocol,
			void (*take)(void *arg, const char *data, size_t len), void *arg)
{
	begin(r, 101, protocol);
	r->is_stream = true;
	r->take = take;
	r->take_arg = arg;
}

void http_upgrade_want(struct http_request *r, bool is_wanted)
{
}

/* Paths and queries are taken as they are: what escapes make of them is the real server's to show. */
static void split_target(struct http_request *r, const char *target)
{
	auto_strv struct strv params = { 0 };
	size_t n = strcspn(target, "?");

	r->path = xstrndup(target, n);
	strv_split(&params, target[n] ? target + n + 1 : "", "&");
	for (size_t i = 0; i < params.n; i++) {
		size_t name_len = strcspn(params.items[i], "=");
		const char *value = params.items[i] + name_len;

		strv_take(&r->params, xstrndup(params.items[i], name_len));
		strv_add(&r->params, *value ? value + 1 : "");
	}
}

struct http_request *double_ask(const struct double_request *request)
{
	const struct http_server_config *config = &(*newest())->config;
	struct http_request *r;

	if (request->target[0] != '/' || request->body_len > config->max_body)
		return NULL;
	r = NEW(struct http_request);
	r->method = xstrdup(request->method);
	split_target(r, request->target);
	strv_copy(&r->headers, request->headers);
	r->is_unix = request->is_unix;
	buf_init(&r->body, config->max_body);
	buf_init(&r->answer, ANSWER_MAX);
	if (!config->ignores_body || !config->ignores_body(config->arg, r->method, r->path))
		buf_add(&r->body, request->body, request->body_len);
	config->handler(config->arg, r);
	return r;
}

bool double_is_done(const struct http_request *r)
{
	return r->is_done;
}

void double_leave(struct http_request *r)
{
	void (*gone)(void *arg) = r->gone;

	if (r->is_done || r->is_gone)
		return;
	r->is_gone = true;
	r->gone = NULL;
	if (gone)
		gone(r->gone_arg);
}

void double_send(struct http_request *r, const char *data, size_t len)
{
	if (r->take && !r->is_done && len)
		r->take(r->take_arg, data, len);
}

unsigned double_status(const struct http_request *r)
{
	return r->status;
}

const char *double_type(const struct http_request *r)
{
	return r->type ? r->type : "";
}

const char *double_answer(const struct http_request *r)
{
	return r->answer.data;
}

void double_free(struct http_request *r)
{
	assert(r->is_done);
	free(r->method);
	free(r->path);
	free(r->type);
	strv_fini(&r->params);
	strv_fini(&r->headers);
	buf_fini(&r->body);
	buf_fini(&r->answer);
	free(r);
}
