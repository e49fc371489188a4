/* What is mounted where, and the few things that pages do with files. Errors are negative
 * numbers of Linux', as 9P2000.L has them, too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum fs_error {
	FS_EPERM = 1,
	FS_ENOENT = 2,
	FS_EIO = 5,
	FS_EACCES = 13,
	FS_ENOTDIR = 20,
	FS_EISDIR = 21,
	FS_EINVAL = 22,
	FS_EFBIG = 27,
	FS_EROFS = 30,
	FS_ENAMETOOLONG = 36,
};

enum {
	FS_PATH_MAX = 256, /* with its NUL */
	FS_MOUNTS = 16,
};

typedef void fs_each(void *arg, const char *name, bool is_folder);

/* Paths are normalised, from the root of what is mounted: "/" or "/a/b". */
struct fs_driver {
	const char *name;
	/* Bytes read; -FS_EFBIG when the file has more than `size`. */
	long (*read)(void *arg, const char *path, char *data, size_t size);
	/* Creates the file or replaces what is in it. */
	int (*write)(void *arg, const char *path, const char *data, size_t length);
	int (*list)(void *arg, const char *path, fs_each *each, void *each_arg);
};

/* The `write` of drivers that only read: -FS_EROFS. */
int fs_refuse_write(void *arg, const char *path, const char *data, size_t length);

struct fs_mount {
	char path[FS_PATH_MAX];
	const char *device;
	const struct fs_driver *driver;
	void *arg; /* the driver's */
};

struct fs {
	struct fs_mount mounts[FS_MOUNTS];
	size_t count;
};

/* Writes `path` without double or trailing slashes and "."; it must begin with a slash and have
 * no "..". Returns 0 or an error. */
int fs_normalise(const char *path, char ret_path[FS_PATH_MAX]);

/* Mounts at a normalised path, over what is there; -FS_EINVAL when there are too many. */
int fs_mount(struct fs *fs, const struct fs_mount *mount);

/* The mount that has a normalised path, or NULL. */
const struct fs_mount *fs_find(const struct fs *fs, const char *path);

/* These take any path. */
long fs_read(const struct fs *fs, const char *path, char *data, size_t size);
int fs_write(const struct fs *fs, const char *path, const char *data, size_t length);
/* With the folders that lead to other mounts. */
int fs_list(const struct fs *fs, const char *path, fs_each *each, void *arg);
bool fs_is_folder(const struct fs *fs, const char *path);
