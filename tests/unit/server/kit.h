/* A server on virtual time, and nodes that say what the test makes them say. */
#ifndef HOLM_TESTS_SERVER_KIT_H
#define HOLM_TESTS_SERVER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "json/json.h"
#include "loop/loop.h"
#include "model/message.h"
#include "server/server.h"

#define KIT_BOOT_MS 1000000 /* from one boot to the next */

#define NODE_A "aaaaaaaaaaaaaaaaaaaaaaaa"
#define NODE_B "bbbbbbbbbbbbbbbbbbbbbbbb"

/* A message that the server sent. */
struct kit_message {
	char *topic; /* behind "nodes/ID/" */
	char node_id[ID_SIZE];
	struct json *json;
};

struct kit {
	struct server_config config; /* for the next boot */
	struct store_mem *disk;
	uint64_t n_boots;
	struct loop *loop;
	struct bus *bus;
	struct server *server;
	struct kit_message *messages;
	size_t n_messages;
	struct strv beating; /* ids of the nodes that send heartbeats */
	/* Of the last request. */
	bool is_answered;
	struct err err;
	struct json *plan; /* NULL if it failed */
};

int kit_setup(void **state);
int kit_teardown(void **state);
#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

void kit_boot(struct kit *kit);
void kit_crash(struct kit *kit);
/* Virtual time; the nodes that beat go on beating. */
void kit_run(struct kit *kit, uint64_t for_ms);

/* The node registers with so much memory and docker, and beats from then on. */
void kit_register(struct kit *kit, const char *node_id, uint64_t memory_mib);
void kit_say(struct kit *kit, const char *node_id, const char *what, const char *payload);
void kit_report(struct kit *kit, const char *node_id, const char *instance_id,
		enum instance_state state, const char *detail);

/* Requests, run until they are answered; the result's code. */
int kit_apply(struct kit *kit, const char *descriptor);
int kit_plan(struct kit *kit, const char *descriptor); /* a dry run */
int kit_scale(struct kit *kit, const char *service, uint32_t replicas);
int kit_restart(struct kit *kit, const char *name);
int kit_restart_plan(struct kit *kit, const char *name); /* a dry run */
int kit_pause(struct kit *kit, const char *name, bool is_paused);
int kit_cordon(struct kit *kit, const char *node, bool is_cordoned);
int kit_delete(struct kit *kit, const char *app);
/* Fails the test unless it was accepted. */
void kit_must_apply(struct kit *kit, const char *descriptor);
/* "create app a.t, create service a.t.web.t, ..." */
char *kit_actions(const struct kit *kit);

/* Messages since the last kit_forget(); topic "control/deploy", ... */
size_t kit_count(const struct kit *kit, const char *node_id, const char *topic);
/* The last of them, or NULL. */
const struct json *kit_last(const struct kit *kit, const char *node_id, const char *topic);
void kit_forget(struct kit *kit);

/* What clients see: a list ("apps", "services", "instances", "nodes"), the caller's. */
struct json *kit_list(struct kit *kit, const char *what);
/* One member of the instance or service of that name, the caller's; NULL if there is none. An
 * instance's name is "web.0". */
char *kit_value(struct kit *kit, const char *what, const char *name, const char *member);
size_t kit_n(struct kit *kit, const char *what);

/* The same as a number, and a check of a text in one line. */
int64_t kit_number(struct kit *kit, const char *what, const char *name, const char *member);
#define assert_value(kit, what, name, member, expected)                              \
	do {                                                                         \
		auto_free char *value_ = kit_value((kit), (what), (name), (member)); \
		assert_non_null(value_);                                             \
		assert_string_equal(value_, (expected));                             \
	} while (0)
#define assert_err(kit, code_, words)                                                        \
	do {                                                                                 \
		if ((kit)->err.code != (code_) || !strstr((kit)->err.msg, (words)))          \
			fail_msg("%d, expected %d and \"%s\": %s", (kit)->err.code, (code_), \
				 (words), (kit)->err.msg);                                   \
	} while (0)

/* Descriptors: APP("a", SERVICE("web", ",\"memory\":100")). */
#define SERVICE(name, more)                                                     \
	"{\"microservice_name\":\"" name "\",\"microservice_namespace\":\"t\"," \
	"\"virtualization\":\"container\",\"code\":\"registry.example/" name ":1\"" more "}"
#define APPLICATION(name, services)                                           \
	"{\"application_name\":\"" name "\",\"application_namespace\":\"t\"," \
	"\"microservices\":[" services "]}"
#define SLA(apps)           "{\"sla_version\":\"v2.0\",\"customerID\":\"Admin\",\"applications\":[" apps "]}"
#define APP(name, services) SLA(APPLICATION(name, services))

#endif
