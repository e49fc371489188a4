/* What extends a server at run time: custom resources and hooks. Shapes are those of Oakestra's resource abstractor
 * (docs/hooks.md). */
#ifndef HOLM_SERVER_EXTEND_H
#define HOLM_SERVER_EXTEND_H

#include "server/server.h"

/* Runs once, later; `json` is what was made or changed, borrowed, NULL if err->code is set: nothing was
 * changed then. */
typedef void (*server_extend_fn)(void *arg, const char *json, const struct err *err);

/* Everything is copied. -ENOENT: no such type or object; -EINVAL: the object does not fit its type's
 * schema, or the schema is none that can be checked; -EEXIST; -E2BIG, -ENOSPC beyond the bounds of
 * model/custom.h. */
struct server_custom {
	const char *type;
	const char *id;   /* of an object; NULL to make one */
	const char *text; /* the object, what replaces members of it, or a type's schema (NULL: {}) */
	size_t len;
	server_extend_fn done;
	void *arg;
};
void server_custom_define_begin(struct server *server, const struct server_custom *custom);
/* With all its objects. */
void server_custom_undefine_begin(struct server *server, const struct server_custom *custom);
void server_custom_create_begin(struct server *server, const struct server_custom *custom);
/* The object as a whole has to fit afterwards. */
void server_custom_update_begin(struct server *server, const struct server_custom *custom);
void server_custom_delete_begin(struct server *server, const struct server_custom *custom);

/* JSON, the caller's; NULL with the reason. */
char *server_custom_types(struct server *server);
char *server_custom_show(struct server *server, const char *type, const char *id, struct err *err);
/* Those of a type in which every pair of `filter` (path, text, path, text) is so. */
char *server_custom_list(struct server *server, const char *type, const struct strv *filter,
			 struct err *err);

/* Hooks. -EINVAL: no hook can be like this; -EEXIST: its name, or its URL for this entity, is there;
 * -ENOSPC; and what keeps its secret from being sealed. */
struct hook_body;
struct server_hook {
	const char *id;               /* NULL to make one */
	const struct hook_body *body; /* copied; NULL to delete one */
	server_extend_fn done;
	void *arg;
};
/* Its secret is part of the result. */
void server_hook_create_begin(struct server *server, const struct server_hook *hook);
/* The same if it was changed. */
void server_hook_update_begin(struct server *server, const struct server_hook *hook);
void server_hook_delete_begin(struct server *server, const struct server_hook *hook);

/* One call: a POST of JSON, by the configuration's call_hook(). Everything is borrowed for it. */
#define SERVER_HOOK_TIMEOUT_MS 10000
#define SERVER_HOOK_ANSWER_MAX (1u << 20) /* bytes */
struct server_hook_call {
	const char *url;
	const struct strv *headers; /* "Name: value" */
	const char *body;
	size_t len;
	const struct cancel *cancel;
};
/* Whatever its status, an answer is a success; redirects are not followed. The body is the caller's. */
struct server_hook_answer {
	unsigned status;
	char *body;
	size_t len;
};

char *server_hook_list(struct server *server);
char *server_hook_show(struct server *server, const char *id, struct err *err);

#endif
