/* A server with its API on a unix socket and TCP, a node that does what the test says, and a client on
 * a thread of its own. */
#ifndef HOLM_TESTS_API_WORLD_H
#define HOLM_TESTS_API_WORLD_H

#include "api/api.h"
#include "loop/loop.h"
#include "wire/http_client/http_client.h"

#define WORLD_TOKEN "s3cret"
/* Environment: a folder of keys for all worlds, since making one takes its time. */
#define WORLD_KEYS "HOLM_WORLD_KEYS"
#define WORLD_NODE "0123456789abcdef01234567"

struct world {
	struct loop *loop;
	struct bus *bus;
	struct store_mem *disk;
	struct server *server;
	struct stream_hub *hub;
	struct api *api;
	struct timer *deadline;
	char dir[64];
	char *socket;
	char *key;  /* file that seals secrets */
	char *keys; /* folder of those that sign tokens */
	/* What the node reports of an instance it is told to run: RUNNING unless something else is
	 * here; with a detail. */
	enum instance_state node_state;
	const char *node_detail;
	struct json *document; /* the API's, once an answer was compared with it */
	unsigned n_downs;
	bool is_purged;
};

void world_init(struct world *world);
void world_fini(struct world *world);

/* A test of cmocka whose state is a world of its own. */
int world_set_up(void **state);
int world_tear_down(void **state);
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

/* Runs `fn` on a thread and the loop until it has returned; fails the test after 20 s. */
void world_run(struct world *world, void (*fn)(void *arg), void *arg);
/* One turn of the loop. */
void world_turn(struct world *world);
/* The node registers; with a problem of so many bytes. */
void world_register(struct world *world, size_t problem_len);

/* The API goes away and comes back on the same socket. */
void world_restart_api(struct world *world);
/* The node reports this of every instance there is. */
void world_report(struct world *world, enum instance_state state);

/* A request and its answer. */
struct ask {
	struct world *world;
	const char *method;
	const char *path;
	const char *body;
	const char *header; /* one more, or NULL */
	bool is_tcp;
	bool has_token;
	const char *bearer; /* another token; NULL: none */
	bool is_made_up;    /* the answer is the test's own, not as the document says */
	http_client_sink sink;
	void *sink_arg;
	int result;
	struct err err;
	struct http_client_response response;
};
void ask_fini(struct ask *ask);
#define auto_ask __attribute__((cleanup(ask_fini)))

/* Asks, and leaves what came of it in result, err and response. */
void world_perform(struct world *world, struct ask *ask);
/* Asks and expects this status, and an answer as the API's document has it. */
void world_ask(struct world *world, struct ask *ask, unsigned status);

extern const char world_descriptor[]; /* hybrid.demo with web.demo and client.demo */

#endif
