/* Secrets and configuration objects, for the server's own files, by way of server/private.h. */
#ifndef HOLM_SERVER_VALUE_H
#define HOLM_SERVER_VALUE_H

#include "server/private.h"

/* values.c */
/* Inside a request: -ENOENT, or what is wrong with one that the spec asks for. */
int values_check(struct server *server, const struct service_spec *spec, struct err *err);
/* What of it may be seen, into a struct value_view. */
void values_view(const struct server *server, enum kind kind, const struct value *value, void *out,
		 struct view_made *made);
const struct value *values_find(const struct server *server, enum value_kind kind, const char *name,
				bool is_next);
/* Plain bytes of one. */
int values_open(const struct server *server, enum value_kind kind, const struct value *value,
		struct secret *ret, struct err *err);
/* Seals what else is secret, under a label that says what it is (wire/secretbox/secretbox.h). */
int values_seal(struct server *server, const char *label, const struct secret *plain, char **ret,
		struct err *err);
int values_unseal(const struct server *server, const char *label, const char *sealed,
		  struct secret *ret, struct err *err);

/* messages.c: to nodes. `seen` (may be NULL) holds what was sent already, and gets the rest. */
void messages_values(struct server *server, const char *node_id, const struct service_spec *spec,
		     struct map *seen);
/* After a commit: to the nodes that want it; `now` is NULL if it was removed. */
void messages_value_changed(struct server *server, enum kind kind, const struct value *old,
			    const struct value *now);

#endif
