/* A worker on virtual time with a simulated host and network; the test is its server. */
#ifndef HOLM_TESTS_WORKER_KIT_H
#define HOLM_TESTS_WORKER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "json/json.h"
#include "loop/loop.h"
#include "model/message.h"
#include "worker/worker.h"

#define NODE  "0123456789abcdef01234567"
#define OTHER "aaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_1  "111111111111111111111111"
#define ID_2  "222222222222222222222222"
#define ID_3  "333333333333333333333333"
#define BLOCK "10.18.0.0/26"

struct kit {
	struct worker_config config; /* for the next boot */
	struct overlay_driver overlay;
	struct map ports; /* "10.18.0.2:80" → what answers a probe there */
	unsigned n_asked_by_probes;
	const struct runtime_driver *driver; /* NULL: the simulated host's */
	bool is_real; /* threads and descriptors, no virtual time: set before kit_boot() */
	const struct runtime_driver *other; /* a second runtime, or NULL */
	struct fake_host *host;
	struct store_mem *disk;
	struct fake_network *network;
	char dir[64]; /* data_dir */
	char secrets_dir[80];
	char key_path[80];
	struct stream_hub *streams; /* the test's own, or NULL */
	uint32_t image_gc_high, image_gc_low;
	uint64_t n_boots;
	struct loop *loop;
	struct bus *bus;
	struct worker *worker;
	uint64_t revision;      /* of the last message */
	struct resources offer; /* 0: without bound */
	uint32_t warm_mib;
	bool is_deaf; /* the server does not answer registrations */
	unsigned n_registered;
	struct node node; /* as it was registered last */
	unsigned n_beats;
	struct instance_stats measured; /* the last measurement */
	unsigned n_asked;               /* for a block */
	unsigned n_ready;
	struct err ready_err;
	bool is_down;
	struct err down_err;
	struct instance_status *told; /* every status, in order */
	size_t n_told;
};

int kit_setup(void **state);
int kit_teardown(void **state);
#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

/* The n-th boot is at n times this, by the loop's clock and the wall's. */
#define KIT_BOOT_MS 10000000
void kit_boot(struct kit *kit);
void kit_crash(struct kit *kit);
void kit_run(struct kit *kit, uint64_t for_ms);
void kit_say(struct kit *kit, const char *what, const char *payload);

/* A service a.t.web.t with one instance; the spec is a descriptor's, without virtualization and code
 * unless they are given. */
struct wish {
	const char *id;
	uint32_t generation; /* 0: 1 */
	uint64_t revision;   /* 0: the next */
	uint32_t restarts;
	bool is_paused;
	const char *spec; /* members, each begun by a comma, or NULL */
};
void kit_deploy(struct kit *kit, const struct wish *wish);
void kit_delete(struct kit *kit, const char *id);
void kit_sync(struct kit *kit, const struct wish *wishes, size_t n);
void kit_accept(struct kit *kit, const char *blocks); /* "\"10.18.0.0/26\"" */

/* What was told of an instance: the last status, or all states since the last kit_forget() in the form
 * "CREATING RUNNING" (repeated ones once). */
const struct instance_status *kit_status(const struct kit *kit, const char *id);
char *kit_states(const struct kit *kit, const char *id);
bool kit_has_told(const struct kit *kit, const char *id, const char *detail_part);
void kit_forget(struct kit *kit);
/* Runs until the instance is in this state; fails the test after a virtual hour. */
void kit_await(struct kit *kit, const char *id, enum instance_state state);

/* With a real loop: runs until it is met; fails the test after this time. */
#define KIT_DEADLINE_MS 20000
void kit_await_met(struct kit *kit, bool (*is_met)(void *arg), void *arg);

/* What probes of an address find from now on: an HTTP status, KIT_SILENT, or KIT_CLOSED as at first. A
 * test at a time. */
#define KIT_CLOSED 0
#define KIT_SILENT 1
void kit_port(struct kit *kit, const char *address, unsigned status);

/* The documents that the worker has on disk. */
size_t kit_n_stored(struct kit *kit);

#endif
