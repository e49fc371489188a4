#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "kit.h"

static bool is_crash(void *arg)
{
	struct kit *kit = arg;

	return ++kit->n_steps == kit->crash_at;
}

int kit_setup(void **state)
{
	struct kit *kit = NEW(struct kit);

	STR_COPY(kit->dir, "/tmp/holm-test-volume.XXXXXX");
	assert_non_null(mkdtemp(kit->dir));
	kit->root = path_join(kit->dir, "root");
	assert_int_equal(mkdir(kit->root, 0755), 0);
	kit->config = (struct volume_config){ .data_dir = kit->dir,
					      .host_root = kit->root,
					      .call_ms = 2000,
					      .is_crash = is_crash,
					      .arg = kit };
	kit_reopen(kit);
	*state = kit;
	return 0;
}

int kit_teardown(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };

	volumes_close(kit->volumes);
	if (path_remove(kit->dir, &err) < 0)
		fail_msg("%s", err.msg);
	free(kit->root);
	free(kit);
	return 0;
}

void kit_reopen(struct kit *kit)
{
	struct err err = { 0 };

	kit->volumes = volumes_close(kit->volumes);
	if (volumes_open(&kit->config, &kit->volumes, &err) < 0)
		fail_msg("%s", err.msg);
}

static int forget_boot(const char *path, const struct stat *st, int type, struct FTW *at)
{
	auto_free char *text = NULL;
	struct err err;

	if (type != FTW_F || !str_ends(path, ".json"))
		return 0;
	assert_int_equal(file_read(path, 1 << 20, &text, NULL, &err), 0);
	char *id = strstr(text, "\"boot_id\":\"");
	if (id && id[11] != '"')
		memset(id + 11, '0', 8);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), 0);
	return 0;
}

void kit_reboot(struct kit *kit)
{
	auto_free char *mounts = path_join(kit->dir, "mounts");

	nftw(mounts, forget_boot, 16, FTW_PHYS | FTW_MOUNT);
	kit_reopen(kit);
}

int kit_prepare(struct kit *kit, const char *id, const struct sla_volume *volumes, size_t n,
		struct volume_mounts *ret)
{
	struct volume_wish wish = { .instance_id = id, .volumes = volumes, .n = n };
	struct volume_mounts mounts = { 0 };
	int r = volume_prepare(kit->volumes, &wish, &mounts, &kit->err);

	if (ret && r == 0)
		*ret = mounts;
	else
		volume_mounts_fini(&mounts);
	return r;
}

int kit_release(struct kit *kit, const char *id)
{
	return volume_release(kit->volumes, id, NULL, &kit->err);
}

static size_t counted;

static int count(const char *path, const struct stat *st, int type, struct FTW *at)
{
	counted += at->level > 0;
	return 0;
}

size_t kit_count(const struct kit *kit, const char *name)
{
	auto_free char *path = path_join(kit->dir, name);

	counted = 0;
	nftw(path, count, 16, FTW_PHYS);
	return counted;
}

size_t kit_left(const struct kit *kit)
{
	return kit_mounts(kit) + kit_count(kit, "mounts/records") +
	       kit_count(kit, "mounts/targets") + kit_count(kit, "mounts/stages");
}

size_t kit_mounts(const struct kit *kit)
{
	auto_free char *place = xasprintf(" %s/mounts/", kit->dir);
	auto_free char *text = NULL;
	struct err err;
	size_t n = 0;

	assert_int_equal(file_read("/proc/self/mountinfo", 8 << 20, &text, NULL, &err), 0);
	for (const char *p = text; (p = strstr(p, place)); p++)
		n++;
	return n;
}

bool kit_has(const char *dir, const char *name)
{
	auto_free char *path = path_join(dir, name);

	return path_exists(path);
}

void kit_put(const char *dir, const char *name)
{
	auto_free char *path = path_join(dir, name);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
}
