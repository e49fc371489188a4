/* The form of questions about registries, and of the answers. */
#include "model/registry_view.h"

static const struct field view_fields[] = {
	FIELD(struct registry_view, host, "host", F_STR, .flags = F_REQUIRED),
	FIELD(struct registry_view, user, "user", F_STR, .flags = F_REQUIRED,
	      .help = "who this node is to it; empty: nobody"),
	FIELD(struct registry_view, is_plain, "plain_http", F_BOOL),
	FIELD(struct registry_view, ca_file, "ca_file", F_STR, .flags = F_REQUIRED),
	FIELD(struct registry_view, mirrors, "mirrors", F_STRV),
};
FIELD_TABLE(registry_view_table, struct registry_view, "registry", view_fields);

static const struct field login_fields[] = {
	FIELD(struct registry_login_view, host, "host", F_STR, .flags = F_REQUIRED),
	FIELD(struct registry_login_view, user, "user", F_STR, .flags = F_OMIT_EMPTY),
	FIELD(struct registry_login_view, is_verified, "verified", F_BOOL, .flags = F_GIVEN,
	      .given_offset = offsetof(struct registry_login_view, has_user),
	      .help = "the registry has wanted to know who we are"),
};
FIELD_TABLE(registry_login_view_table, struct registry_login_view, "registry login", login_fields);

static const struct field login_request_fields[] = {
	SHAPE("host", F_STR, .help = "HOST[:PORT]"),
	SHAPE("user", F_STR),
	SHAPE("password", F_STR),
};
SHAPE_TABLE(registry_login_request_table, "registry login", login_request_fields);

static const struct field logout_request_fields[] = { SHAPE("host", F_STR) };
SHAPE_TABLE(registry_logout_request_table, "registry logout", logout_request_fields);
