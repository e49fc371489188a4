/* The stored form of accounts, and their views. */
#include "base/base.h"
#include "model/account.h"

#define S(member, ...) FIELD(struct STRUCT, member, __VA_ARGS__)

#define STRUCT user
static const struct field user_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(name, "name", F_STR, .flags = F_REQUIRED),
	S(email, "email", F_STR, .flags = F_OMIT_EMPTY),
	S(created_at, "created_at", F_STR, .flags = F_OMIT_EMPTY),
	S(hash, "hash", F_STR, .flags = F_OMIT_EMPTY),
	S(version, "version", F_U32, .flags = F_REQUIRED),
	S(created_ms, "created_ms", F_U64),
};
#undef STRUCT
FIELD_TABLE(user_table, struct user, "user", user_fields);

#define STRUCT member
static const struct field member_fields[] = {
	S(user_id, "user_id", F_CHARS, .flags = F_REQUIRED),
	S(roles, "roles", F_STRV),
};
#undef STRUCT
static FIELD_TABLE(member_table, struct member, "member", member_fields);

#define STRUCT organization
static const struct field organization_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(name, "name", F_STR, .flags = F_REQUIRED),
	FIELD_ARRAY(struct organization, members, n_members, "members", &member_table),
	S(created_ms, "created_ms", F_U64),
};
#undef STRUCT
FIELD_TABLE(organization_table, struct organization, "organization", organization_fields);

#define STRUCT machine_token
static const struct field machine_token_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(name, "name", F_STR, .flags = F_REQUIRED),
	S(user_id, "user_id", F_CHARS, .flags = F_REQUIRED),
	S(digest, "digest", F_CHARS, .flags = F_REQUIRED),
	S(created_ms, "created_ms", F_U64),
	S(expires_ms, "expires_ms", F_U64),
};
#undef STRUCT
FIELD_TABLE(machine_token_table, struct machine_token, "machine token", machine_token_fields);

#define STRUCT audit_entry
static const struct field audit_entry_fields[] = {
	S(at_ms, "at_ms", F_U64, .flags = F_REQUIRED),
	S(user, "user", F_STR),
	S(from, "from", F_STR),
	S(method, "method", F_STR),
	S(path, "path", F_STR),
	S(status, "status", F_U32),
	S(message, "message", F_STR),
};
#undef STRUCT
FIELD_TABLE(audit_entry_table, struct audit_entry, "audit entry", audit_entry_fields);

#define STRUCT user_view
static const struct field user_view_fields[] = {
	S(id, "id", F_CHARS),      S(name, "name", F_STR),
	S(email, "email", F_STR),  S(created_at, "created_at", F_STR),
	S(roles, "roles", F_STRV), S(has_default_password, "has_default_password", F_BOOL),
};
#undef STRUCT
FIELD_TABLE(user_view_table, struct user_view, "user", user_view_fields);

#define STRUCT member_view
static const struct field member_view_fields[] = {
	S(user, "user", F_STR),
	S(roles, "roles", F_STRV),
};
#undef STRUCT
static FIELD_TABLE(member_view_table, struct member_view, "named member", member_view_fields);

#define STRUCT organization_view
static const struct field organization_view_fields[] = {
	S(id, "id", F_CHARS),
	S(name, "name", F_STR),
	FIELD_ARRAY(struct organization_view, members, n_members, "members", &member_view_table),
};
#undef STRUCT
FIELD_TABLE(organization_view_table, struct organization_view, "named organization",
	    organization_view_fields);

#define STRUCT machine_token_view
static const struct field machine_token_view_fields[] = {
	S(id, "id", F_CHARS),
	S(name, "name", F_STR),
	S(user, "user", F_STR),
	S(created_at, "created_at", F_CHARS),
	S(expires_at, "expires_at", F_CHARS),
	S(is_expired, "is_expired", F_BOOL),
};
#undef STRUCT
FIELD_TABLE(machine_token_view_table, struct machine_token_view, "token",
	    machine_token_view_fields);

#define STRUCT audit_view
static const struct field audit_view_fields[] = {
	S(at, "at", F_CHARS),         S(user, "user", F_STR), S(from, "from", F_STR),
	S(method, "method", F_STR),   S(path, "path", F_STR), S(status, "status", F_U32),
	S(message, "message", F_STR),
};
#undef STRUCT
FIELD_TABLE(audit_view_table, struct audit_view, "audit entry", audit_view_fields);

bool account_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= USER_NAME_MAX && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@") ==
		       len;
}
