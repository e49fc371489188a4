/* Named volumes of a node as people and scripts see them, and what may be asked about them. */
#ifndef HOLM_MODEL_VOLUME_VIEW_H
#define HOLM_MODEL_VOLUME_VIEW_H

#include "base/parse.h"
#include "json/json.h"

struct volume_view {
	char *name;
	char *path;                   /* of its files, on the node */
	char created_at[RFC3339_MAX]; /* "" where the file system does not tell */
	struct strv used_by;          /* instances that have it, or want it */
};

struct volumes_view {
	struct volume_view *volumes;
	size_t n_volumes;
};

struct volume_create_request {
	char *name;
	uint32_t uid; /* owner of its files */
	uint32_t gid;
};

struct volume_remove_request {
	char *name;
};

extern const struct field_table volumes_view_table, volume_view_table, volume_create_request_table,
	volume_remove_request_table;

#endif
