/* What the files of custom resources share. */
#ifndef HOLM_SERVER_CUSTOM_PRIVATE_H
#define HOLM_SERVER_CUSTOM_PRIVATE_H

#include "model/custom.h"
#include "server/extend.h"
#include "server/private.h"

/* As committed, or with `is_next` inside a request; NULL with -ENOENT. */
const struct custom_type *custom_type_find(const struct server *server, const char *name,
					   bool is_next, struct err *err);
const struct custom *custom_find(const struct server *server, const struct custom_type *type,
				 const char *id, bool is_next, struct err *err);
/* As clients see it; the caller's. */
char *custom_type_show(const struct custom_type *type);

#endif
