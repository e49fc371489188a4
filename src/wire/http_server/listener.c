/* Listening sockets. They are ours rather than the library's, so that there can be several, and so
 * that a limit leaves clients in the kernel's queue instead of turning them away. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "wire/http_server/internal.h"
#include "wire/http_server/tls.h"

#define BACKLOG         1024
#define ACCEPTS_A_TURN  16
#define NO_FDS_PAUSE_MS 1000

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un path;
};

static bool is_at_limit(const struct listener *l)
{
	const struct http_server *server = l->server;

	if (l->unix_path)
		return server->n_connections - server->n_leaving >= server->config.max_connections;
	return !crowd_has_place(server);
}

static void watch(struct listener *l);

static void on_pause_end(void *arg)
{
	struct listener *l = arg;

	l->timer = NULL;
	if (!is_at_limit(l))
		watch(l);
}

static void pause_for_fds(struct listener *l)
{
	l->io = io_cancel(l->io);
	l->timer = timer_start(l->server->loop, NO_FDS_PAUSE_MS, on_pause_end, l);
}

static void on_ready(void *arg, unsigned events)
{
	struct listener *l = arg;

	for (int i = 0; i < ACCEPTS_A_TURN && !is_at_limit(l); i++) {
		union address a = { 0 };
		socklen_t len = sizeof(a);
		int fd = accept4(l->fd, &a.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				pause_for_fds(l);
			break;
		}
		if (!l->unix_path && !crowd_admit(l->server, &a.any))
			close(fd);
		else if (l->is_tls)
			tls_link_begin(l->server, fd, &a.any, len);
		else
			connection_add(l->server, fd, &a.any, len);
	}
	if (is_at_limit(l))
		l->io = io_cancel(l->io);
	run_soon(l->server);
}

static void watch(struct listener *l)
{
	l->io = io_watch(l->server->loop, l->fd, IO_READ, on_ready, l);
}

void listeners_continue(struct http_server *server)
{
	struct list *pos;
	struct list *tmp;

	list_for_each(pos, tmp, &server->listeners) {
		struct listener *l = container_of(pos, struct listener, node);

		if (!l->io && !l->timer && !is_at_limit(l))
			watch(l);
	}
}

static struct listener *add_listener(struct http_server *server, int take_fd, const char *unix_path)
{
	struct listener *l = NEW(struct listener);

	l->server = server;
	l->fd = take_fd;
	l->unix_path = xstrdup(unix_path);
	list_push(&server->listeners, &l->node);
	watch(l);
	return l;
}

void listener_free(struct listener *l)
{
	list_remove(&l->node);
	io_cancel(l->io);
	timer_cancel(l->timer);
	close(l->fd);
	if (l->unix_path)
		unlink(l->unix_path);
	free(l->unix_path);
	free(l);
}

static socklen_t parse_address(const char *address, uint16_t port, union address *ret)
{
	*ret = (union address){ 0 };
	if (inet_pton(AF_INET, address, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		return sizeof(ret->v4);
	}
	if (inet_pton(AF_INET6, address, &ret->v6.sin6_addr) == 1) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(port);
		return sizeof(ret->v6);
	}
	return 0;
}

static int open_tcp(const union address *a, socklen_t len)
{
	auto_close int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	/* "::" is for IPv6 alone, so that "0.0.0.0" can stand beside it. */
	if (a->any.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -errno;
	if (bind(fd, &a->any, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int listen_tcp(struct http_server *server, const char *address, uint16_t port, bool is_tls,
		      struct err *err)
{
	union address a;
	socklen_t len = parse_address(address, port, &a);

	if (!len)
		return err_set(err, -EINVAL, "listen on %s: not an IP address", address);
	int fd = open_tcp(&a, len);
	if (fd < 0)
		return err_set(err, fd, "listen on %s port %u: %s", address, port, strerror(-fd));
	if (getsockname(fd, &a.any, &len) < 0) {
		int r = err_errno(err, "listen on %s port %u", address, port);

		close(fd);
		return r;
	}
	add_listener(server, fd, NULL)->is_tls = is_tls;
	return ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}

int http_server_listen_tcp(struct http_server *server, const char *address, uint16_t port,
			   struct err *err)
{
	return listen_tcp(server, address, port, false, err);
}

int http_server_listen_tls(struct http_server *server, const char *address, uint16_t port,
			   struct err *err)
{
	assert(server->tls);
	return listen_tcp(server, address, port, true, err);
}

/* Removes a socket that nobody answers on. */
static int remove_stale(const union address *a)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (lstat(a->path.sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (connect(fd, &a->any, sizeof(a->path)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(a->path.sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int open_unix(const union address *a)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* The mode before bind() is the one that the file is made with: never open for a moment. */
	if (fd < 0 || fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, &a->any, sizeof(a->path)) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int http_server_listen_unix(struct http_server *server, const char *path, struct err *err)
{
	union address a = { .path = { .sun_family = AF_UNIX } };

	if (strlen(path) >= sizeof(a.path.sun_path))
		return err_set(err, -ENAMETOOLONG, "listen on %s: longer than %zu bytes", path,
			       sizeof(a.path.sun_path) - 1);
	STR_COPY(a.path.sun_path, path);
	int r = remove_stale(&a);
	if (r == 0)
		r = open_unix(&a);
	if (r == -EADDRINUSE)
		return err_set(err, r, "listen on %s: another server answers there", path);
	if (r < 0)
		return err_set(err, r, "listen on %s: %s", path, strerror(-r));
	add_listener(server, r, path);
	return 0;
}
