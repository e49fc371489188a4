/* The tmpfs of an instance. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/id.h"
#include "secrets/private.h"

/* Of one file: the old and the new content while it is replaced. */
#define BYTES_PER_FILE ((size_t)2 << 20)
#define INODES_SPARE   16

void secrets_files_fini(struct secrets_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->items[i].path);
		secret_fini(&files->items[i].bytes);
	}
	free(files->items);
	*files = (struct secrets_files){ 0 };
}

char *secrets_path(const struct secrets_place *place, const char *instance_id)
{
	return path_join(place->root, instance_id);
}

/* What is mounted below has to appear in the mount namespaces of those who start instances. */
static int make_root(const struct secrets_place *place, struct err *err)
{
	const char *root = place->root;
	int r = dir_make(root, 0711, err);

	if (r < 0 || place->is_plain || mount("", root, "none", MS_SHARED, NULL) == 0)
		return r;
	if (errno != EINVAL || mount(root, root, "none", MS_BIND, NULL) < 0 ||
	    mount("", root, "none", MS_SHARED, NULL) < 0)
		return err_errno(err, "make %s a shared mount", root);
	return 0;
}

/* Each file, its successor while it is replaced, and the folders above it. */
static size_t count_inodes(const struct secrets_files *files)
{
	size_t n = INODES_SPARE;

	for (size_t i = 0; i < files->n; i++) {
		n += 2;
		for (const char *p = files->items[i].path; *p; p++)
			n += *p == '/';
	}
	return n;
}

/* Not swapped out where the kernel can promise that (6.4 and later). */
static int mount_tmpfs(const char *path, const struct secrets_files *files, struct err *err)
{
	static const char *const more[] = { ",noswap", "" };
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	char options[96];

	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		snprintf(options, sizeof(options), "mode=0700,size=%zu,nr_inodes=%zu%s",
			 BYTES_PER_FILE * (files->n + 1), count_inodes(files), more[i]);
		if (mount("holm-secrets", path, "tmpfs", flags, options) == 0)
			return 0;
	}
	return err_errno(err, "mount tmpfs on %s", path);
}

/* The folder, if it is what we have mounted. */
static int open_mounted(const struct secrets_place *place, const char *path, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat root;
	struct stat st;

	if (fd < 0)
		return err_errno(err, "open %s", path);
	if (stat(place->root, &root) < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "look at %s", path);
	if (!place->is_plain && root.st_dev == st.st_dev)
		return err_set(err, -ENOENT, "%s: nothing is mounted there", path);
	return TAKE_FD(fd);
}

static int write_all(const struct secrets_place *place, const char *path,
		     const struct secrets_files *files, struct err *err)
{
	auto_close int root = open_mounted(place, path, err);
	int r = root < 0 ? root : 0;

	for (size_t i = 0; r == 0 && i < files->n; i++)
		r = secrets_write_file(root, &files->items[i], err);
	return r;
}

static int put(const struct secrets_place *place, const char *path,
	       const struct secrets_files *files, struct err *err)
{
	int r = make_root(place, err);

	if (r == 0 && mkdir(path, 0700) < 0)
		r = err_errno(err, "create folder %s", path);
	if (r == 0 && !place->is_plain)
		r = mount_tmpfs(path, files, err);
	return r < 0 ? r : write_all(place, path, files, err);
}

int secrets_put(const struct secrets_place *place, const char *instance_id,
		const struct secrets_files *files, struct err *err)
{
	auto_free char *path = secrets_path(place, instance_id);
	struct err ignored;
	int r = secrets_remove(place, instance_id, err);

	if (r == 0)
		r = put(place, path, files, err);
	if (r == 0)
		return 0;
	secrets_remove(place, instance_id, &ignored);
	return err_wrap(err, "files of secrets and configuration");
}

int secrets_update(const struct secrets_place *place, const char *instance_id,
		   const struct secrets_files *files, struct err *err)
{
	auto_free char *path = secrets_path(place, instance_id);

	return write_all(place, path, files, err);
}

int secrets_remove(const struct secrets_place *place, const char *instance_id, struct err *err)
{
	if (!place->root)
		return 0;
	auto_free char *path = secrets_path(place, instance_id);
	if (place->is_plain)
		return path_remove(path, err);
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	if (errno != EINVAL && errno != ENOENT)
		return err_errno(err, "unmount %s", path);
	return path_remove(path, err);
}

int secrets_list(const struct secrets_place *place, struct strv *ret_ids, struct err *err)
{
	DIR *dir = place->root ? opendir(place->root) : NULL;

	if (!dir && place->root && errno != ENOENT)
		return err_errno(err, "open %s", place->root);
	for (struct dirent *e; dir && (e = readdir(dir));)
		if (id_is_valid(e->d_name))
			strv_add(ret_ids, e->d_name);
	if (dir)
		closedir(dir);
	return 0;
}

int secrets_down(const struct secrets_place *place, struct err *err)
{
	auto_strv struct strv ids = { 0 };
	int r = secrets_list(place, &ids, err);

	for (size_t i = 0; r == 0 && i < ids.n; i++)
		r = secrets_remove(place, ids.items[i], err);
	if (r < 0 || !place->root)
		return r;
	while (!place->is_plain && umount2(place->root, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	r = path_remove(place->root, err);
	if (r < 0)
		return r;
	/* The folder above is shared with others of ours, the last of whom removes it. */
	auto_free char *above = xstrdup(place->root);
	char *slash = strrchr(above, '/');
	if (slash && slash != above && !place->is_plain) {
		*slash = '\0';
		rmdir(above);
	}
	return 0;
}
