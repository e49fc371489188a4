/* Files of an instance that are on no disk: a small tmpfs of its own below a folder in /run, made before
 * the start and gone after the end. Blocking, for an executor thread; each call is complete by itself
 * and may be repeated. Calls for one instance do not overlap, but for secrets_update(). */
#ifndef HOLM_SECRETS_SECRETS_H
#define HOLM_SECRETS_SECRETS_H

#include "base/base.h"
#include "base/secret.h"

struct secrets_place {
	const char *root; /* "/run/holm-1a2b3c4d/secrets"; NULL: there are none */
	bool is_plain;    /* simulation: folders, nothing is mounted */
};

struct secrets_file {
	char *path; /* relative, each part a name */
	struct secret bytes;
	unsigned mode;
	uint32_t uid;
	uint32_t gid;
};

struct secrets_files {
	struct secrets_file *items;
	size_t n;
};
void secrets_files_fini(struct secrets_files *files);

/* Root of the instance's files; the caller's. */
char *secrets_path(const struct secrets_place *place, const char *instance_id);

/* Mounts the tmpfs, anew if there is one, and writes the files. On failure nothing is left. */
int secrets_put(const struct secrets_place *place, const char *instance_id,
		const struct secrets_files *files, struct err *err);
/* Replaces the files whose content differs, each at one moment; a reader has the old or the new one.
 * -ENOENT if nothing is mounted. */
int secrets_update(const struct secrets_place *place, const char *instance_id,
		   const struct secrets_files *files, struct err *err);
/* Nothing there is success. */
int secrets_remove(const struct secrets_place *place, const char *instance_id, struct err *err);

/* Ids of the instances that have some. */
int secrets_list(const struct secrets_place *place, struct strv *ret_ids, struct err *err);
/* Removes all of it, and the folder. */
int secrets_down(const struct secrets_place *place, struct err *err);

#endif
