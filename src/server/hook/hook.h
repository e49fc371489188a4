/* Hooks, for the server's own files, by way of server/private.h. */
#ifndef HOLM_SERVER_HOOK_H
#define HOLM_SERVER_HOOK_H

#include "server/private.h"

/* post.c: around state_load(). */
void hooks_new(struct server *server);
void hooks_begin(struct server *server);
void hooks_free(struct server *server);
/* While a commit is made of what its requests changed: who is told of it. */
void hooks_note(struct server *server);
/* After it: a hook or a delivery was changed. */
void hooks_changed(struct server *server, const struct doc *doc, const void *old);

#endif
