/* Pure but for what drivers do. Of the mounts that lead to a path the longest counts, and of
 * several at one place the last. */
#include <string.h>

#include "fs/fs.h"

struct listing {
	fs_each *each;
	void *arg;
	const struct fs *fs;
	const char *path;
	bool is_named[FS_MOUNTS]; /* the driver itself has the folder to this mount */
};

int fs_normalise(const char *path, char ret_path[FS_PATH_MAX])
{
	size_t length = 0;

	if (*path != '/')
		return -FS_EINVAL;
	while (*path) {
		size_t n = 0;

		while (*path == '/')
			path++;
		while (path[n] && path[n] != '/')
			n++;
		if (n == 2 && !strncmp(path, "..", 2))
			return -FS_EINVAL;
		if (n && !(n == 1 && *path == '.')) {
			if (length + n + 2 > FS_PATH_MAX)
				return -FS_ENAMETOOLONG;
			ret_path[length] = '/';
			memcpy(ret_path + length + 1, path, n);
			length += n + 1;
		}
		path += n;
	}
	if (!length)
		ret_path[length++] = '/';
	ret_path[length] = '\0';
	return 0;
}

/* The part of `path` behind folder `folder`, without the slash between: "" for the folder
 * itself, NULL when it is elsewhere. */
static const char *behind(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	if (length == 1)
		return path + 1;
	if (strncmp(path, folder, length))
		return NULL;
	if (!path[length])
		return path + length;
	return path[length] == '/' ? path + length + 1 : NULL;
}

int fs_refuse_write(void *arg, const char *path, const char *data, size_t length)
{
	(void)arg;
	(void)path;
	(void)data;
	(void)length;
	return -FS_EROFS;
}

int fs_mount(struct fs *fs, const struct fs_mount *mount)
{
	if (fs->count == FS_MOUNTS)
		return -FS_EINVAL;
	fs->mounts[fs->count++] = *mount;
	return 0;
}

const struct fs_mount *fs_find(const struct fs *fs, const char *path)
{
	const struct fs_mount *found = NULL;

	for (size_t i = 0; i < fs->count; i++) {
		const struct fs_mount *m = &fs->mounts[i];

		if (behind(path, m->path) && (!found || strlen(m->path) >= strlen(found->path)))
			found = m;
	}
	return found;
}

/* The path inside of the mount: the same text, from the slash. */
static const char *inside(const struct fs_mount *m, const char *path)
{
	const char *rest = behind(path, m->path);

	return *rest ? rest - 1 : "/";
}

static int find(const struct fs *fs, const char *path, char normal[FS_PATH_MAX],
		const struct fs_mount **ret_mount)
{
	int r = fs_normalise(path, normal);

	if (r)
		return r;
	*ret_mount = fs_find(fs, normal);
	return *ret_mount ? 0 : -FS_ENOENT;
}

long fs_read(const struct fs *fs, const char *path, char *data, size_t size)
{
	char normal[FS_PATH_MAX];
	const struct fs_mount *m;
	int r = find(fs, path, normal, &m);

	return r ? r : m->driver->read(m->arg, inside(m, normal), data, size);
}

int fs_write(const struct fs *fs, const char *path, const char *data, size_t length)
{
	char normal[FS_PATH_MAX];
	const struct fs_mount *m;
	int r = find(fs, path, normal, &m);

	return r ? r : m->driver->write(m->arg, inside(m, normal), data, length);
}

/* The first name on the way from `path` to mount `i`, if that lies below; returns its length. */
static size_t step_to(const struct fs *fs, size_t i, const char *path, const char **ret_name)
{
	const char *rest = behind(fs->mounts[i].path, path);
	size_t length = 0;

	while (rest && rest[length] && rest[length] != '/')
		length++;
	*ret_name = rest;
	return length;
}

static void pass_on(void *arg, const char *name, bool is_folder)
{
	struct listing *l = arg;

	for (size_t i = 0; i < l->fs->count; i++) {
		const char *step;
		size_t length = step_to(l->fs, i, l->path, &step);

		if (length && strlen(name) == length && !strncmp(step, name, length))
			l->is_named[i] = true;
	}
	l->each(l->arg, name, is_folder);
}

/* Names the folders of mounts below that the driver did not; returns whether there are any. */
static bool list_mounts(struct listing *l)
{
	bool has_some = false;

	for (size_t i = 0; i < l->fs->count; i++) {
		char name[FS_PATH_MAX];
		const char *step;
		size_t length = step_to(l->fs, i, l->path, &step);

		if (!length)
			continue;
		has_some = true;
		if (l->is_named[i])
			continue;
		memcpy(name, step, length);
		name[length] = '\0';
		pass_on(l, name, true);
	}
	return has_some;
}

int fs_list(const struct fs *fs, const char *path, fs_each *each, void *arg)
{
	char normal[FS_PATH_MAX];
	struct listing l = { .each = each, .arg = arg, .fs = fs, .path = normal };
	const struct fs_mount *m;
	int r = find(fs, path, normal, &m);

	if (!r)
		r = m->driver->list(m->arg, inside(m, normal), pass_on, &l);
	if (r && r != -FS_ENOENT)
		return r;
	return list_mounts(&l) ? 0 : r;
}

static void ignore(void *arg, const char *name, bool is_folder)
{
	(void)arg;
	(void)name;
	(void)is_folder;
}

bool fs_is_folder(const struct fs *fs, const char *path)
{
	return !fs_list(fs, path, ignore, NULL);
}
