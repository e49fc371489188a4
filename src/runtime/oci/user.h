/* Who a container's process is: "USER[:GROUP]" of an image, names by the image's own files. */
#ifndef HOLM_RUNTIME_OCI_USER_H
#define HOLM_RUNTIME_OCI_USER_H

#include "base/base.h"
#include "json/json.h"

#define USER_GROUPS_MAX 32
#define USER_FILE_MAX   ((size_t)1 << 20) /* of /etc/passwd and /etc/group */

struct oci_user {
	uint32_t uid;
	uint32_t gid;
	uint32_t groups[USER_GROUPS_MAX]; /* supplementary */
	size_t n_groups;
};

/* True if the image's files decide: everything but "", "0", "0:0" and other UID:GID. Fills
 * `ret` if they do not. */
bool user_needs_files(const char *text, struct oci_user *ret);

/* By the texts of the two files ("" if absent). A number that is not in them stands for itself;
 * -ENOENT for an unknown name. */
int user_resolve(const char *text, const char *passwd, const char *group, struct oci_user *ret,
		 struct err *err);

/* The member "user" of an OCI process. */
void user_put(struct json_out *out, const struct oci_user *user);

#endif
