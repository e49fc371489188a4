/* Requests: parsing of what the library leaves as text, and reading access. */
#include <strings.h>

#include "wire/http_server/internal.h"

struct http_request *request_new(struct connection *conn, const char *target)
{
	struct http_request *r = NEW(struct http_request);

	list_init(&r->node);
	r->conn = conn;
	r->is_unix = conn->is_unix;
	STR_COPY(r->peer, conn->peer);
	r->target = xstrdup(target);
	buf_init(&r->body, conn->server->config.max_body);
	buf_init(&r->stream, conn->server->config.max_stream);
	buf_init(&r->early, conn->server->config.max_body);
	return r;
}

void request_free(struct http_request *r)
{
	list_remove(&r->node);
	free(r->target);
	free(r->path);
	strv_fini(&r->params);
	strv_fini(&r->headers);
	buf_fini(&r->body);
	strv_fini(&r->answer_headers);
	free(r->reply);
	buf_fini(&r->stream);
	buf_fini(&r->early);
	free(r);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding of `len` bytes; NULL for a wrong escape or a control character. In a query "+" is
 * a space; in a path an escaped "/" would pretend to be a part of a name. */
static char *decode(const char *s, size_t len, bool is_query)
{
	auto_free char *out = xmalloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)s[i];

		if (c == '+' && is_query) {
			c = ' ';
		} else if (c == '%') {
			int high = i + 1 < len ? hex_digit(s[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NULL;
			c = 16 * high + low;
			i += 2;
			if (c == '/' && !is_query)
				return NULL;
		}
		if (c < 0x20 || c == 0x7f)
			return NULL;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return TAKE(out);
}

static bool add_param(struct http_request *r, const char *s, size_t len)
{
	const char *equals = memchr(s, '=', len);
	size_t name_len = equals ? (size_t)(equals - s) : len;
	auto_free char *name = decode(s, name_len, true);
	auto_free char *value = equals ? decode(equals + 1, len - name_len - 1, true) : xstrdup("");

	if (!name || !value)
		return false;
	strv_take(&r->params, TAKE(name));
	strv_take(&r->params, TAKE(value));
	return true;
}

static bool parse_target(struct http_request *r)
{
	size_t path_len = strcspn(r->target, "?");
	const char *p = r->target + path_len;

	r->path = decode(r->target, path_len, false);
	if (!r->path || *r->path != '/')
		return false;
	while (*p) {
		size_t n = strcspn(++p, "&");

		if (n && !add_param(r, p, n))
			return false;
		p += n;
	}
	return true;
}

static enum MHD_Result add_header(void *arg, enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	struct http_request *r = arg;

	strv_add(&r->headers, name);
	strv_add(&r->headers, value ? value : "");
	return MHD_YES;
}

unsigned request_parse_head(struct http_request *r, const char *method)
{
	const struct http_server_config *config = &r->conn->server->config;
	uint64_t length;

	r->is_known = true;
	MHD_get_connection_values(r->conn->mhd, MHD_HEADER_KIND, add_header, r);
	if (strlen(method) >= sizeof(r->method))
		return 501;
	STR_COPY(r->method, method);
	if (!parse_target(r))
		return 400;
	r->is_ignored = config->ignores_body && config->ignores_body(config->arg, method, r->path);
	const char *text = http_request_header(r, "Content-Length");
	if (!text)
		return 0;
	int code = parse_u64(text, 0, r->is_ignored ? HTTP_IGNORED_MAX : r->body.max, &length);
	if (code < 0)
		return code == -ERANGE ? 413 : 400;
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

const char *http_request_param(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->params.n; i += 2)
		if (str_eq(r->params.items[i], name))
			return r->params.items[i + 1];
	return NULL;
}

const struct strv *http_request_params(const struct http_request *r)
{
	return &r->params;
}

const char *http_request_header(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->headers.n; i += 2)
		if (strcasecmp(r->headers.items[i], name) == 0)
			return r->headers.items[i + 1];
	return NULL;
}

const char *http_request_body(const struct http_request *r, size_t *ret_len)
{
	if (ret_len)
		*ret_len = r->body.len;
	return r->body.data;
}

void http_request_wipe_body(struct http_request *r)
{
	explicit_bzero(r->body.data, r->body.len);
	buf_reset(&r->body);
}

bool http_request_is_unix(const struct http_request *r)
{
	return r->is_unix;
}

const char *http_request_peer(const struct http_request *r)
{
	return r->peer;
}
