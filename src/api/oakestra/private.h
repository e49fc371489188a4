/* What the files of this folder share. */
#ifndef HOLM_API_OAKESTRA_PRIVATE_H
#define HOLM_API_OAKESTRA_PRIVATE_H

#include "api/oakestra/oakestra.h"
#include "api/private.h"
#include "server/oakestra.h"

/* oakestra.c */
struct oakestra_user oakestra_who(const struct api_request *request);
/* A change of what the path's first part names; `done` has the request as `arg`. */
struct oakestra_change oakestra_change_of(struct api_request *request, oakestra_done_fn done);
/* What reading gave: `take_json`, or the error if it is NULL. */
void oakestra_reply(struct api_request *request, char *take_json, const struct err *err);

extern const struct field_table oakestra_added_table; /* answer of POST /api/service */

/* descriptor.c: routes whose body is a descriptor. */
void oakestra_post_application(struct api_request *request);
void oakestra_post_service(struct api_request *request);
void oakestra_put_service(struct api_request *request);

/* service.c: one service, with the last lines of its instances. */
void oakestra_get_service(struct api_request *request);

#endif
