/* From a folder to its disk: by the device number of its file system, or where that is a made-up one
 * (btrfs has one for each subvolume) by what is mounted. */
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/base.h"
#include "base/disk.h"

#define MOUNTS_MAX ((size_t)16 << 20)
#define NUMBER_MAX 64 /* bytes of "8:16\n" */

/* Of a line of mountinfo (proc(5)): "ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS … - TYPE SOURCE …" */
struct mount_line {
	const char *target;
	const char *type;
	const char *source;
};

static bool parse_line(const struct strv *words, struct mount_line *ret)
{
	for (size_t i = 6; i + 2 < words->n; i++) {
		if (!str_eq(words->items[i], "-"))
			continue;
		*ret = (struct mount_line){ words->items[4], words->items[i + 1],
					    words->items[i + 2] };
		return true;
	}
	return false;
}

static bool holds(const char *target, const char *dir)
{
	return str_eq(target, "/") || str_eq(target, dir) || path_is_below(dir, target);
}

/* Type and source of the mount that `dir` is in: the deepest one, and of those the latest. */
static void find_mount(const char *mounts, const char *dir, char **ret_type, char **ret_source)
{
	auto_free char *text = NULL;
	auto_strv struct strv lines = { 0 };
	size_t deepest = 0;
	struct err ignored;

	if (file_read(mounts, MOUNTS_MAX, &text, NULL, &ignored) < 0)
		return;
	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		auto_strv struct strv words = { 0 };
		struct mount_line line;

		strv_split(&words, lines.items[i], " ");
		if (!parse_line(&words, &line) || !holds(line.target, dir) ||
		    strlen(line.target) < deepest)
			continue;
		deepest = strlen(line.target);
		free(*ret_type);
		free(*ret_source);
		*ret_type = xstrdup(line.type);
		*ret_source = xstrdup(line.source);
	}
}

static int find_device(const char *mounts, const char *dir, dev_t *ret, struct err *err)
{
	auto_free char *type = NULL;
	auto_free char *source = NULL;
	char path[PATH_MAX];
	struct stat st;

	if (stat(dir, &st) < 0 || !realpath(dir, path))
		return err_errno(err, "find the disk of %s", dir);
	if (major(st.st_dev) != 0) {
		*ret = st.st_dev;
		return 0;
	}
	find_mount(mounts, path, &type, &source);
	if (!source || stat(source, &st) < 0 || !S_ISBLK(st.st_mode))
		return err_set(err, -ENOTSUP, "find the disk of %s: it is on %s, which has none",
			       dir, type ? type : "an unknown file system");
	*ret = st.st_rdev;
	return 0;
}

static int read_number(const char *path, struct disk *ret, struct err *err)
{
	auto_free char *text = NULL;
	auto_strv struct strv parts = { 0 };
	int r = file_read(path, NUMBER_MAX, &text, NULL, err);

	if (r < 0)
		return r;
	strv_split(&parts, text, ":\n");
	if (parts.n == 2 && parse_u32(parts.items[0], 0, UINT32_MAX, &ret->major) == 0 &&
	    parse_u32(parts.items[1], 0, UINT32_MAX, &ret->minor) == 0)
		return 0;
	return err_set(err, -EBADMSG, "read %s: no device number", path);
}

int disk_find(const char *sys, const char *mounts, const char *dir, struct disk *ret,
	      struct err *err)
{
	dev_t device;
	struct disk disk;
	int r = find_device(mounts, dir, &device, err);

	if (r < 0)
		return r;
	disk = (struct disk){ major(device), minor(device) };
	/* The link leads to …/block/sda/sda1 for a partition. */
	auto_free char *link = xasprintf("%s/dev/block/%u:%u", sys, disk.major, disk.minor);
	auto_free char *mark = path_join(link, "partition");
	auto_free char *whole = path_join(link, "../dev");
	if (path_exists(mark)) {
		r = read_number(whole, &disk, err);
		if (r < 0)
			return err_wrap(err, "find the disk of %s", dir);
	}
	*ret = disk;
	return 0;
}
