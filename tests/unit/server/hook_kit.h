/* A server with a key file, hooks of it, and somebody who is called by them. */
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

/* A call of a hook. */
struct hook_sent {
	char *url;
	char *body;
	char *signature; /* of the header, NULL: there was none */
	char *delivery;  /* the same */
	char *what;      /* "pre_create jobs", by headers */
	uint64_t at_ms;  /* of the loop's clock */
};

struct hook_test {
	struct kit *kit;
	char dir[64];
	char *key;
	/* Of the last change. */
	bool is_answered;
	char *json;
	/* Who is called: what he got, and says. */
	struct hook_sent *sent;
	size_t n_sent;
	unsigned status;    /* 0: cannot be reached */
	const char *answer; /* body, NULL: none */
};

int hook_set_up(void **state);
int hook_tear_down(void **state);
#define HOOK_TEST(name) cmocka_unit_test_setup_teardown(name, hook_set_up, hook_tear_down)

typedef void (*hook_begin_fn)(struct server *server, const struct server_hook *hook);
/* Asks, and leaves what came of it in t->json and the kit's err; its code. A text that is no hook at all
 * fails the test. */
int hook_ask(struct hook_test *t, hook_begin_fn begin, const char *id, const char *text);
/* Does nothing. */
void hook_on_plan(void *arg, const struct plan_view *plan, const struct err *err);
/* A member of t->json, the caller's; NULL if it is not there. */
char *hook_member(const struct hook_test *t, const char *member);
/* "pre_create, post_create": events of the calls since hook_forget(), or whatever member of their bodies;
 * the caller's. */
char *hook_sent(const struct hook_test *t, const char *member);
void hook_forget(struct hook_test *t);
/* Makes one, and gives its id. */
void hook_make(struct hook_test *t, const char *text, char ret_id[ID_SIZE]);

#endif
