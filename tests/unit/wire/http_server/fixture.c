/* Clients on threads for a server on the loop. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fixture.h"

#define DEADLINE_MS 60000

int fixture_setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	f->loop = loop_new();
	STR_COPY(f->dir, "/tmp/holm-test-http.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->unix_path, sizeof(f->unix_path), "%s/socket", f->dir);
	f->scheme = getenv("HOLM_TEST_TLS") ? "https" : "http";
	f->identity = identity_new();
	f->ca_file = path_join(f->dir, "ca.pem");
	identity_write_authority(f->identity, f->ca_file);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	struct err err;

	timer_cancel(f->timer);
	http_server_free(f->server);
	assert_false(path_exists(f->unix_path));
	loop_free(f->loop);
	assert_int_equal(path_remove(f->dir, &err), 0);
	identity_free(f->identity);
	free(f->ca_file);
	free(f);
	return 0;
}

void fixture_start(struct fixture *f, void (*handler)(void *arg, struct http_request *request))
{
	struct err err = { 0 };

	f->config.handler = handler;
	if (!f->config.handshake_timeout_ms)
		f->config.handshake_timeout_ms = DEADLINE_MS; /* on a busy machine, too */
	f->config.arg = f;
	f->server = http_server_new(f->loop, &f->config);
	f->plain_port = http_server_listen_tcp(f->server, "127.0.0.1", 0, &err);
	f->port = f->plain_port;
	if (str_eq(f->scheme, "https")) {
		identity_show(f->identity, f->server);
		f->port = http_server_listen_tls(f->server, "127.0.0.1", 0, &err);
	}
	if (f->plain_port <= 0 || f->port <= 0 ||
	    http_server_listen_unix(f->server, f->unix_path, &err) < 0)
		fail_msg("%s", err.msg);
}

static void too_late(void *arg)
{
	abort();
}

void fixture_wait(struct fixture *f)
{
	struct timer *timer = timer_start(f->loop, DEADLINE_MS, too_late, NULL);

	if (f->n_clients)
		loop_run(f->loop);
	timer_cancel(timer);
}

static void client_done(struct fixture *f)
{
	if (--f->n_clients == 0)
		loop_stop(f->loop);
}

static void call_run(void *arg)
{
	struct call *call = arg;

	call->result = http_client_perform(&call->request, &call->response, &call->err);
}

static void call_done(void *arg)
{
	client_done(((struct call *)arg)->f);
}

void call_prepare(struct call *call, struct fixture *f, const char *path)
{
	call->f = f;
	call->url = xasprintf("%s://127.0.0.1:%d%s", call->request.unix_path ? "http" : f->scheme,
			      f->port, path);
	call->request.url = call->url;
	call->request.ca_file = f->ca_file;
	call->request.connect_timeout_ms = DEADLINE_MS;
}

void call_start(struct call *call)
{
	call->f->n_clients++;
	work_begin(call->f->loop, EXECUTOR_RUNTIME, call_run, call_done, call);
}

void call_begin(struct call *call, struct fixture *f, const char *path)
{
	call_prepare(call, f, path);
	call_start(call);
}

void call_fini(struct call *call)
{
	free(call->url);
	http_client_response_fini(&call->response);
}

int fixture_connect_to(const struct fixture *f, int port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} a = { 0 };
	int fd = socket(port ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!port) {
		a.un.sun_family = AF_UNIX;
		STR_COPY(a.un.sun_path, f->unix_path);
	} else {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons((uint16_t)port);
		a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	int r = connect(fd, &a.any, port ? sizeof(a.in) : sizeof(a.un));
	assert(r == 0);
	return fd;
}

int fixture_connect(const struct fixture *f, bool is_unix)
{
	return fixture_connect_to(f, is_unix ? 0 : f->plain_port);
}

static ssize_t raw_read(struct raw *raw, char *out, size_t size)
{
	return raw->secure ? secure_read(raw->secure, out, size) : read(raw->fd, out, size);
}

static void raw_run(void *arg)
{
	struct raw *raw = arg;
	auto_buf struct buf got = { 0 };
	size_t len = strlen(raw->sent);
	char chunk[4096];
	ssize_t n;

	raw->fd = fixture_connect_to(raw->f, raw->f->port);
	if (str_eq(raw->f->scheme, "https"))
		raw->secure = secure_open(raw->fd, NULL);
	buf_init(&got, 64 << 20);
	n = raw->secure ? secure_write(raw->secure, raw->sent, len)
			: send(raw->fd, raw->sent, len, MSG_NOSIGNAL);
	assert(n == (ssize_t)len);
	if (raw->is_open)
		return;
	while ((n = raw_read(raw, chunk, sizeof(chunk))) > 0)
		buf_add(&got, chunk, (size_t)n);
	raw->got = buf_take(&got);
}

static void raw_done(void *arg)
{
	client_done(((struct raw *)arg)->f);
}

void raw_begin(struct raw *raw, struct fixture *f, const char *sent)
{
	raw->f = f;
	raw->sent = sent;
	f->n_clients++;
	work_begin(f->loop, EXECUTOR_TRANSFER, raw_run, raw_done, raw);
}

void raw_fini(struct raw *raw)
{
	secure_free(raw->secure);
	close(raw->fd);
	free(raw->got);
}
