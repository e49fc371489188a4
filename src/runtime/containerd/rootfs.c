/* Reading files of an image that is not mounted: through the folders of its overlay, top first. */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/base.h"
#include "runtime/containerd/driver.h"

#define LINKS_MAX 40 /* as the kernel has it */

/* What a container has written lies above its image; NULL if there is no such layer. */
static const char *upper_dir(const struct containerd_mount *m)
{
	static const char name[] = "upperdir=";

	for (size_t k = 0; k < m->options.n; k++)
		if (str_starts(m->options.items[k], name))
			return m->options.items[k] + strlen(name);
	return NULL;
}

/* Folders of the layers, top first. */
static void layer_dirs(const struct containerd_mounts *mounts, struct strv *ret)
{
	for (size_t i = 0; i < mounts->n; i++) {
		const struct containerd_mount *m = &mounts->items[i];
		const char *upper = upper_dir(m);

		if (str_eq(m->type, "bind"))
			strv_add(ret, m->source);
		if (upper)
			strv_add(ret, upper);
		for (size_t k = 0; k < m->options.n; k++) {
			const char *option = m->options.items[k];

			if (str_starts(option, "lowerdir="))
				strv_split(ret, option + strlen("lowerdir="), ":");
		}
	}
}

/* Below one layer, through no link at all: the last part of `name` may be one, and then it is opened
 * itself. */
static int open_inside(const char *root, const char *name)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
	auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

static const char *fd_path(int fd, char out[40])
{
	snprintf(out, 40, "/proc/self/fd/%d", fd);
	return out;
}

/* Folders of that name below it do not show through. */
static bool is_opaque(int fd)
{
	char self[40];
	char value;

	return getxattr(fd_path(fd, self), "trusted.overlay.opaque", &value, 1) == 1 &&
	       value == 'y';
}

/* 1 with what lies there, 0 if this layer says nothing about it, -ENOENT if it hides what others have:
 * a whiteout, which is a device, or something in the way of a folder. */
static int look_into(const char *layer, const char *path, int *ret_fd, struct stat *ret)
{
	bool hides = false;

	for (const char *end = path; *end;) {
		end += strcspn(end + 1, "/") + 1;
		auto_free char *prefix = xstrndup(path, (size_t)(end - path));
		auto_close int fd = open_inside(layer, prefix);

		if (fd < 0)
			return hides ? -ENOENT : 0;
		if (fstat(fd, ret) < 0 || S_ISCHR(ret->st_mode))
			return -ENOENT;
		if (!*end) {
			*ret_fd = TAKE_FD(fd);
			return 1;
		}
		if (!S_ISDIR(ret->st_mode))
			return -ENOENT;
		hides |= is_opaque(fd);
	}
	return 0;
}

/* What the layers together have at "/a/b", whose folders are none of them links; -ENOENT. */
static int find_in(const struct strv *layers, const char *path, struct stat *ret)
{
	for (size_t i = 0; i < layers->n; i++) {
		int fd = -1;
		int r = look_into(layers->items[i], path, &fd, ret);

		if (r != 0)
			return r < 0 ? r : fd;
	}
	return -ENOENT;
}

/* A name on its way to a file: what is still to be gone, from where one is. */
struct walk {
	char *at;   /* "/a/b", "" for the root */
	char *todo; /* "../c" */
	unsigned n_links;
};

static int follow(struct walk *w, int fd)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (++w->n_links > LINKS_MAX || (size_t)n + strlen(w->todo) > PATH_MAX)
		return -ELOOP;
	if (*target == '/')
		*w->at = '\0';
	char *todo = xasprintf("%s/%s", target, w->todo);
	free(w->todo);
	w->todo = todo;
	return 0;
}

/* Goes the next part of the way; a file that has parts below it fails there. */
static int step(struct walk *w, const struct strv *layers)
{
	char *begin = w->todo + strspn(w->todo, "/");
	size_t len = strcspn(begin, "/");
	auto_free char *name = xstrndup(begin, len);
	auto_free char *next = xasprintf("%s/%s", w->at, name);
	char *slash = strrchr(w->at, '/');
	struct stat st;

	memmove(w->todo, begin + len, strlen(begin + len) + 1);
	if (str_eq(name, "..")) {
		if (slash)
			*slash = '\0'; /* above the root is the root */
		return 0;
	}
	if (!*name || str_eq(name, "."))
		return 0;
	auto_close int fd = find_in(layers, next, &st);
	if (fd < 0)
		return fd;
	if (S_ISLNK(st.st_mode))
		return follow(w, fd);
	free(w->at);
	w->at = TAKE(next);
	return 0;
}

/* Links lead where they would in the container, from one layer into another, and never out of it. */
static int find_file(const struct strv *layers, const char *name, struct stat *ret)
{
	struct walk w = { .at = xstrdup(""), .todo = xstrdup(name) };
	int r = 0;

	while (r == 0 && *w.todo)
		r = step(&w, layers);
	if (r == 0)
		r = *w.at ? find_in(layers, w.at, ret) : -EISDIR;
	free(w.at);
	free(w.todo);
	return r;
}

/* "" if the image has no such file. */
static int read_file(const struct strv *layers, const char *name, char **ret, struct err *err)
{
	struct stat st;
	char self[40];
	auto_close int fd = find_file(layers, name, &st);

	if (fd < 0 || !S_ISREG(st.st_mode)) {
		*ret = xstrdup("");
		return 0;
	}
	int r = file_read(fd_path(fd, self), USER_FILE_MAX, ret, NULL, err);
	if (r == -EFBIG)
		return err_set(err, r, "read the image's %s: longer than %zu bytes", name,
			       USER_FILE_MAX);
	return r;
}

bool rootfs_find_folder(const struct containerd_mounts *mounts, const char *path, struct stat *ret)
{
	auto_strv struct strv dirs = { 0 };

	layer_dirs(mounts, &dirs);
	auto_close int fd = find_file(&dirs, path, ret);
	return fd >= 0 && S_ISDIR(ret->st_mode);
}

int rootfs_user(const struct containerd_mounts *mounts, const char *user, struct oci_user *ret,
		struct err *err)
{
	auto_strv struct strv dirs = { 0 };
	auto_free char *passwd = NULL;
	auto_free char *group = NULL;

	layer_dirs(mounts, &dirs);
	int r = read_file(&dirs, "etc/passwd", &passwd, err);
	if (r == 0)
		r = read_file(&dirs, "etc/group", &group, err);
	return r < 0 ? r : user_resolve(user, passwd, group, ret, err);
}

char *rootfs_upper_dir(const struct containerd_mounts *mounts)
{
	for (size_t i = 0; i < mounts->n; i++) {
		const struct containerd_mount *m = &mounts->items[i];
		const char *upper = upper_dir(m);

		if (str_eq(m->type, "bind") || upper)
			return xstrdup(upper ? upper : m->source);
	}
	return NULL;
}
