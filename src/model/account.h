/* Accounts as the server stores them, and as they may be seen. */
#ifndef HOLM_MODEL_ACCOUNT_H
#define HOLM_MODEL_ACCOUNT_H

#include "base/id.h"
#include "json/json.h"

/* Role names are Oakestra's; Holm itself asks for the first two only. */
#define ROLE_ADMIN              "Admin"
#define ROLE_ORGANIZATION_ADMIN "Organization_Admin"
#define ROLES_ALL \
	ROLE_ADMIN "," ROLE_ORGANIZATION_ADMIN ",Application_Provider,Infrastructure_Provider"

#define ROLE_NAME_MAX     64
#define ROLES_MAX         16
#define USER_NAME_MAX     64
#define USER_TEXT_MAX     256 /* of what is only kept: e-mail, when it was made */
#define MEMBERS_MAX       10000
#define TOKEN_NAME_MAX    64
#define ORGANIZATION_ROOT "root"
#define DEFAULT_USER      "Admin"
#define DEFAULT_PASSWORD  "Admin"

struct user {
	char id[ID_SIZE];
	char *name; /* unique; never changes */
	char *email;
	char *created_at; /* as its maker wrote it, for Oakestra's dashboard */
	char *hash;       /* NULL: DEFAULT_PASSWORD, which was never changed */
	uint32_t version; /* counts changes of the password, from 1 */
	uint64_t created_ms;
};

struct member {
	char user_id[ID_SIZE];
	struct strv roles;
};

struct organization {
	char id[ID_SIZE];
	char *name; /* unique */
	struct member *members;
	size_t n_members;
	uint64_t created_ms;
};

/* Of a machine; what is kept of the token itself is its digest. */
struct machine_token {
	char id[ID_SIZE];
	char *name; /* unique */
	char user_id[ID_SIZE];
	char digest[72];
	uint64_t created_ms;
	uint64_t expires_ms; /* 0: never */
};

/* Of the audit log. */
struct audit_entry {
	uint64_t at_ms;
	char *user; /* "" if nobody has proved to be anybody */
	char *from; /* numeric address, "local" by the unix socket */
	char *method;
	char *path;
	uint32_t status;
	char *message; /* of a refusal, else "" */
};

struct user_view {
	char id[ID_SIZE];
	char *name;
	char *email;
	char *created_at;
	struct strv roles; /* in the organization that was asked about */
	bool has_default_password;
};

struct member_view {
	char *user;
	struct strv roles;
};

struct organization_view {
	char id[ID_SIZE];
	char *name;
	struct member_view *members;
	size_t n_members;
};

struct machine_token_view {
	char id[ID_SIZE];
	char *name;
	char *user;
	char created_at[32];
	char expires_at[32]; /* "" : never */
	bool is_expired;
};

struct audit_view {
	char at[32];
	char *user;
	char *from;
	char *method;
	char *path;
	uint32_t status;
	char *message;
};

extern const struct field_table user_table, organization_table, machine_token_table,
	audit_entry_table;
extern const struct field_table user_view_table, organization_view_table, machine_token_view_table,
	audit_view_table;

/* 1 to 64 letters, digits and . _ - @, so that it can be part of a path. */
bool account_name_is_valid(const char *name);

#endif
