/* A web server on a thread of its own that answers from a table and can break off. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "kit.h"

#define TOKEN    "Bearer sesame"
#define PASSWORD "Basic bWU6b3BlbiB1cA==" /* me, "open up" */

struct web {
	struct web_page *pages;
	unsigned *served; /* per page */
	size_t n;
	int fd;
	int port;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	struct strv asked;
	struct strv authorizations; /* of each, "" if none */
};

struct asked {
	char *path;
	char *authorization; /* "" if none */
	size_t from;
};

static void send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static char *header_of(const char *head, const char *name)
{
	auto_free char *start = xasprintf("\r\n%s: ", name);
	const char *at = strcasestr(head, start);

	if (!at)
		return xstrdup("");
	at += strlen(start);
	return xstrndup(at, strcspn(at, "\r"));
}

/* What a connection is closed upon unread would break it for the client. */
static void read_body(int fd, const char *head, size_t have)
{
	auto_free char *length = header_of(head, "Content-Length");
	char piece[4096];
	uint64_t left = 0;

	parse_u64(length, 0, SIZE_MAX, &left);
	size_t got = have - (size_t)(strstr(head, "\r\n\r\n") + 4 - head);
	for (left -= got < left ? got : left; left;) {
		ssize_t n = recv(fd, piece, left < sizeof(piece) ? left : sizeof(piece), 0);

		if (n <= 0)
			return;
		left -= (size_t)n;
	}
}

static bool read_request(int fd, struct asked *asked)
{
	char head[8192];
	size_t len = 0;

	while (len < sizeof(head) - 1) {
		ssize_t n = recv(fd, head + len, sizeof(head) - 1 - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
		head[len] = '\0';
		if (strstr(head, "\r\n\r\n"))
			break;
	}
	if (!strstr(head, "\r\n\r\n"))
		return false;
	read_body(fd, head, len);
	auto_free char *range = header_of(head, "Range");
	uint64_t from = 0;
	if (str_starts(range, "bytes=")) {
		range[strcspn(range, "-")] = '\0';
		parse_u64(range + 6, 0, SIZE_MAX, &from);
	}
	asked->from = (size_t)from;
	asked->authorization = header_of(head, "Authorization");
	const char *path = strchr(head, ' ') + 1;
	asked->path = xstrndup(path, strcspn(path, " "));
	return true;
}

static const struct web_page *find_page(struct web *web, const char *path)
{
	size_t n = strcspn(path, "?");

	for (size_t i = 0; i < web->n; i++) {
		const struct web_page *page = &web->pages[i];

		if (strlen(page->path) != n || strncmp(page->path, path, n) != 0)
			continue;
		if (page->times && web->served[i] >= page->times)
			continue;
		web->served[i]++;
		return page;
	}
	return NULL;
}

static char *with_port(const struct web *web, const char *headers)
{
	const char *at = headers ? strstr(headers, "%PORT%") : NULL;

	if (!at)
		return xstrdup(headers ? headers : "");
	return xasprintf("%.*s%d%s", (int)(at - headers), headers, web->port, at + 6);
}

static void send_page(const struct web *web, int fd, const struct web_page *page, size_t from)
{
	const char *body = page->body ? page->body : "";
	size_t len = page->len ? page->len : strlen(body);
	unsigned status = page->status ? page->status : 200;
	auto_free char *headers = with_port(web, page->headers);
	auto_free char *range = NULL;

	if (status == 200 && from && !page->ignores_range) {
		status = from < len ? 206 : 416;
		range = xasprintf("Content-Range: bytes %zu-%zu/%zu\r\n", from, len - 1, len);
		body += from < len ? from : len;
		len -= from < len ? from : len;
	}
	auto_free char *head = xasprintf("HTTP/1.1 %u X\r\nConnection: close\r\n"
					 "Content-Length: %zu\r\n%s%s\r\n",
					 status, len, range ? range : "", headers);
	send_all(fd, head, strlen(head));
	send_all(fd, body, page->cut && page->cut < len ? page->cut : len);
}

static void answer(struct web *web, int fd, const struct asked *asked)
{
	static const struct web_page missing = { .status = 404, .body = "nothing here" };
	static const struct web_page challenge = {
		.status = 401,
		.headers = "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:%PORT%/token\","
			   "service=\"a registry\",scope=\"repository:web:pull\"\r\n",
		.body = "no",
	};
	static const struct web_page basic = {
		.status = 401,
		.headers = "WWW-Authenticate: Basic realm=\"a \\\"registry\\\"\"\r\n",
		.body = "no",
	};
	const struct web_page *page = find_page(web, asked->path);

	if (page && page->wants_token && !str_eq(asked->authorization, TOKEN))
		page = &challenge;
	if (page && page->wants_password && !str_eq(asked->authorization, PASSWORD))
		page = &basic;
	send_page(web, fd, page ? page : &missing, asked->from);
}

static void serve(struct web *web, int fd)
{
	struct asked asked;

	if (!read_request(fd, &asked))
		return;
	pthread_mutex_lock(&web->lock);
	strv_add(&web->asked, asked.path);
	strv_add(&web->authorizations, asked.authorization);
	pthread_mutex_unlock(&web->lock);
	answer(web, fd, &asked);
	shutdown(fd, SHUT_WR);
	free(asked.path);
	free(asked.authorization);
}

static void *run(void *arg)
{
	struct web *web = arg;
	int fd;

	while ((fd = accept4(web->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		serve(web, fd);
		close(fd);
	}
	return NULL;
}

struct web *web_new(const struct web_page *pages, size_t n)
{
	struct web *web = NEW(struct web);
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(in);

	web->pages = xmemdup(pages, n * sizeof(*pages));
	web->served = xcalloc(n, sizeof(*web->served));
	web->n = n;
	web->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(web->fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(web->fd, 64), 0);
	assert_int_equal(getsockname(web->fd, (struct sockaddr *)&in, &size), 0);
	web->port = ntohs(in.sin_port);
	pthread_mutex_init(&web->lock, NULL);
	assert_int_equal(pthread_create(&web->thread, NULL, run, web), 0);
	return web;
}

struct web *web_free(struct web *web)
{
	shutdown(web->fd, SHUT_RDWR);
	pthread_join(web->thread, NULL);
	close(web->fd);
	pthread_mutex_destroy(&web->lock);
	strv_fini(&web->asked);
	strv_fini(&web->authorizations);
	free(web->pages);
	free(web->served);
	free(web);
	return NULL;
}

int web_port(const struct web *web)
{
	return web->port;
}

unsigned web_count(struct web *web, const char *path)
{
	unsigned n = 0;

	pthread_mutex_lock(&web->lock);
	for (size_t i = 0; i < web->asked.n; i++)
		n += str_starts(web->asked.items[i], path);
	pthread_mutex_unlock(&web->lock);
	return n;
}

unsigned web_authorized(struct web *web, const char *start)
{
	unsigned n = 0;

	pthread_mutex_lock(&web->lock);
	for (size_t i = 0; i < web->authorizations.n; i++)
		n += web->authorizations.items[i][0] &&
		     str_starts(web->authorizations.items[i], start);
	pthread_mutex_unlock(&web->lock);
	return n;
}
