/* The form of questions about named volumes, and of the answers. */
#include "base/base.h"
#include "model/volume_view.h"

static const struct field view_fields[] = {
	FIELD(struct volume_view, name, "name", F_STR, .flags = F_REQUIRED),
	FIELD(struct volume_view, path, "path", F_STR),
	FIELD(struct volume_view, created_at, "created_at", F_CHARS),
	FIELD(struct volume_view, used_by, "used_by", F_STRV),
};
FIELD_TABLE(volume_view_table, struct volume_view, "named volume", view_fields);

static const struct field list_fields[] = {
	FIELD_ARRAY(struct volumes_view, volumes, n_volumes, "volumes", &volume_view_table, ),
};
FIELD_TABLE(volumes_view_table, struct volumes_view, "volumes", list_fields);

static const struct field create_fields[] = {
	FIELD(struct volume_create_request, name, "name", F_STR, .flags = F_REQUIRED),
	FIELD(struct volume_create_request, uid, "uid", F_U32, ),
	FIELD(struct volume_create_request, gid, "gid", F_U32, ),
};
FIELD_TABLE(volume_create_request_table, struct volume_create_request, "new volume", create_fields);

static const struct field remove_fields[] = {
	FIELD(struct volume_remove_request, name, "name", F_STR, .flags = F_REQUIRED),
};
FIELD_TABLE(volume_remove_request_table, struct volume_remove_request, "volume to remove",
	    remove_fields);
