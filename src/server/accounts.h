/* Users, organizations and tokens: who asks, and what he may.
 *
 * Rights are read from the documents at the time of the request: roles of the member in the organization
 * of the token, administrator by role Admin in organization root. Slow parts (hashes, keys) run on an
 * executor of their own. */
#ifndef HOLM_SERVER_ACCOUNTS_H
#define HOLM_SERVER_ACCOUNTS_H

#include "accounts/accounts.h"
#include "model/account.h"
#include "server/server.h"

/* Who asks. Nobody has proved to be anybody while `user` is NULL. */
struct identity {
	char *user;
	char user_id[ID_SIZE];      /* "": of no stored user */
	struct strv roles;          /* in `organization` */
	char organization[ID_SIZE]; /* id */
	char scope[ID_SIZE];        /* the same as applications have it: "" for root */
	bool is_admin;              /* of the whole server */
	bool is_manager;            /* of `organization` */
	bool is_member;             /* of it */
	bool is_local;   /* the machine's administrator: by the unix socket or the node's token */
	bool is_refresh; /* a refresh token, which is good for another access token alone */
};
void identity_fini(struct identity *who);
#define auto_identity __attribute__((cleanup(identity_fini)))

/* The machine's administrator: user Admin with all roles in organization root. */
void server_identify_local(struct server *server, struct identity *ret);
/* Whose token it is. -EBADMSG: it is none; -EKEYREJECTED: of another server, or withdrawn; -ETIME: it has
 * expired; -ENOENT: the user is gone, or has another password since. */
int server_identify(struct server *server, const char *token, struct identity *ret,
		    struct err *err);

/* Strings are borrowed. */
struct server_login {
	const char *user;
	const char *password;
	const char *organization; /* name, NULL: root */
	const char *address;      /* numeric, "" by the unix socket */
	bool may_use_default;     /* from this machine, by no page of another site */
};
struct server_tokens {
	char *access;
	char *refresh;
	uint64_t wait_ms; /* with -EBUSY: until the next try */
};
/* Both texts are the server's. -EACCES: no such user or password; -EPERM: the password that everybody
 * knows is not taken from there; -ENOENT: no such organization; -EBUSY: too many failures, wait;
 * -EAGAIN: too many log in right now. */
typedef void (*server_login_fn)(void *arg, const struct server_tokens *tokens,
				const struct err *err);
void server_login_begin(struct server *server, const struct server_login *login,
			server_login_fn done, void *arg);
/* Another access token for who has a refresh token; the caller's. */
char *server_refresh(struct server *server, const struct identity *who);

/* A new user, or what is to be changed of one; NULL leaves it as it is. The strings are copied. */
struct server_user {
	const char *name;
	bool is_new;
	const char *email;
	const char *created_at;
	const char *password;     /* "" or the one that he has: unchanged */
	const char *old_password; /* has to be his, if it is not NULL */
	const struct strv *roles;
	const char *organization; /* id of the one that `roles` is about, NULL: root */
	const char *manager_of;   /* id: who asks manages this one and no more; NULL: may do all */
};
/* -EEXIST, -ENOENT, -EINVAL, -EACCES for a wrong old password and for what a manager may not do; -EBUSY:
 * the last administrator would be none any more, or too many old passwords were wrong; -EAGAIN: too many
 * are looked at right now. */
void server_user_put_begin(struct server *server, const struct server_user *user,
			   server_done_fn done, void *arg);
/* With his tokens and memberships; `manager_of` as above. -EBUSY: he owns applications, or is the last
 * administrator. */
void server_user_remove_begin(struct server *server, const char *name, const char *manager_of,
			      server_done_fn done, void *arg);
/* A user with his roles in an organization (id, NULL: root); false: there is none. */
bool server_user_view(struct server *server, const char *name, const char *organization,
		      struct user_view *ret);
bool server_user_is_member(struct server *server, const char *name, const char *organization);
/* All, or with `organization` (id) its members, -ENOENT if there is none; the array is the caller's. */
struct user_views {
	struct user_view *items;
	size_t n;
};
int server_user_views(struct server *server, const char *organization, struct user_views *ret,
		      struct err *err);
void user_views_fini(struct user_views *views);
#define auto_user_views __attribute__((cleanup(user_views_fini)))

/* Organizations, `at` from 0 on: NULL at the end. Until the loop's next turn. */
const struct organization *server_organization_next(struct server *server, size_t *at);
/* Makes one (id ""), or changes its name and members; members who are no users are left out with a
 * warning. `manager_of` as above. */
void server_organization_put_begin(struct server *server, const struct organization *organization,
				   const char *manager_of, server_done_fn done, void *arg);
/* Changes one member, who is made one if he is none: -ENOENT, -EINVAL for a role, -EBUSY as above. */
struct server_member {
	const char *organization; /* id */
	const char *user;         /* name */
	const struct strv *roles; /* NULL: is no member any more */
};
void server_member_put_begin(struct server *server, const struct server_member *member,
			     server_done_fn done, void *arg);
/* -EBUSY: root, and one that has applications. */
void server_organization_remove_begin(struct server *server, const char *id, server_done_fn done,
				      void *arg);

/* JSON, an array of organization_view; the caller's. */
char *server_list_organizations(struct server *server);

/* Tokens of machines. `text` is told once, here. */
struct server_token_request {
	const char *name;
	const char *user;
	uint32_t lifetime_s; /* 0: until it is revoked */
};
typedef void (*server_token_fn)(void *arg, const char *text, const struct err *err);
void server_token_create_begin(struct server *server, const struct server_token_request *request,
			       server_token_fn done, void *arg);
void server_token_remove_begin(struct server *server, const char *name, server_done_fn done,
			       void *arg);
char *server_list_tokens(struct server *server);
/* Another key signs from now on; suddenly: what was signed before is worth nothing any more. */
void server_rotate_begin(struct server *server, bool is_sudden, server_done_fn done, void *arg);

/* The audit log: changes, and refusals apart, so that they cannot push changes out. The newest of each
 * are kept. */
void server_audit(struct server *server, const struct audit_entry *entry);
/* The newest `n` as a JSON array, oldest first; the caller's. */
char *server_list_audit(struct server *server, size_t n);

#endif
