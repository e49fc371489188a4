/* A machine in one process on virtual time: server and worker over the in-process bus, with disks
 * and processes that outlive a crash of both. */
#ifndef HOLM_TESTS_SIM_WORLD_H
#define HOLM_TESTS_SIM_WORLD_H

#include "loop/loop.h"
#include "runtime/runtime.h"
#include "server/server.h"
#include "worker/worker.h"

struct world {
	uint64_t seed;
	/* what a crash leaves */
	struct fake_host *host;
	struct store_mem *server_disk;
	struct store_mem *worker_disk;
	struct fake_network *network;
	uint64_t past_ms;            /* of earlier loops */
	const struct prober *prober; /* NULL: by sockets */
	/* what it takes */
	struct loop *loop;
	struct bus *bus;
	struct server *server;
	struct worker *worker;
	bool is_ready;
};

void world_init(struct world *world, uint64_t seed);
void world_fini(struct world *world);
void world_boot(struct world *world);
void world_crash(struct world *world);
/* Runs `n` events, or until nothing is left. */
void world_step(struct world *world, unsigned n);
void world_run(struct world *world, uint64_t for_ms);
/* Time since the beginning; that of a loop begins with it. */
uint64_t world_now_ms(struct world *world);
/* A number below max, at most 65536. */
unsigned world_random(struct world *world, unsigned max);

/* Applies a descriptor; runs until it is answered, and asserts that it is accepted. */
void world_apply(struct world *world, const char *descriptor);
/* The same, without waiting for the answer. */
void world_apply_begin(struct world *world, const char *descriptor);

/* Instances in this state, as a client sees it. */
unsigned world_count(struct world *world, const char *state);
/* The most that any instance runs at once, and how many run at all. */
unsigned world_most_running(struct world *world);
unsigned world_running(struct world *world);

#endif
