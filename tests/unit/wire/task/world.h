/* A server of the task API and a client of it, in one loop that a test moves step by step. */
#ifndef HOLM_TESTS_WIRE_TASK_WORLD_H
#define HOLM_TESTS_WIRE_TASK_WORLD_H

#include "loop/loop.h"
#include "peer.h"
#include "wire/task/task.h"

#define CALLS_MAX 8

#define S(text) ((char *)(uintptr_t)(text))

struct world {
	char dir[64];
	struct loop *loop;
	struct task_server *server;
	struct task_call *calls[CALLS_MAX]; /* that came and were not looked at */
	size_t n_calls;
	bool is_late;
	struct peer peer;
};

int world_setup(void **state);
int world_teardown(void **state);
void world_dial(struct world *w, struct peer *ret);
/* Until there is a call, or something to be read by a client. */
void world_run(struct world *w, int fd);
/* What is ready now. */
void world_turn(struct world *w);
struct task_call *world_take_call(struct world *w);
struct task_call *world_call(struct world *w, const char *method, const void *message);
/* What an answer to the client's last call was. */
void world_hear(struct world *w, const ProtobufCMessageDescriptor *type, struct answer *ret);
/* The server still answers, on this connection. */
void world_expect_service(struct world *w);

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
