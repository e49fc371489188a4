/* What the files of hooks share. */
#ifndef HOLM_SERVER_HOOK_PRIVATE_H
#define HOLM_SERVER_HOOK_PRIVATE_H

#include "model/custom.h"
#include "model/hook.h"
#include "server/extend.h"
#include "server/private.h"

/* hook.c: what its secret is sealed under; the caller's. */
char *hook_secret_label(const struct hook *hook);

/* call.c: one call of a hook. Its `done` runs later, once, unless the server ends before. */
struct hook_call {
	struct list node;
	struct server *server;
	char hook_id[ID_SIZE];
	char *url;
	struct strv headers;
	char *body;
	bool is_over; /* before it began: `err` says why */
	int result;   /* 0: there is an answer */
	struct err err;
	struct server_hook_answer answer;
	void (*done)(struct hook_call *call);
	void *arg;
};
/* `id` tells it from others, and is the same when it is repeated. */
struct hook_call_begin {
	const struct hook *hook;
	const char *id;
	char *take_body;
	void (*done)(struct hook_call *call);
	void *arg;
};
void hook_call_begin(struct server *server, const struct hook_call_begin *begin);
/* 0: its answer says yes (2xx); else what was wrong, also in `err`. */
int hook_call_judge(const struct hook_call *call, struct err *err);
/* In its `done`. */
void hook_call_free(struct hook_call *call);

struct hooks {
	struct map queues;  /* hook id → struct hook_queue */
	struct list ready;  /* queues that may go on */
	struct list calls;  /* under way */
	unsigned n_posting; /* calls of deliveries */
	uint64_t next;      /* number of the next delivery */
	bool is_trimming;   /* a request to drop what is too much waits */
	struct cancel cancel;
};

/* post.c */
size_t hook_count_waiting(const struct server *server, const char *hook_id);

/* view.c: as clients see it; with a secret, that too. The caller's. */
char *hook_show(const struct server *server, const struct hook *hook, const struct secret *secret);

#endif
