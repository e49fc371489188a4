/* A server with a key file, and hooks of it. */
#ifndef HOLM_TESTS_SERVER_HOOK_KIT_H
#define HOLM_TESTS_SERVER_HOOK_KIT_H

#include "kit.h"
#include "model/hook.h"
#include "server/extend.h"

#define HOOK_SECRET "correct horse battery"
/* A hook's text: HOOK("told", "applications", "\"post_create\"", ""). */
#define HOOK(name, entity, events, more)                                                           \
	"{\"hook_name\":\"" name "\",\"webhook_url\":\"http://hooks.example/" name                 \
	"\",\"entity\":\"" entity "\",\"events\":[" events "],\"secret\":\"" HOOK_SECRET "\"" more \
	"}"

struct hook_test {
	struct kit *kit;
	char dir[64];
	char *key;
	/* Of the last change. */
	bool is_answered;
	char *json;
};

int hook_set_up(void **state);
int hook_tear_down(void **state);
#define HOOK_TEST(name) cmocka_unit_test_setup_teardown(name, hook_set_up, hook_tear_down)

typedef void (*hook_begin_fn)(struct server *server, const struct server_hook *hook);
/* Asks, and leaves what came of it in t->json and the kit's err; its code. A text that is no hook at all
 * fails the test. */
int hook_ask(struct hook_test *t, hook_begin_fn begin, const char *id, const char *text);
/* A member of t->json, the caller's; NULL if it is not there. */
char *hook_member(const struct hook_test *t, const char *member);
/* Makes one, and gives its id. */
void hook_make(struct hook_test *t, const char *text, char ret_id[ID_SIZE]);

#endif
