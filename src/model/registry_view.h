/* Registries of a node as people and scripts see them, and what may be asked about them. */
#ifndef HOLM_MODEL_REGISTRY_VIEW_H
#define HOLM_MODEL_REGISTRY_VIEW_H

#include "base/base.h"
#include "json/json.h"

struct registry_view {
	char *host;
	char *user; /* "": nobody */
	bool is_plain;
	char *ca_file;
	struct strv mirrors;
};

/* Answer to a login, and without user to a logout. */
struct registry_login_view {
	char *host;
	char *user;
	bool has_user;
	bool is_verified; /* the registry has wanted to know who we are, and took it */
};

extern const struct field_table registry_view_table, registry_login_view_table;

/* What is asked; for schemas, since no message may repeat a password. */
extern const struct field_table registry_login_request_table, registry_logout_request_table;

#endif
