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
	char id[ID_SIZE];
	struct cancel cancel;
	void (*release)(void *arg); /* if `done` never runs; may be NULL */
	void (*done)(struct hook_call *call);
	void *arg;
};
/* `id` tells it from others, and is the same when it is repeated. */
struct hook_call_begin {
	const struct hook *hook;
	enum hook_event event;
	const char *id;
	char *take_body;
	void (*done)(struct hook_call *call);
	void (*release)(void *arg);
	void *arg;
};
struct hook_call *hook_call_begin(struct server *server, const struct hook_call_begin *begin);
/* 0: its answer says yes (2xx); else what was wrong, also in `err`. */
int hook_call_judge(const struct hook_call *call, struct err *err);
/* Breaks it off: its `done` has no `arg`. */
void hook_call_abandon(struct hook_call *call);
/* In its `done`. */
void hook_call_free(struct hook_call *call);

struct hooks {
	struct map queues;     /* hook id → struct hook_queue */
	struct list ready;     /* queues that may go on */
	struct list calls;     /* under way */
	struct list inquiries; /* the same */
	unsigned n_posting;    /* calls of deliveries */
	uint64_t next;         /* number of the next delivery */
	bool is_trimming;      /* a request to drop what is too much waits */
	struct cancel cancel;
};

/* pre.c */
void hook_inquiries_free(struct server *server);

/* post.c */
/* Inside a request: as it is, or an empty one. */
struct hook_log *hook_log_copy(const struct server *server, const char *hook_id);
size_t hook_count_waiting(const struct server *server, const char *hook_id);

/* view.c: as clients see it; with a secret, that too. The caller's. */
char *hook_show(const struct server *server, const struct hook *hook, const struct secret *secret);

#endif
