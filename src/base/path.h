/* Files and folders. */
#ifndef HOLM_BASE_PATH_H
#define HOLM_BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* The caller's string "a/b". */
char *path_join(const char *a, const char *b);

/* A file of at most `max` bytes as a NUL-terminated string; -EFBIG beyond. Works on /proc and
 * /sys too. `ret_len` may be NULL. */
/* 0 once all is written, or negative errno: a disk that fills takes a part first. */
int fd_write_all(int fd, const void *data, size_t len);
int file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct err *err);

/* Replaces a file as a whole: PATH.new, fsync, rename, fsync of the folder. Afterwards the old or the
 * new content is there, never a part. */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err);

/* The same for a text that means nothing after a power failure: as atomic for every reader, without
 * waiting for the disk. Mode 0600, or for all to read. */
int file_replace(const char *path, const char *text, struct err *err);
int file_replace_public(const char *path, const char *text, struct err *err);

/* Writes to an existing file in one write(2): for /proc, /sys and cgroup files. */
int file_write_value(const char *path, const char *value, struct err *err);

/* All folders of `path`; existing ones are left as they are, -ENOTDIR for anything else. */
int dir_make(const char *path, mode_t mode, struct err *err);

/* Removes a file or a tree, without following symbolic links or crossing into other mounts;
 * nothing there is success, -EXDEV if something is mounted inside. */
int path_remove(const char *path, struct err *err);

bool path_exists(const char *path);

/* True if `path` is absolute, has no ".." part and lies below `root`. */
bool path_is_below(const char *path, const char *root);

#endif
