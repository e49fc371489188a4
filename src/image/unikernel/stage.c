/* Temporary files and folders of the store. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "image/unikernel/private.h"

#define TMP_PREFIX ".get-"

/* What a killed process left: nobody holds its lock any more. */
static void remove_stale(const char *store, const char *name)
{
	auto_free char *file = path_join(store, name);
	auto_free char *dir = xasprintf("%s.d", file);
	auto_close int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	struct err ignored;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && path_remove(dir, &ignored) == 0)
		unlink(file);
}

static void sweep(const char *store)
{
	DIR *d = opendir(store);

	for (struct dirent *e; d && (e = readdir(d));)
		if (str_starts(e->d_name, TMP_PREFIX) && !str_ends(e->d_name, ".d"))
			remove_stale(store, e->d_name);
	if (d)
		closedir(d);
}

/* Another one that sweeps may have taken the file for stale before it was locked. */
static int make_locked_file(struct stage *stage, const char *store, struct err *err)
{
	for (;;) {
		free(stage->file);
		stage->file = xasprintf("%s/" TMP_PREFIX "XXXXXX", store);
		stage->fd = mkostemp(stage->file, O_CLOEXEC);
		if (stage->fd < 0)
			return err_errno(err, "create %s", stage->file);
		if (flock(stage->fd, LOCK_EX | LOCK_NB) == 0 && path_exists(stage->file))
			return 0;
		close(TAKE_FD(stage->fd));
	}
}

static int make_all(struct stage *stage, const char *store, struct err *err)
{
	int r = make_locked_file(stage, store, err);

	if (r < 0)
		return r;
	stage->dir = xasprintf("%s.d", stage->file);
	if (mkdir(stage->dir, 0755) < 0 || chmod(stage->dir, 0755) < 0)
		return err_errno(err, "create %s", stage->dir);
	return 0;
}

int stage_open(const struct image_config *config, struct stage *ret, struct err *err)
{
	auto_free char *store = realpath(config->store_dir, NULL);
	struct stage stage = { .fd = -1 };

	if (!store)
		return err_errno(err, "open %s", config->store_dir);
	sweep(store);
	int r = make_all(&stage, store, err);
	if (r < 0) {
		stage_close(&stage);
		return r;
	}
	*ret = stage;
	return 0;
}

/* After a loss of power a folder of the final name is still whole. */
int stage_keep(const struct stage *stage, const char *dir, struct err *err)
{
	if (syncfs(stage->fd) < 0)
		return err_errno(err, "sync %s", stage->dir);
	if (rename(stage->dir, dir) == 0 || errno == ENOTEMPTY || errno == EEXIST)
		return 0;
	return err_errno(err, "rename %s to %s", stage->dir, dir);
}

/* The lock goes last, so that nobody else removes the same. */
void stage_close(struct stage *stage)
{
	struct err ignored;

	if (stage->dir)
		path_remove(stage->dir, &ignored);
	if (stage->fd >= 0) {
		unlink(stage->file);
		close(stage->fd);
	}
	free(stage->file);
	free(stage->dir);
	*stage = (struct stage){ .fd = -1 };
}
