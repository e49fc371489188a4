/* A server and its clients in one process: the server on the loop of the main thread, clients on
 * executor threads. */
#ifndef HOLM_TESTS_HTTP_SERVER_FIXTURE_H
#define HOLM_TESTS_HTTP_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "loop/loop.h"
#include "secure.h"
#include "wire/http_client/http_client.h"
#include "wire/http_server/http_server.h"

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct http_server_config config;
	int port;
	int plain_port;     /* the same without TLS */
	const char *scheme; /* "http", with HOLM_TEST_TLS in the environment "https" */
	struct identity *identity;
	char *ca_file;
	char dir[32];
	char unix_path[64];
	int n_clients;                /* that are not done */
	struct http_request *request; /* one that a handler keeps */
	int n_handled;
	int n_gone;
	int n_room;
	size_t n_written;
	size_t n_limit; /* of bytes to write */
	struct timer *timer;
	int idle[2];
};

/* A request with the client library. */
struct call {
	struct fixture *f;
	struct http_client_request request;
	char *url;
	struct http_client_response response;
	struct err err;
	int result;
};

/* A client that sends bytes as they are and collects what comes until the end. */
struct raw {
	struct fixture *f;
	const char *sent;
	char *got;
	int fd;
	struct secure *secure; /* NULL: without TLS */
	bool is_open;          /* stays connected after sending and reads nothing */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Listens, with the config as it is then. */
void fixture_start(struct fixture *f, void (*handler)(void *arg, struct http_request *request));
/* Runs the loop until all clients are done. */
void fixture_wait(struct fixture *f);

/* Both halves of call_begin(), to change the request between them. */
void call_prepare(struct call *call, struct fixture *f, const char *path);
void call_start(struct call *call);
void call_begin(struct call *call, struct fixture *f, const char *path);
void call_fini(struct call *call);
void raw_begin(struct raw *raw, struct fixture *f, const char *sent);
void raw_fini(struct raw *raw);
/* A blocking connection to the server's plain TCP or unix socket. */
int fixture_connect(const struct fixture *f, bool is_unix);
/* To a port, 0: the unix socket. */
int fixture_connect_to(const struct fixture *f, int port);

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
