/* The HTTP server: any bytes on a connection, in pieces of any size, against a handler that answers in
 * every way there is. The first two bytes choose the way and the pieces. Whatever comes, the server
 * answers with what looks like HTTP or with nothing.
 *
 * The client closes its half, and all of it once nothing has come for some turns of the loop: the
 * server may wait for its own deadline, which is short here. */
#include <sys/socket.h>
#include <sys/un.h>

#include "fuzz.h"
#include "loop/loop.h"
#include "wire/http_server/http_server.h"

#define BODY_MAX     ((size_t)4096)
#define STREAM_MAX   ((size_t)16384)
#define STREAM_PIECE 3000
#define STREAM_TIMES 8
#define ECHO_MAX     ((size_t)2048)
#define QUIET_TURNS  8
#define TIMEOUT_MS   200

enum way { WAY_REPLY, WAY_LATER, WAY_STREAM, WAY_SILENT, WAY_N };

struct harness {
	struct loop *loop;
	struct http_server *server;
	char dir[32];
	char path[64];
};

/* What one input is about. */
struct run {
	struct harness *harness;
	struct fuzz_input in;
	uint32_t seed;
	enum way way;
	int fd;
	struct io *io;
	bool is_all_read;
	unsigned n_quiet; /* turns after all was sent */
	char head[16];
	size_t n_read;
};

/* A request under way. */
struct job {
	struct http_request *request;
	struct loop *loop;
	unsigned left;
	size_t n_echoed;
	bool is_ended;
	bool is_posted;
};

static struct harness *the_harness(void)
{
	static struct harness harness;

	return &harness;
}

static struct run **current(void)
{
	static struct run *run;

	return &run;
}

static void check_request(const struct http_request *request)
{
	const char *path = http_request_path(request);
	size_t len;
	const char *body = http_request_body(request, &len);

	assert(path[0] == '/' && http_request_method(request)[0]);
	for (const char *c = path; *c; c++)
		assert((unsigned char)*c >= 0x20 && *c != 0x7f);
	assert(body[len] == '\0' && len <= BODY_MAX);
	assert(http_request_is_unix(request) && !http_request_peer(request)[0]);
	http_request_header(request, "Authorization");
	http_request_param(request, "node");
}

static char *describe(struct http_request *request)
{
	const char *param = http_request_param(request, "a");

	return xasprintf("%s %s a=%s", http_request_method(request), http_request_path(request),
			 param ? param : "(none)");
}

static void answer_later(void *arg)
{
	struct job *job = arg;

	http_reply(job->request, 200, "text/plain", describe(job->request));
	free(job);
}

static void write_more(void *arg);

static void end_stream(struct job *job)
{
	if (job->is_ended)
		return;
	job->is_ended = true;
	http_stream_on_room(job->request, NULL, NULL);
	http_request_on_gone(job->request, NULL, NULL);
	http_stream_end(job->request);
	if (!job->is_posted)
		free(job);
}

static void on_gone(void *arg)
{
	end_stream(arg);
}

static void on_turn(void *arg)
{
	struct job *job = arg;

	job->is_posted = false;
	if (job->is_ended)
		free(job);
	else
		write_more(job);
}

static void write_more(void *arg)
{
	static const char piece[STREAM_PIECE];
	struct job *job = arg;
	int r = 0;

	if (!job->left) {
		end_stream(job);
		return;
	}
	r = http_stream_write(job->request, piece, sizeof(piece));
	if (r == -EAGAIN) /* on_room comes */
		return;
	job->left--;
	if (job->is_posted)
		return;
	job->is_posted = true;
	loop_post(job->loop, on_turn, job);
}

static void stream(struct job *job)
{
	job->left = STREAM_TIMES;
	http_request_on_gone(job->request, on_gone, job);
	http_stream_begin(job->request, 200, "text/plain");
	http_stream_on_room(job->request, write_more, job);
	write_more(job);
}

/* Everything comes back, up to a maximum. */
static void echo(void *arg, const char *data, size_t len)
{
	struct job *job = arg;

	if (job->is_ended)
		return;
	job->n_echoed += len;
	http_stream_write(job->request, data, len);
	if (job->n_echoed > ECHO_MAX)
		end_stream(job);
}

static void handle(void *arg, struct http_request *request)
{
	const struct run *run = *current();
	struct job *job = NEW(struct job);

	check_request(request);
	*job = (struct job){ .request = request, .loop = run->harness->loop };
	if (http_request_asks_upgrade(request, "holm-stream")) {
		http_request_on_gone(request, on_gone, job);
		http_upgrade_begin(request, "holm-stream", echo, job);
		return;
	}
	switch (run->way) {
	case WAY_LATER:
		loop_post(job->loop, answer_later, job);
		return;
	case WAY_STREAM:
		stream(job);
		return;
	case WAY_SILENT:
		http_reply(request, 204, NULL, NULL);
		break;
	case WAY_REPLY:
	case WAY_N:
		http_add_header(request, "X-Seen", "yes");
		http_reply(request, 200, "text/plain", describe(request));
		break;
	}
	free(job);
}

static bool ignores_body(void *arg, const char *method, const char *path)
{
	return str_starts(path, "/ignored");
}

static char *explain(unsigned status)
{
	return xasprintf("{\"status\":%u}", status);
}

static void tear_down(void)
{
	struct harness *h = the_harness();

	http_server_free(h->server);
	loop_free(h->loop);
	rmdir(h->dir);
}

static void set_up(struct harness *h)
{
	const struct http_server_config config = {
		.handler = handle,
		.max_body = BODY_MAX,
		.ignores_body = ignores_body,
		.explain = explain,
		.max_stream = STREAM_MAX,
		.head_timeout_ms = TIMEOUT_MS,
		.body_timeout_ms = TIMEOUT_MS,
		.idle_timeout_ms = TIMEOUT_MS,
		.stall_timeout_ms = TIMEOUT_MS,
	};
	struct err err;

	STR_COPY(h->dir, "/tmp/holm-fuzz-http.XXXXXX");
	assert(mkdtemp(h->dir));
	snprintf(h->path, sizeof(h->path), "%s/socket", h->dir);
	h->loop = loop_new();
	h->server = http_server_new(h->loop, &config);
	int r = http_server_listen_unix(h->server, h->path, &err);
	assert(r == 0);
	atexit(tear_down);
}

static void wait_quietly(void *arg)
{
	struct run *run = arg;

	if (run->is_all_read || run->n_quiet++ == QUIET_TURNS)
		loop_stop(run->harness->loop);
	else
		loop_post(run->harness->loop, wait_quietly, run);
}

static void send_more(void *arg)
{
	struct run *run = arg;
	size_t n = fuzz_piece(&run->seed, run->in.len);
	ssize_t sent = n ? send(run->fd, run->in.data, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

	if (sent > 0) {
		run->in.data += sent;
		run->in.len -= (size_t)sent;
	}
	/* The server may want no more, or not now. */
	if (n && !run->is_all_read && (sent > 0 || errno == EAGAIN)) {
		loop_post(run->harness->loop, send_more, run);
		return;
	}
	shutdown(run->fd, SHUT_WR);
	loop_post(run->harness->loop, wait_quietly, run);
}

static void on_answer(void *arg, unsigned events)
{
	struct run *run = arg;
	char piece[8192];
	ssize_t n = recv(run->fd, piece, sizeof(piece), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n && run->n_read + (size_t)i < sizeof(run->head) - 1; i++)
		run->head[run->n_read + (size_t)i] = piece[i];
	if (n > 0) {
		run->n_read += (size_t)n;
		run->n_quiet = 0;
	}
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	run->io = io_cancel(run->io);
	run->is_all_read = true;
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	STR_COPY(a.sun_path, path);
	int r = connect(fd, (const struct sockaddr *)(const void *)&a, sizeof(a));
	assert(fd >= 0 && r == 0);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct harness *h = the_harness();
	struct run run = { .harness = h, .in = fuzz_input_of(data, len) };

	if (!h->loop)
		set_up(h);
	run.way = fuzz_byte(&run.in) % WAY_N;
	run.seed = fuzz_byte(&run.in);
	run.fd = connect_to(h->path);
	*current() = &run;
	run.io = io_watch(h->loop, run.fd, IO_READ, on_answer, &run);
	loop_post(h->loop, send_more, &run);
	loop_run(h->loop);
	io_cancel(run.io);
	close(run.fd);
	assert(!run.n_read || str_starts(run.head, "HTTP/1.1 ") ||
	       str_starts(run.head, "HTTP/1.0 ") || run.n_read < sizeof("HTTP/1.1 "));
	return 0;
}
