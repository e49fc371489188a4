/* Unikernels on disk: which there are, how big, and away with one. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "image/unikernel/private.h"

#define DEPTH_MAX   64
#define GONE_PREFIX ".gone-" /* a folder that is being removed: no longer whole */

void unikernel_list_fini(struct unikernel_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i].dir);
	free(list->items);
	*list = (struct unikernel_list){ 0 };
}

/* Bytes on disk below an open folder, which is closed. */
static uint64_t measure(int fd, unsigned depth)
{
	DIR *d = fdopendir(fd);
	uint64_t bytes = 0;
	struct stat st;

	if (!d) {
		close(fd);
		return 0;
	}
	for (struct dirent *e; (e = readdir(d));) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		bytes += (uint64_t)st.st_blocks * 512;
		if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX)
			continue;
		int sub = openat(dirfd(d), e->d_name,
				 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			bytes += measure(sub, depth + 1);
	}
	closedir(d);
	return bytes;
}

static uint64_t ms_of(const struct statx_timestamp *t)
{
	return (uint64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

/* A folder's time of change is that of its last use; nothing changes in it otherwise. */
static void add(const char *store, const char *name, struct unikernel_list *list)
{
	auto_free char *dir = path_join(store, name);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statx st;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MTIME | STATX_BTIME, &st) < 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	struct unikernel_entry *entry = ARRAY_ADD(list->items, list->n);
	snprintf(entry->digest, sizeof(entry->digest), "sha256:%s", name);
	entry->used_ms = ms_of(&st.stx_mtime);
	entry->created_ms = st.stx_mask & STATX_BTIME ? ms_of(&st.stx_btime) : entry->used_ms;
	entry->bytes = measure(fd, 0);
	entry->dir = TAKE(dir);
}

static void remove_gone(const char *store, const char *name)
{
	auto_free char *dir = path_join(store, name);
	struct err ignored;

	path_remove(dir, &ignored);
}

int image_unikernel_list(const struct image_config *config, struct unikernel_list *ret,
			 struct err *err)
{
	DIR *d = opendir(config->store_dir);
	struct unikernel_list list = { 0 };

	if (!d)
		return err_errno(err, "open %s", config->store_dir);
	for (struct dirent *e; (e = readdir(d));) {
		if (strlen(e->d_name) == 64 && is_hex(e->d_name, 64))
			add(config->store_dir, e->d_name, &list);
		else if (str_starts(e->d_name, GONE_PREFIX))
			remove_gone(config->store_dir, e->d_name);
	}
	closedir(d);
	*ret = list;
	return 0;
}

char *unikernel_dir(const struct image_config *config, const char *digest)
{
	assert(str_starts(digest, "sha256:"));
	return path_join(config->store_dir, digest + strlen("sha256:"));
}

int image_unikernel_remove(const struct image_config *config, const char *digest, struct err *err)
{
	auto_free char *dir = unikernel_dir(config, digest);
	auto_free char *gone = xasprintf("%s/" GONE_PREFIX "%s", config->store_dir,
					 digest + strlen("sha256:"));
	int r = path_remove(gone, err);

	if (r == 0 && rename(dir, gone) < 0 && errno != ENOENT)
		r = err_errno(err, "rename %s", dir);
	return r < 0 ? r : path_remove(gone, err);
}

int image_unikernel_touch(const struct image_config *config, const char *digest, struct err *err)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };
	auto_free char *dir = unikernel_dir(config, digest);

	if (utimensat(AT_FDCWD, dir, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, "note the use of %s", dir);
	return 0;
}
