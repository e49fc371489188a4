/* The smallest client that names, addresses and ports need. */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "http_get.h"

#define TIMEOUT_S 5

struct target {
	char host[256];
	char port[16];
	const char *path;
};

unsigned number_of(const char *text)
{
	unsigned n = 0;

	for (; *text >= '0' && *text <= '9' && n < 100000000; text++)
		n = n * 10 + (unsigned)(*text - '0');
	return n;
}

static int fail(struct answer *ret, const char *what, const char *cause)
{
	snprintf(ret->error, sizeof(ret->error), "%s: %s", what, cause);
	return -1;
}

static int parse_url(const char *url, struct target *ret, struct answer *answer)
{
	static const char scheme[] = "http://";

	if (strncmp(url, scheme, strlen(scheme)) != 0)
		return fail(answer, "url", "expected http://");
	const char *host = url + strlen(scheme);
	size_t n = strcspn(host, ":/");
	const char *port = host[n] == ':' ? host + n + 1 : "80/";
	snprintf(ret->host, sizeof(ret->host), "%.*s", (int)n, host);
	snprintf(ret->port, sizeof(ret->port), "%u", number_of(port));
	ret->path = host + strcspn(host, "/");
	return 0;
}

static int dial(const struct target *to, struct answer *answer)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct addrinfo *found;
	int r = getaddrinfo(to->host, to->port, &hints, &found);

	if (r != 0)
		return fail(answer, "resolve", gai_strerror(r));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	r = connect(fd, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	if (r == 0)
		return fd;
	fail(answer, "connect", strerror(errno));
	close(fd);
	return -1;
}

static int ask(int fd, const struct target *to, struct answer *answer)
{
	char request[2048];
	int n = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n",
			 *to->path ? to->path : "/", to->host);

	if (n >= (int)sizeof(request) || send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
		return fail(answer, "send", strerror(errno));
	for (;;) {
		size_t room = BODY_SIZE - 1 - answer->len;
		ssize_t got = room ? read(fd, answer->body + answer->len, room) : 0;

		if (got < 0)
			return fail(answer, "read", strerror(errno));
		if (got == 0)
			return 0;
		answer->len += (size_t)got;
		answer->body[answer->len] = '\0';
	}
}

/* Leaves the body alone in the buffer. */
static int cut_head(struct answer *answer)
{
	char *end = strstr(answer->body, "\r\n\r\n");
	char *status = strchr(answer->body, ' ');

	if (!end || !status)
		return fail(answer, "read", answer->len ? "no HTTP" : "closed without an answer");
	answer->status = (int)number_of(status + 1);
	answer->len -= (size_t)(end + 4 - answer->body);
	memmove(answer->body, end + 4, answer->len + 1);
	return 0;
}

int http_get(const char *url, struct answer *ret)
{
	struct target to;

	ret->status = 0;
	ret->len = 0;
	ret->body[0] = ret->error[0] = '\0';
	if (parse_url(url, &to, ret) < 0)
		return -1;
	int fd = dial(&to, ret);
	if (fd < 0)
		return -1;
	int r = ask(fd, &to, ret);
	close(fd);
	return r < 0 ? r : cut_head(ret);
}
