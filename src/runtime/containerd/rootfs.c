/* Reading files of an image that is not mounted: through the folders of its overlay, top first. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/base.h"
#include "runtime/containerd/driver.h"

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

/* Nothing of the image leads out of it: links are followed inside the layer only. */
static int open_inside(const char *root, const char *name)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

/* "" if the image has no such file; a whiteout, which is a device, hides those below it. */
static int read_file(const struct strv *dirs, const char *name, char **ret, struct err *err)
{
	for (size_t i = 0; i < dirs->n; i++) {
		auto_close int fd = open_inside(dirs->items[i], name);
		struct stat st;
		char self[40];

		if (fd < 0)
			continue;
		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			break;
		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		return file_read(self, USER_FILE_MAX, ret, NULL, err);
	}
	*ret = xstrdup("");
	return 0;
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
