/* Calling hooks over HTTP. */
#ifndef HOLM_DAEMON_HOOK_H
#define HOLM_DAEMON_HOOK_H

#include "server/extend.h"

/* For struct server_config; `arg` is not used. TLS is verified, redirects are answers. */
int hook_post(void *arg, const struct server_hook_call *call, struct server_hook_answer *ret,
	      struct err *err);

#endif
