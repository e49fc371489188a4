/* Mounting what containerd's snapshotter describes (containerd, mount/mount_linux.go). */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/base.h"
#include "base/clock.h"
#include "shim/shim.h"

#define OPTIONS_MAX 4095 /* bytes that mount(2) takes */
#define BUSY_TRIES  50
#define BUSY_MS     50
#define LOWER       "lowerdir="
#define PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

struct flag {
	const char *name;
	unsigned long bit;
	bool is_cleared;
};

static const struct flag flags[] = {
	{ "async", MS_SYNCHRONOUS, true },
	{ "atime", MS_NOATIME, true },
	{ "bind", MS_BIND, false },
	{ "defaults", 0, false },
	{ "dev", MS_NODEV, true },
	{ "diratime", MS_NODIRATIME, true },
	{ "dirsync", MS_DIRSYNC, false },
	{ "exec", MS_NOEXEC, true },
	{ "mand", MS_MANDLOCK, false },
	{ "noatime", MS_NOATIME, false },
	{ "nodev", MS_NODEV, false },
	{ "nodiratime", MS_NODIRATIME, false },
	{ "noexec", MS_NOEXEC, false },
	{ "nomand", MS_MANDLOCK, true },
	{ "norelatime", MS_RELATIME, true },
	{ "nostrictatime", MS_STRICTATIME, true },
	{ "nosuid", MS_NOSUID, false },
	{ "private", MS_PRIVATE, false },
	{ "rbind", MS_BIND | MS_REC, false },
	{ "relatime", MS_RELATIME, false },
	{ "remount", MS_REMOUNT, false },
	{ "ro", MS_RDONLY, false },
	{ "rprivate", MS_PRIVATE | MS_REC, false },
	{ "rshared", MS_SHARED | MS_REC, false },
	{ "rslave", MS_SLAVE | MS_REC, false },
	{ "rw", MS_RDONLY, true },
	{ "shared", MS_SHARED, false },
	{ "slave", MS_SLAVE, false },
	{ "strictatime", MS_STRICTATIME, false },
	{ "suid", MS_NOSUID, true },
	{ "sync", MS_SYNCHRONOUS, false },
	{ "unbindable", MS_UNBINDABLE, false },
};

static const struct flag *find_flag(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (str_eq(flags[i].name, name))
			return &flags[i];
	return NULL;
}

/* Flags, and in `data` what the file system itself is to read. */
static unsigned long read_options(const struct task_mount *m, struct buf *data)
{
	unsigned long bits = 0;

	for (size_t i = 0; i < m->n_options; i++) {
		const struct flag *flag = find_flag(m->options[i]);

		if (!flag)
			buf_addf(data, "%s%s", data->len ? "," : "", m->options[i]);
		else if (flag->is_cleared)
			bits &= ~flag->bit;
		else
			bits |= flag->bit;
	}
	return bits;
}

/* The folder in which all of the layers' folders are, with its slash: how many bytes. */
static size_t common_folder(const struct strv *dirs)
{
	const char *first = dirs->items[0];
	size_t len = strlen(first);

	for (size_t i = 1; i < dirs->n; i++) {
		size_t n = 0;

		while (n < len && dirs->items[i][n] == first[n])
			n++;
		len = n;
	}
	while (len && first[len - 1] != '/')
		len--;
	return len;
}

/* mount(2) takes one page of options: those with many layers are given from within their common folder.
 * Returns the options, and in `ret_dir` the folder; NULL: nothing to be gained. */
static char *shorten(const char *options, char **ret_dir)
{
	const char *lower = strstr(options, LOWER);
	auto_strv struct strv dirs = { 0 };
	auto_buf struct buf out = { 0 };

	if (!lower || (lower != options && lower[-1] != ','))
		return NULL;
	size_t len = strcspn(lower, ",");
	auto_free char *list = xstrndup(lower + strlen(LOWER), len - strlen(LOWER));
	strv_split(&dirs, list, ":");
	size_t common = dirs.n > 1 ? common_folder(&dirs) : 0;
	if (common <= 1)
		return NULL;
	buf_init(&out, strlen(options) + 1);
	buf_add(&out, options, (size_t)(lower - options) + strlen(LOWER));
	for (size_t i = 0; i < dirs.n; i++)
		buf_addf(&out, "%s%s", i ? ":" : "", dirs.items[i] + common);
	buf_add_str(&out, lower + len);
	*ret_dir = xstrndup(dirs.items[0], common);
	return buf_take(&out);
}

/* One thread: the folder we are in is put back before anything else happens. */
static int mount_from(const char *dir, const struct task_mount *m, const char *target,
		      unsigned long bits, const char *data)
{
	auto_close int here = dir ? open(".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (dir && (here < 0 || chdir(dir) < 0))
		return -errno;
	int r = mount(m->source, target, m->type, bits, data) < 0 ? -errno : 0;
	if (dir && fchdir(here) < 0)
		return -errno;
	return r;
}

static int mount_one(const struct task_mount *m, const char *target, struct err *err)
{
	auto_buf struct buf data;
	auto_free char *shorter = NULL;
	auto_free char *dir = NULL;

	buf_init(&data, (size_t)1 << 20);
	unsigned long bits = read_options(m, &data);
	if (data.len > OPTIONS_MAX - 512 && str_eq(m->type, "overlay"))
		shorter = shorten(data.data, &dir);
	const char *options = shorter ? shorter : data.data;
	if (strlen(options) > OPTIONS_MAX)
		return err_set(err, -E2BIG, "mount %s: its options are too long", target);
	int r = mount_from(dir, m, target, bits & ~(unsigned long)PROPAGATION, options);
	if (r == 0 && bits & PROPAGATION &&
	    mount("", target, "", bits & (PROPAGATION | MS_REC), NULL) < 0)
		r = -errno;
	if (r == 0 && bits & MS_BIND && bits & MS_RDONLY &&
	    mount("", target, "", (bits & ~(unsigned long)PROPAGATION) | MS_REMOUNT, NULL) < 0)
		r = -errno;
	return r < 0 ? err_set(err, r, "mount %s %s at %s: %s", m->type, m->source, target,
			       strerror(-r))
		     : 0;
}

int rootfs_mount(const struct task_mount *mounts, size_t n, const char *target, struct err *err)
{
	struct err ignored;
	int r = dir_make(target, 0711, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = mount_one(&mounts[i], target, err);
	if (r < 0)
		rootfs_unmount(target, &ignored);
	return r;
}

/* As often as something is mounted there; a process that is just ending may hold it a moment longer. */
int rootfs_unmount(const char *target, struct err *err)
{
	for (int tries = 0; tries < BUSY_TRIES;) {
		if (umount2(target, UMOUNT_NOFOLLOW) == 0)
			continue;
		if (errno == EINVAL || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return err_errno(err, "unmount %s", target);
		tries++;
		clock_poll(NULL, 0, clock_monotonic_ms() + BUSY_MS);
	}
	return err_set(err, -EBUSY, "unmount %s: it is in use", target);
}
