/* The container of the system tests: a web server that tells who asks, fetches pages of others, and
 * misbehaves when asked to.
 *
 *     httpd [port=N] [udp=N] [name=TEXT] [health=STATUS] [ignore-term]
 *
 * A thread per connection, HTTP/1.0. Every request is a line on the standard output. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "http_get.h"

#define FORKS_MAX     10000
#define LOAD_EVERY_MS 10
#define READ_MS       10000

/* Requests made over and over in the background. */
struct load {
	pthread_mutex_t lock;
	char url[512]; /* "" stops it */
	unsigned done;
	unsigned failed;
	char first_error[256];
};

struct server {
	char **argv;
	char **env;
	const char *name;
	unsigned port;
	unsigned udp_port;
	_Atomic unsigned health; /* status of its page, 0: it is not answered */
	struct load load;
};

struct request {
	struct server *server;
	int fd;
	char peer[INET_ADDRSTRLEN];
	char head[2048];
	const char *path;
	char *query; /* behind '?', or "" */
	int status;
	size_t len;
	char body[BODY_SIZE];
};

static void say(struct request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct request *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(r->body + r->len, sizeof(r->body) - r->len, fmt, ap);
	va_end(ap);
	r->len += (size_t)n < sizeof(r->body) - r->len ? (size_t)n : 0;
}

/* Value of NAME= that ends the query, "" if it is not there. */
static const char *param(const struct request *r, const char *name)
{
	size_t n = strlen(name);

	return strncmp(r->query, name, n) == 0 && r->query[n] == '=' ? r->query + n + 1 : "";
}

static void answer(struct request *r)
{
	char head[128];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.0 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
			 r->status, r->len);

	send(r->fd, head, (size_t)n, MSG_NOSIGNAL | MSG_MORE);
	for (size_t at = 0; at < r->len;) {
		ssize_t sent = send(r->fd, r->body + at, r->len - at, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		at += (size_t)sent;
	}
	printf("%s /%s %d\n", r->peer, r->path, r->status);
}

static void page_info(struct request *r)
{
	char host[256] = "";

	gethostname(host, sizeof(host));
	say(r, "name: %s\nhost: %s\npeer: %s\npid: %d\n", r->server->name, host, r->peer,
	    (int)getpid());
	for (char **arg = r->server->argv + 1; *arg; arg++)
		say(r, "arg: %s\n", *arg);
	for (char **env = r->server->env; *env; env++)
		say(r, "env: %s\n", *env);
}

static void page_get(struct request *r)
{
	struct answer *page = calloc(1, sizeof(*page));

	if (http_get(param(r, "url"), page) < 0) {
		r->status = 502;
		say(r, "%s\n", page->error);
	} else {
		r->status = page->status;
		say(r, "%s", page->body);
	}
	free(page);
}

static void *run_load(void *arg)
{
	struct load *load = arg;
	struct answer *page = calloc(1, sizeof(*page));
	char url[sizeof(load->url)];

	for (;;) {
		pthread_mutex_lock(&load->lock);
		snprintf(url, sizeof(url), "%s", load->url);
		pthread_mutex_unlock(&load->lock);
		if (!*url)
			break;
		int is_bad = http_get(url, page) < 0 || page->status != 200;
		pthread_mutex_lock(&load->lock);
		load->done++;
		if (is_bad && load->failed++ == 0)
			snprintf(load->first_error, sizeof(load->first_error), "%u: %d %.200s",
				 load->done, page->status, page->error);
		pthread_mutex_unlock(&load->lock);
		poll(NULL, 0, LOAD_EVERY_MS);
	}
	free(page);
	return NULL;
}

/* ?url= starts it, ?stop= ends it, each tells how it went so far. */
static void page_load(struct request *r)
{
	struct load *load = &r->server->load;
	pthread_t thread;

	pthread_mutex_lock(&load->lock);
	if (*param(r, "url") && !*load->url) {
		snprintf(load->url, sizeof(load->url), "%s", param(r, "url"));
		load->done = load->failed = 0;
		if (pthread_create(&thread, NULL, run_load, load) == 0)
			pthread_detach(thread);
	} else if (strncmp(r->query, "stop", 4) == 0)
		load->url[0] = '\0';
	say(r, "done: %u\nfailed: %u\nfirst: %s\n", load->done, load->failed, load->first_error);
	pthread_mutex_unlock(&load->lock);
}

static void page_exit(struct request *r)
{
	answer(r);
	close(r->fd);
	fflush(stdout);
	_exit((int)number_of(param(r, "code")));
}

/* The first process of a namespace gets no signal that it does not handle, but for its faults. */
static void page_crash(struct request *r)
{
	volatile char *nothing = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	answer(r);
	close(r->fd);
	*nothing = 1;
}

static void page_alloc(struct request *r)
{
	size_t len = (size_t)number_of(param(r, "mib")) << 20;
	char *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		r->status = 507;
		say(r, "%s\n", strerror(errno));
		return;
	}
	memset(memory, 1, len);
	say(r, "ok\n");
}

/* As many children as it gets, up to n; all are gone again before the answer. */
static void page_fork(struct request *r)
{
	unsigned wanted = number_of(param(r, "n"));
	pid_t *pids = calloc(FORKS_MAX, sizeof(*pids));
	unsigned n = 0;
	int error = 0;

	while (n < wanted && n < FORKS_MAX) {
		pids[n] = fork();
		if (pids[n] == 0)
			for (;;)
				pause();
		error = pids[n] < 0 ? errno : 0;
		if (error)
			break;
		n++;
	}
	for (unsigned i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (unsigned i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	free(pids);
	say(r, "forked: %u\nerror: %s\n", n, error ? strerror(error) : "");
}

static unsigned long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long)t.tv_sec * 1000 + (unsigned long)t.tv_nsec / 1000000;
}

static void page_burn(struct request *r)
{
	unsigned long until = now_ms() + number_of(param(r, "ms"));
	unsigned long rounds = 0;

	while (now_ms() < until)
		rounds++;
	say(r, "rounds: %lu\n", rounds);
}

static void page_print(struct request *r)
{
	printf("%s\n", param(r, "text"));
}

static void page_print_error(struct request *r)
{
	fprintf(stderr, "%s\n", param(r, "text"));
}

static void page_file(struct request *r)
{
	FILE *file = fopen(param(r, "path"), "re");

	if (!file) {
		r->status = 404;
		say(r, "%s\n", strerror(errno));
		return;
	}
	r->len = fread(r->body, 1, sizeof(r->body), file);
	fclose(file);
}

static void page_health(struct request *r)
{
	while (!r->server->health)
		poll(NULL, 0, LOAD_EVERY_MS);
	r->status = (int)r->server->health;
}

static void page_set_health(struct request *r)
{
	r->server->health = number_of(param(r, "status"));
}

static void route(struct request *r)
{
	static const struct {
		const char *path;
		void (*run)(struct request *r);
	} pages[] = {
		{ "", page_info },
		{ "get", page_get },
		{ "load", page_load },
		{ "exit", page_exit },
		{ "crash", page_crash },
		{ "alloc", page_alloc },
		{ "fork", page_fork },
		{ "burn", page_burn },
		{ "print", page_print },
		{ "file", page_file },
		{ "print-error", page_print_error },
		{ "health", page_health },
		{ "set-health", page_set_health },
	};

	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		if (strcmp(r->path, pages[i].path) != 0)
			continue;
		pages[i].run(r);
		return;
	}
	r->status = 404;
}

/* gVisor on the host's network lets a blocking read return without data. */
static ssize_t read_some(int fd, char *out, size_t max)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	poll(&poll_fd, 1, READ_MS);
	return read(fd, out, max);
}

static int read_head(struct request *r)
{
	size_t len = 0;

	while (len < sizeof(r->head) - 1 && !strstr(r->head, "\r\n\r\n")) {
		ssize_t n = read_some(r->fd, r->head + len, sizeof(r->head) - 1 - len);

		if (n <= 0) {
			fprintf(stderr, "%s read: %s after %zu bytes\n", r->peer,
				n < 0 ? strerror(errno) : "end", len);
			return -1;
		}
		len += (size_t)n;
	}
	if (strncmp(r->head, "GET /", 5) != 0)
		return -1;
	char *path = r->head + 5;
	path[strcspn(path, " \r\n")] = '\0';
	size_t n = strcspn(path, "?");
	r->query = path[n] ? path + n + 1 : path + n;
	path[n] = '\0';
	r->path = path;
	return 0;
}

static void *serve(void *arg)
{
	struct request *r = arg;

	r->status = 200;
	if (read_head(r) == 0) {
		route(r);
		answer(r);
	}
	close(r->fd);
	free(r);
	return NULL;
}

static void *echo(void *arg)
{
	const struct server *server = arg;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(server->udp_port) };
	struct sockaddr_in from;
	char data[1500];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("bind udp");
		exit(1);
	}
	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &size);

		if (n >= 0)
			sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, size);
	}
	return NULL;
}

static void on_term(int signum)
{
	static const char text[] = "terminated\n";

	(void)signum;
	if (write(STDOUT_FILENO, text, strlen(text)) >= 0)
		_exit(0);
	_exit(1);
}

static void parse_words(struct server *server)
{
	signal(SIGTERM, on_term);
	for (char **word = server->argv + 1; *word; word++) {
		if (strncmp(*word, "port=", 5) == 0)
			server->port = number_of(*word + 5);
		else if (strncmp(*word, "udp=", 4) == 0)
			server->udp_port = number_of(*word + 4);
		else if (strncmp(*word, "name=", 5) == 0)
			server->name = *word + 5;
		else if (strncmp(*word, "health=", 7) == 0)
			server->health = number_of(*word + 7);
		else if (strcmp(*word, "ignore-term") == 0)
			signal(SIGTERM, SIG_IGN);
	}
}

static void take(struct server *server, int listener)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	pthread_t thread;
	int fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);
	struct request *r = fd >= 0 ? calloc(1, sizeof(*r)) : NULL;

	if (!r)
		return;
	r->server = server;
	r->fd = fd;
	inet_ntop(AF_INET, &from.sin_addr, r->peer, sizeof(r->peer));
	if (pthread_create(&thread, NULL, serve, r) == 0) {
		pthread_detach(thread);
		return;
	}
	fprintf(stderr, "%s: no thread for it\n", r->peer);
	close(fd);
	free(r);
}

int main(int argc, char **argv, char **env)
{
	struct server server = { .argv = argv,
				 .env = env,
				 .name = "httpd",
				 .port = 80,
				 .health = 200 };
	int on = 1;
	pthread_t thread;

	(void)argc;
	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_mutex_init(&server.load.lock, NULL);
	parse_words(&server);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(server.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 128) < 0) {
		perror("listen");
		return 1;
	}
	if (server.udp_port)
		pthread_create(&thread, NULL, echo, &server);
	printf("listening on port %u\n", server.port);
	for (;;)
		take(&server, fd);
}
