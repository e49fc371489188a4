/* What Unikraft 0.17 was seen to do with a table, down to what it fails on: an archive is
 * unpacked only where something is mounted, or "ramfs" asks for that; a folder to mount on
 * must be there, or "mkmp" asks for it. 0.15 calls the driver "initrd" and needs no "ramfs".
 * Here an archive is not unpacked but read where it is, so that nothing in it can be written. */
#include <string.h>

#include "fs/fstab.h"
#include "kernel/console.h"

enum {
	FIELDS = 6,
};

static long ramfs_read(void *arg, const char *path, char *data, size_t size)
{
	(void)arg;
	(void)data;
	(void)size;
	return strcmp(path, "/") ? -FS_ENOENT : -FS_EISDIR;
}

static int ramfs_list(void *arg, const char *path, fs_each *each, void *each_arg)
{
	(void)arg;
	(void)each;
	(void)each_arg;
	return strcmp(path, "/") ? -FS_ENOENT : 0;
}

/* An empty folder, to mount others in. */
static const struct fs_driver ramfs_driver = { "ramfs", ramfs_read, fs_refuse_write, ramfs_list };

bool fstab_parse(char *line, struct fstab_entry *ret)
{
	const char *fields[FIELDS] = { "", "", "", "", "", "" };
	size_t count = 0;

	for (char *p = line; p;) {
		char *colon = strchr(p, ':');

		if (colon)
			*colon = '\0';
		if (count == FIELDS)
			return false;
		fields[count++] = p;
		p = colon ? colon + 1 : NULL;
	}
	*ret = (struct fstab_entry){ fields[0], fields[1], fields[2],
				     fields[3], fields[4], fields[5] };
	return *ret->device && *ret->path && *ret->driver;
}

/* Whether `word` is one of the comma-separated ones in `list`. */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (list) {
		if (!strncmp(list, word, length) && (!list[length] || list[length] == ','))
			return true;
		list = strchr(list, ',');
		if (list)
			list++;
	}
	return false;
}

static struct p9 *find_share(struct fstab_devices *devices, const char *tag)
{
	for (size_t i = 0; i < devices->share_count; i++) {
		if (!strcmp(devices->shares[i].tag, tag))
			return &devices->shares[i];
	}
	return NULL;
}

static const char *mount_share(struct fs *fs, struct fstab_devices *devices, struct fs_mount *mount)
{
	struct p9 *share = find_share(devices, mount->device);

	if (!share)
		return "no 9p device has this tag";
	if (p9_attach(share))
		return "the host refuses to attach";
	mount->driver = &p9_driver;
	mount->arg = share;
	return fs_mount(fs, mount) ? "too many mounts" : NULL;
}

/* ramfs=0, 1 or 2: no RAM disk, one in any case, one where nothing is mounted. */
static bool mounts_ramfs(const struct fs *fs, const struct fstab_entry *e)
{
	if (has_word(e->options, "ramfs") || has_word(e->options, "ramfs=1"))
		return true;
	return has_word(e->options, "ramfs=2") && !fs_is_folder(fs, e->path);
}

static const char *mount_initrd(struct fs *fs, struct fstab_devices *devices,
				const struct fstab_entry *e, struct fs_mount *mount)
{
	if (strcmp(e->device, "initrd0") || !devices->initrd.data)
		return "there is no such initrd";
	if (cpio_count(&devices->initrd) < 0)
		return "bad magic number: not an uncompressed cpio archive of form newc";
	if (!mount->path[1] && strcmp(e->driver, "initrd") && !mounts_ramfs(fs, e) &&
	    !fs_is_folder(fs, "/"))
		return "not a directory: no file system to extract to";
	mount->driver = &cpio_driver;
	mount->arg = &devices->initrd;
	return fs_mount(fs, mount) ? "too many mounts" : NULL;
}

static const char *mount_by_driver(struct fs *fs, struct fstab_devices *devices,
				   const struct fstab_entry *e, const struct cmdline *c)
{
	const char *initrd_driver = c->variant->has_old_network ? "initrd" : "extract";
	struct fs_mount mount = { .device = e->device };

	if (fs_normalise(e->path, mount.path))
		return "no absolute path";
	/* The root can be mounted on nothing, others on a folder that is there. */
	if (mount.path[1] && !fs_is_folder(fs, mount.path) &&
	    !(fs->count && has_word(e->unikraft_options, "mkmp")))
		return "no such directory";
	if (!strcmp(e->driver, initrd_driver))
		return mount_initrd(fs, devices, e, &mount);
	if (!strcmp(e->driver, "9pfs"))
		return mount_share(fs, devices, &mount);
	if (strcmp(e->driver, "ramfs"))
		return "no such file system driver";
	mount.driver = &ramfs_driver;
	return fs_mount(fs, &mount) ? "too many mounts" : NULL;
}

static int mount_entry(struct fs *fs, struct fstab_devices *devices, const struct fstab_entry *e,
		       const struct cmdline *c)
{
	bool has_initrd = devices->initrd.data;
	const char *problem;

	if ((has_word(e->unikraft_options, "ifinitrd0") && !has_initrd) ||
	    (has_word(e->unikraft_options, "ifnoinitrd0") && has_initrd))
		return 0;
	problem = mount_by_driver(fs, devices, e, c);
	if (problem) {
		console_printf("ERR: mount %s at %s by %s: %s\n", e->device, e->path, e->driver,
			       problem);
		return -1;
	}
	console_printf("vfs: %s mounted at %s by %s\n", e->device, e->path, e->driver);
	return 0;
}

static int mount_default(struct fs *fs, struct fstab_devices *devices, const struct cmdline *c)
{
	struct fstab_entry initrd = {
		"initrd0", "/",       c->variant->has_old_network ? "initrd" : "extract",
		"",        "ramfs=2", ""
	};
	struct fstab_entry share = { "fs0", "/", "9pfs", "", "", "" };

	if (devices->initrd.data)
		return mount_entry(fs, devices, &initrd, c);
	if (find_share(devices, "fs0"))
		return mount_entry(fs, devices, &share, c);
	return 0;
}

int fstab_mount(struct fs *fs, struct fstab_devices *devices, const struct cmdline *c)
{
	if (!c->fstab_count)
		return mount_default(fs, devices, c);
	for (size_t i = 0; i < c->fstab_count; i++) {
		struct fstab_entry e;

		if (!fstab_parse(c->fstab[i], &e)) {
			console_printf("ERR: vfs.fstab: entry %zu is not DEV:PATH:DRIVER...\n", i);
			return -1;
		}
		if (mount_entry(fs, devices, &e, c))
			return -1;
	}
	return 0;
}
