/* A container's files are all in reach; of a unikernel those in its volumes, which are folders of the
 * node's. */
#include <fcntl.h>

#include "volume/volume.h"
#include "worker/session/private.h"

void copy_root_fini(struct copy_root *root)
{
	free(root->folder);
	free(root->path);
	free(root->name);
	*root = (struct copy_root){ 0 };
}

/* What is left of the path behind the volume's own, part by part; NULL: it is not in it. */
static const char *rest_behind(const char *path, const char *target)
{
	for (;;) {
		path += strspn(path, "/");
		target += strspn(target, "/");
		size_t len = strcspn(target, "/");

		if (!len)
			return path;
		if (strcspn(path, "/") != len || strncmp(path, target, len) != 0)
			return NULL;
		path += len;
		target += len;
	}
}

/* The one that is mounted deepest. */
static const struct volume_mount *find_mount(const struct volume_mounts *mounts, const char *path,
					     const char **ret_rest)
{
	const struct volume_mount *found = NULL;

	for (size_t i = 0; i < mounts->n; i++) {
		const char *rest = rest_behind(path, mounts->items[i].target);

		if (!rest || (found && strlen(rest) >= strlen(*ret_rest)))
			continue;
		found = &mounts->items[i];
		*ret_rest = rest;
	}
	return found;
}

static int refuse(const struct volume_mounts *mounts, struct err *err)
{
	auto_strv struct strv targets = { 0 };

	for (size_t i = 0; i < mounts->n; i++)
		strv_add(&targets, mounts->items[i].target);
	auto_free char *list = strv_join(&targets, ", ");
	return err_set(err, -ENOTSUP,
		       "a unikernel's files are in its own memory and cannot be reached from "
		       "outside, but for those of its volumes: %s",
		       targets.n ? list : "it has none");
}

static int find(const struct volume_mounts *mounts, const char *path, bool is_put,
		struct copy_root *ret, struct err *err)
{
	const char *rest = NULL;
	const struct volume_mount *mount = find_mount(mounts, path, &rest);

	if (!mount)
		return refuse(mounts, err);
	if (mount->is_read_only && is_put)
		return err_set(err, -EROFS, "copy into %s: the instance has it read-only",
			       mount->target);
	auto_strv struct strv parts = { 0 };
	strv_split(&parts, mount->target, "/");
	*ret = (struct copy_root){
		.folder = xstrdup(mount->source),
		.path = xasprintf("/%s", rest),
		.name = *rest || !parts.n ? NULL : xstrdup(parts.items[parts.n - 1]),
	};
	return 0;
}

int copy_root_find(const struct winst *inst, const char *path, bool is_put, struct copy_root *ret,
		   struct err *err)
{
	const struct runtime_exec_ops *exec = inst->slot->driver->exec;
	const struct service_spec *spec = &inst->current.spec;
	const struct volume_wish wish = { .instance_id = inst->id,
					  .volumes = spec->volumes,
					  .n = spec->n_volumes };
	struct volume_mounts mounts;

	if (exec && exec->open_root) {
		*ret = (struct copy_root){ .path = xstrdup(path) };
		return 0;
	}
	volume_find_mounts(inst->worker->volumes, &wish, &mounts);
	int r = find(&mounts, path, is_put, ret, err);
	volume_mounts_fini(&mounts);
	return r;
}

int copy_root_open(const struct copy_root *root, struct err *err)
{
	int fd = open(root->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_errno(err, "open %s", root->folder) : fd;
}
