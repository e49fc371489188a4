/* What the files of accounts share in the server. */
#ifndef HOLM_SERVER_ACCOUNT_PRIVATE_H
#define HOLM_SERVER_ACCOUNT_PRIVATE_H

#include "server/accounts.h"
#include "server/private.h"

#define HASHES_MAX           64 /* of passwords, under way at a time */
#define MACHINE_TOKEN_PREFIX "holm_"

/* A ring of the audit log. */
struct audit_ring {
	const char *kind; /* of its documents */
	size_t max;
	struct audit_entry *items; /* oldest first */
	size_t n;
	uint64_t next; /* number of the next one's document; grows for ever */
};

enum { RING_CHANGES, RING_REFUSALS, RING_N };

struct accounts {
	struct keys *keys; /* NULL: the server was given no folder for them */
	struct list retired;
	struct list jobs;
	unsigned n_hashes; /* of passwords, under way or waiting */
	struct limit *users;
	struct limit *addresses;
	struct audit_ring rings[RING_N];
};

/* Slow work on the executor, which has one thread and takes it in order: `run` there, then `done` on the
 * loop, whose the job is from then on. Embedded as the first member. */
struct job {
	struct list node;
	struct server *server;
	void (*run)(struct job *job);
	void (*done)(struct job *job);
	void (*free)(struct job *job); /* if the server ends before that */
	const struct keys *keys;       /* those of now, for `run` */
	const char *keys_dir;
	struct keys *new_keys; /* made by `run`: the server's from then on */
	uint64_t now_ms;
	struct err err;
};
void job_begin(struct server *server, struct job *job);
/* Inside `run`: keys with at least one; NULL with job->err set. */
const struct keys *job_need_keys(struct job *job);

/* organization.c: a change of one, of which `wanted` is what it becomes; taken apart when it is done. */
struct organization_put {
	struct organization wanted;
	char manager_of[ID_SIZE];
	struct plan_answer answer;
};
int organization_run_put(struct server *server, void *arg, struct err *err);
void organization_put_done(struct server *server, void *arg, const struct err *err);

/* As committed, or with `is_next` inside a request. */
const struct user *user_find(const struct server *server, const char *name, bool is_next);
const struct organization *organization_find(const struct server *server, const char *name,
					     bool is_next);
/* NULL: not a member. */
const struct member *member_find(const struct organization *organization, const char *user_id);
bool member_is_admin(const struct member *member);
bool member_is_manager(const struct member *member);
/* Inside a request. */
int roles_check(const struct strv *roles, struct err *err);
int admin_check_left(const struct server *server, struct err *err);
void organization_set_member(struct organization *organization, const char *user_id,
			     const struct strv *roles);
void organization_drop_member(struct organization *organization, const char *user_id);
/* Whether it is the user's; a user of NULL takes as long. Slow. */
bool user_password_matches(bool is_default, const char *hash, const char *password);

/* manager.c; inside a request, for what somebody asks who manages this organization and no more. The
 * user has to be its alone; an administrator of the server is nobody's. */
int manager_check_user(const struct server *server, const char *organization_id,
		       const struct user *user, struct err *err);
/* `before` may be NULL. */
int manager_check_roles(const struct organization *organization, const struct strv *before,
			const struct strv *after, struct err *err);
int manager_check_members(const struct server *server, const struct organization *before,
			  const struct organization *after, struct err *err);

/* token.c */
int machine_token_identify(struct server *server, const char *text, struct identity *ret,
			   struct err *err);
/* audit.c */
void audit_fini(struct accounts *accounts);

/* account.c: fills in what the documents say of a user. */
void identity_fill(const struct server *server, const struct user *user,
		   const struct organization *organization, struct identity *ret);

#endif
