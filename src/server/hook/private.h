/* What the files of hooks share. */
#ifndef HOLM_SERVER_HOOK_PRIVATE_H
#define HOLM_SERVER_HOOK_PRIVATE_H

#include "model/custom.h"
#include "model/hook.h"
#include "server/extend.h"
#include "server/private.h"

/* hook.c: what its secret is sealed under; the caller's. */
char *hook_secret_label(const struct hook *hook);

/* view.c: as clients see it; with a secret, that too. The caller's. */
char *hook_show(const struct server *server, const struct hook *hook, const struct secret *secret);

#endif
