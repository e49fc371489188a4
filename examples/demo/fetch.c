/* `fetch URL`: prints what an HTTP server answers. All of a client that the demonstration's container
 * needs; it asks the name server and speaks HTTP/1.0. */
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S  3
#define ANSWER_MAX 65536

struct url {
	char host[256];
	char port[8];
	char path[512];
};

static bool parse(const char *text, struct url *url)
{
	static const char scheme[] = "http://";

	if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
		return false;
	text += sizeof(scheme) - 1;
	size_t host = strcspn(text, ":/");
	size_t port = text[host] == ':' ? strcspn(text + host + 1, "/") : 0;
	const char *path = text + host + (port ? port + 1 : 0);

	if (!host || host >= sizeof(url->host) || port >= sizeof(url->port))
		return false;
	snprintf(url->host, sizeof(url->host), "%.*s", (int)host, text);
	snprintf(url->port, sizeof(url->port), "%.*s", port ? (int)port : 2,
		 port ? text + host + 1 : "80");
	return snprintf(url->path, sizeof(url->path), "%s", *path ? path : "/") <
	       (int)sizeof(url->path);
}

static int connect_to(const struct url *url)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct addrinfo *found;
	int r = getaddrinfo(url->host, url->port, &hints, &found);

	if (r) {
		fprintf(stderr, "fetch: find %s: %s\n", url->host, gai_strerror(r));
		return -1;
	}
	int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
		perror("fetch: connect");
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

/* The answer as a string, or false. */
static bool ask(int fd, const struct url *url, char answer[ANSWER_MAX])
{
	size_t len = 0;
	ssize_t n;

	if (dprintf(fd, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", url->path, url->host) < 0) {
		perror("fetch: send");
		return false;
	}
	while (len < ANSWER_MAX - 1 && (n = read(fd, answer + len, ANSWER_MAX - 1 - len)) != 0) {
		if (n < 0) {
			perror("fetch: read");
			return false;
		}
		len += (size_t)n;
	}
	answer[len] = '\0';
	return true;
}

int main(int argc, char **argv)
{
	char answer[ANSWER_MAX];
	struct url url;

	if (argc != 2 || !parse(argv[1], &url)) {
		fprintf(stderr, "usage: fetch http://HOST[:PORT][/PATH]\n");
		return 2;
	}
	int fd = connect_to(&url);
	if (fd < 0 || !ask(fd, &url, answer))
		return 1;
	const char *status = strchr(answer, ' ');
	const char *body = strstr(answer, "\r\n\r\n");
	if (!status || !body) {
		fprintf(stderr, "fetch: %s: this is not HTTP\n", argv[1]);
		return 1;
	}
	fputs(body + 4, stdout);
	return status[1] == '2' ? 0 : 1;
}
