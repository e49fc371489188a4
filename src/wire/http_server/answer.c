/* Answers: whole ones and streams, both pulled piece by piece by the library, which shows whether the
 * client makes progress. */
#include "wire/http_server/internal.h"

/* What the library asks for at a time, and keeps a copy of while it is sent. */
#define BLOCK_SIZE ((size_t)16 << 10)  /* of a stream */
#define BLOCK_MAX  ((size_t)256 << 10) /* of a whole answer */

static ssize_t read_reply(struct http_request *r, uint64_t pos, char *out, size_t max)
{
	size_t n = r->reply_len - (size_t)pos;

	if (n > max)
		n = max;
	memcpy(out, r->reply + pos, n);
	return (ssize_t)n;
}

static ssize_t read_stream(struct http_request *r, char *out, size_t max)
{
	size_t n = r->stream.len < max ? r->stream.len : max;

	if (!n && r->is_ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (!n) {
		connection_set_deadline(r->conn, 0);
		suspend(r);
		watch_hangup(r->conn);
		return 0;
	}
	memcpy(out, r->stream.data, n);
	buf_drop(&r->stream, n);
	if (r->is_starved && r->stream.len <= r->stream.max / 2) {
		r->is_starved = false;
		notice(r, NOTICE_ROOM);
	}
	return (ssize_t)n;
}

static ssize_t on_read(void *arg, uint64_t pos, char *out, size_t max)
{
	struct http_request *r = arg;

	if (r->is_cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	connection_set_deadline(r->conn, r->conn->server->config.stall_timeout_ms);
	return r->is_stream ? read_stream(r, out, max) : read_reply(r, pos, out, max);
}

int answer_now(struct http_request *r, unsigned status)
{
	const struct http_server_config *config = &r->conn->server->config;
	char *body = config->explain ? config->explain(status) : NULL;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		body ? strlen(body) : 0, body, MHD_RESPMEM_MUST_FREE);

	if (!response)
		abort();
	if (body)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	int result = MHD_queue_response(r->conn->mhd, status, response);
	r->is_ended = true;

	MHD_destroy_response(response);
	return result;
}

static size_t block_size(const struct http_request *r)
{
	if (r->is_stream || r->reply_len < BLOCK_SIZE)
		return BLOCK_SIZE;
	return r->reply_len < BLOCK_MAX ? r->reply_len : BLOCK_MAX;
}

static void begin(struct http_request *r, unsigned status, const char *content_type)
{
	uint64_t size = r->is_stream ? MHD_SIZE_UNKNOWN : r->reply_len;
	struct MHD_Response *response = MHD_create_response_from_callback(size, block_size(r),
									  on_read, r, NULL);

	if (!response)
		abort();
	if (content_type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	for (size_t i = 0; i < r->answer_headers.n; i += 2)
		MHD_add_response_header(response, r->answer_headers.items[i],
					r->answer_headers.items[i + 1]);
	connection_set_deadline(r->conn, r->conn->server->config.stall_timeout_ms);
	if (MHD_queue_response(r->conn->mhd, status, response) != MHD_YES)
		r->is_cut = true;
	MHD_destroy_response(response);
	resume(r);
}

void http_add_header(struct http_request *r, const char *name, const char *value)
{
	strv_add(&r->answer_headers, name);
	strv_add(&r->answer_headers, value);
}

void http_reply(struct http_request *r, unsigned status, const char *content_type, char *take_body)
{
	assert(r->is_owned && !r->is_stream);
	r->reply = take_body;
	r->reply_len = take_body ? strlen(take_body) : 0;
	r->is_owned = false;
	r->is_ended = true;
	if (r->conn)
		begin(r, status, content_type);
	else
		request_free(r);
}

void http_stream_begin(struct http_request *r, unsigned status, const char *content_type)
{
	assert(r->is_owned && !r->is_stream);
	r->is_stream = true;
	if (r->conn)
		begin(r, status, content_type);
}

int http_stream_write(struct http_request *r, const void *data, size_t len)
{
	assert(r->is_owned && r->is_stream);
	if (!r->conn || r->is_cut)
		return -EPIPE;
	if (len > r->stream.max)
		return -E2BIG;
	if (buf_add(&r->stream, data, len) < 0) {
		r->is_starved = true;
		return -EAGAIN;
	}
	if (r->is_upgraded) {
		upgrade_flush(r);
		return 0;
	}
	if (r->is_suspended)
		connection_set_deadline(r->conn, r->conn->server->config.stall_timeout_ms);
	resume(r);
	return 0;
}

void http_stream_limit(struct http_request *r, size_t max)
{
	r->stream.max = max;
}

void http_stream_on_room(struct http_request *r, void (*fn)(void *arg), void *arg)
{
	r->room = fn;
	r->room_arg = arg;
}

void http_stream_end(struct http_request *r)
{
	assert(r->is_owned && r->is_stream);
	r->is_owned = false;
	r->is_ended = true;
	if (!r->conn) {
		request_free(r);
		return;
	}
	if (r->is_upgraded) {
		connection_set_deadline(r->conn, r->conn->server->config.stall_timeout_ms);
		upgrade_flush(r);
		return;
	}
	if (r->is_suspended)
		connection_set_deadline(r->conn, r->conn->server->config.stall_timeout_ms);
	resume(r);
}
