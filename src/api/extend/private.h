/* What the files of this folder share. */
#ifndef HOLM_API_EXTEND_PRIVATE_H
#define HOLM_API_EXTEND_PRIVATE_H

#include "api/extend/extend.h"
#include "api/private.h"
#include "server/extend.h"

/* Answers with the status and what was made or changed, or with the error. */
void extend_reply(struct api_request *request, unsigned status, const char *json,
		  const struct err *err);
/* What reading gave: `take_json`, or the error if it is NULL. */
void extend_reply_read(struct api_request *request, char *take_json, const struct err *err);

/* custom.c */
extern const struct field_table extend_type_table, extend_object_table;
void extend_get_types(struct api_request *request);
void extend_post_type(struct api_request *request);
void extend_delete_type(struct api_request *request);
void extend_get_customs(struct api_request *request);
void extend_post_custom(struct api_request *request);
void extend_get_custom(struct api_request *request);
void extend_patch_custom(struct api_request *request);
void extend_delete_custom(struct api_request *request);

/* hook.c */
void extend_get_hooks(struct api_request *request);
void extend_post_hook(struct api_request *request);
void extend_get_hook(struct api_request *request);
void extend_patch_hook(struct api_request *request);
void extend_delete_hook(struct api_request *request);

#endif
