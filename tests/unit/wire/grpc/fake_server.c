#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <nghttp2/nghttp2.h>

#include "base/base.h"
#include "fake_server.h"

struct fake_server {
	pthread_t thread;
	int listener;
	int stop; /* eventfd */
	struct list streams;
	atomic_int n_connections;
	int fd;
	bool is_leaving; /* drop the connection after this turn */
};

struct fake_stream {
	struct list link;
	struct fake_server *server;
	char method[64];
	char metadata[64];
	struct buf in;
	struct buf out;
	size_t out_done;
	bool is_last;
	int status;
};

static void put_message(struct fake_stream *s, const void *data, size_t len)
{
	uint8_t prefix[5] = { 0, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
			      (uint8_t)len };

	buf_add(&s->out, prefix, 5);
	buf_add(&s->out, data, len);
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t room,
		       uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct fake_stream *s = source->ptr;
	size_t n = s->out.len - s->out_done;

	if (!n && !s->is_last)
		return NGHTTP2_ERR_DEFERRED;
	n = n < room ? n : room;
	memcpy(out, s->out.data + s->out_done, n);
	s->out_done += n;
	if (s->is_last && s->out_done == s->out.len) {
		char status[8];

		snprintf(status, sizeof(status), "%d", s->status);
		nghttp2_nv trailer = { (uint8_t *)"grpc-status", (uint8_t *)status, 11,
				       strlen(status), 0 };
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, id, &trailer, 1);
	}
	return (ssize_t)n;
}

static void respond(nghttp2_session *session, int32_t id, struct fake_stream *s)
{
	nghttp2_nv ok[] = { { (uint8_t *)":status", (uint8_t *)"200", 7, 3, 0 },
			    { (uint8_t *)"grpc-status", (uint8_t *)"5", 11, 1, 0 },
			    { (uint8_t *)"grpc-message", (uint8_t *)"no such thing%3A 50%", 12, 20,
			      0 } };
	nghttp2_nv html = { (uint8_t *)":status", (uint8_t *)"404", 7, 3, 0 };
	nghttp2_data_provider body = { .source.ptr = s, .read_callback = on_read };

	if (str_eq(s->method, "/t/fail"))
		nghttp2_submit_response(session, id, ok, 3, NULL);
	else if (str_eq(s->method, "/t/html"))
		nghttp2_submit_response(session, id, &html, 1, NULL);
	else if (!str_eq(s->method, "/t/silent"))
		nghttp2_submit_response(session, id, ok, 1, &body);
}

static void on_message(struct fake_stream *s, const char *data, size_t len)
{
	uint32_t n = 0;
	auto_free char *text = xstrndup(data, len);

	if (str_eq(s->method, "/t/echo")) {
		put_message(s, data, len);
	} else if (str_eq(s->method, "/t/count")) {
		assert(parse_u32(text, 0, 1000000, &n) == 0);
		for (uint32_t i = 0; i < n; i++) {
			char number[16];

			snprintf(number, sizeof(number), "%u", i);
			put_message(s, number, strlen(number));
		}
	} else if (str_eq(s->method, "/t/early")) {
		s->status = 8;
		s->is_last = true;
	} else if (str_eq(s->method, "/t/huge")) {
		buf_add(&s->out, "\0\x01\x10\0\0xxxx", 9);
	} else if (str_eq(s->method, "/t/packed")) {
		buf_add(&s->out, "\1\0\0\0\1x", 6);
	} else if (str_eq(s->method, "/t/die")) {
		s->server->is_leaving = true;
	}
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *arg)
{
	struct fake_stream *s = nghttp2_session_get_stream_user_data(session, id);

	buf_add(&s->in, data, len);
	while (s->in.len >= 5) {
		const uint8_t *p = (const uint8_t *)s->in.data;
		size_t size = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];

		if (s->in.len < size + 5)
			break;
		on_message(s, s->in.data + 5, size);
		buf_drop(&s->in, size + 5);
	}
	nghttp2_session_resume_data(session, id);
	return 0;
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct fake_stream *s = NEW(struct fake_stream);

	s->server = arg;
	list_push(&s->server->streams, &s->link);
	buf_init(&s->in, 64 << 20);
	buf_init(&s->out, 64 << 20);
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct fake_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (name_len == 5 && memcmp(name, ":path", 5) == 0)
		snprintf(s->method, sizeof(s->method), "%.*s", (int)value_len, (const char *)value);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct fake_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (!s)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS)
		respond(session, frame->hd.stream_id, s);
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM && !str_eq(s->method, "/t/huge") &&
	    !str_eq(s->method, "/t/packed")) {
		s->is_last = true;
		nghttp2_session_resume_data(session, frame->hd.stream_id);
	}
	return 0;
}

static void stream_free(struct fake_stream *s)
{
	list_remove(&s->link);
	buf_fini(&s->in);
	buf_fini(&s->out);
	free(s);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct fake_stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (s)
		stream_free(s);
	return 0;
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
		       void *arg)
{
	ssize_t n = send(((struct fake_server *)arg)->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK : NGHTTP2_ERR_CALLBACK_FAILURE;
	return n;
}

static nghttp2_session *session_new(struct fake_server *server)
{
	nghttp2_session_callbacks *cb;
	nghttp2_session *session;

	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_send_callback(cb, on_send);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_session_server_new(&session, cb, server);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(session, 0, NULL, 0);
	return session;
}

/* Serves one connection; true when the server is to stop. */
static bool serve(struct fake_server *server)
{
	nghttp2_session *session = session_new(server);
	bool is_stopped = false;
	uint8_t chunk[16384];

	server->is_leaving = false;
	while (!server->is_leaving && nghttp2_session_send(session) == 0) {
		struct pollfd p[] = { { server->fd, POLLIN, 0 }, { server->stop, POLLIN, 0 } };

		if (nghttp2_session_want_write(session))
			p[0].events |= POLLOUT;
		poll(p, 2, -1);
		is_stopped = p[1].revents != 0;
		if (is_stopped)
			break;
		if (!(p[0].revents & (POLLIN | POLLHUP)))
			continue;
		ssize_t n = recv(server->fd, chunk, sizeof(chunk), 0);
		if (n <= 0 || nghttp2_session_mem_recv(session, chunk, (size_t)n) < 0)
			break;
	}
	nghttp2_session_del(session);
	close(server->fd);
	while (!list_is_empty(&server->streams))
		stream_free(container_of(server->streams.next, struct fake_stream, link));
	return is_stopped;
}

static void *run(void *arg)
{
	struct fake_server *server = arg;

	for (;;) {
		struct pollfd p[] = { { server->listener, POLLIN, 0 },
				      { server->stop, POLLIN, 0 } };

		poll(p, 2, -1);
		if (p[1].revents)
			return NULL;
		server->fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
		if (server->fd < 0)
			continue;
		atomic_fetch_add(&server->n_connections, 1);
		if (serve(server))
			return NULL;
	}
}

struct fake_server *fake_server_start(const char *socket_path)
{
	struct fake_server *server = NEW(struct fake_server);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	list_init(&server->streams);
	STR_COPY(addr.sun_path, socket_path);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	server->stop = eventfd(0, EFD_CLOEXEC);
	assert(bind(server->listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	assert(listen(server->listener, 4) == 0);
	assert(pthread_create(&server->thread, NULL, run, server) == 0);
	return server;
}

void fake_server_stop(struct fake_server *server)
{
	uint64_t one = 1;

	assert(write(server->stop, &one, sizeof(one)) == sizeof(one));
	pthread_join(server->thread, NULL);
	close(server->listener);
	close(server->stop);
	free(server);
}

int fake_server_connections(struct fake_server *server)
{
	return atomic_load(&server->n_connections);
}
