/* Named volumes: folders that Holm keeps until they are removed by name. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/clock.h"
#include "volume/private.h"

#define FILES "data"
#define GONE  ".removed-" /* in front of a name: its files are being removed */

char *named_files(const struct volumes *volumes, const char *name)
{
	return xasprintf("%s/%s/" FILES, volumes->named_dir, name);
}

static int make(struct volumes *volumes, const char *name, struct err *err)
{
	auto_free char *dir = path_join(volumes->named_dir, name);
	auto_free char *files = named_files(volumes, name);
	int r = dir_make(volumes->named_dir, 0711, err);

	if (r == 0)
		r = dir_make(dir, 0711, err);
	return r < 0 ? r : dir_make(files, 0755, err);
}

int named_ensure(const struct job *job, const char *name, char **ret_path, struct err *err)
{
	auto_free char *files = named_files(job->volumes, name);
	int r = 0;

	/* Not on its way out at the same time: a removal holds the lock, and sees our entry. */
	pthread_mutex_lock(&job->volumes->lock);
	if (!path_exists(files)) {
		r = make(job->volumes, name, err);
		if (r == 0)
			log_info("volume %s: made for instance %s", name, job->instance_id);
	}
	pthread_mutex_unlock(&job->volumes->lock);
	if (r == 0)
		*ret_path = TAKE(files);
	return r;
}

static int make_for(struct volumes *volumes, const char *name, uid_t uid, gid_t gid,
		    struct err *err)
{
	auto_free char *files = named_files(volumes, name);

	if (path_exists(files))
		return err_set(err, -EEXIST, "create volume %s: it exists", name);
	int r = make(volumes, name, err);
	if (r == 0 && chown(files, uid, gid) < 0)
		r = err_errno(err, "give volume %s to user %u", name, uid);
	return r;
}

int volume_create(struct volumes *volumes, const char *name, uid_t uid, gid_t gid, struct err *err)
{
	if (!volume_name_is_valid(name))
		return err_set(err, -EINVAL, "create volume %.64s: not a valid name", name);
	pthread_mutex_lock(&volumes->lock);
	int r = make_for(volumes, name, uid, gid, err);
	pthread_mutex_unlock(&volumes->lock);
	return r;
}

static bool has_name(const struct entry *entry, const void *name)
{
	return entry->kind == VOLUME_NAMED && str_eq(entry->volume_id, name);
}

/* Out of sight in one step, then its files. */
static int take_away(struct volumes *volumes, const char *name, char **ret_gone,
		     char ret_user[ID_SIZE], struct err *err)
{
	auto_free char *files = named_files(volumes, name);
	auto_free char *dir = path_join(volumes->named_dir, name);
	auto_free char *gone = NULL;
	const char *user = records_find(volumes, has_name, name, NULL);

	if (user) {
		str_copy(ret_user, ID_SIZE, user);
		return err_set(err, -EBUSY, "remove volume %s: instance %s has it", name, user);
	}
	if (!path_exists(files))
		return err_set(err, -ENOENT, "remove volume %s: there is none", name);
	/* One of this name may be on its way out still. */
	for (unsigned i = 0; !gone || path_exists(gone); i++) {
		free(gone);
		gone = xasprintf("%s/" GONE "%s.%u", volumes->named_dir, name, i);
	}
	if (rename(dir, gone) < 0)
		return err_errno(err, "remove volume %s", name);
	*ret_gone = TAKE(gone);
	return 0;
}

int volume_remove(struct volumes *volumes, const char *name, char ret_user[ID_SIZE],
		  struct err *err)
{
	auto_free char *gone = NULL;

	if (!volume_name_is_valid(name))
		return err_set(err, -EINVAL, "remove volume %.64s: not a valid name", name);
	pthread_mutex_lock(&volumes->lock);
	int r = take_away(volumes, name, &gone, ret_user, err);
	pthread_mutex_unlock(&volumes->lock);
	return r < 0 ? r : path_remove(gone, err);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void named_names(struct volumes *volumes, struct strv *ret)
{
	DIR *dir = opendir(volumes->named_dir);

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		auto_free char *files = named_files(volumes, e->d_name);

		if (volume_name_is_valid(e->d_name) && path_exists(files))
			strv_add(ret, e->d_name);
	}
	closedir(dir);
	if (ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), compare);
}

void named_clean(struct volumes *volumes)
{
	DIR *dir = opendir(volumes->named_dir);
	struct err err;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		auto_free char *path = path_join(volumes->named_dir, e->d_name);

		if (str_starts(e->d_name, GONE) && path_remove(path, &err) < 0)
			log_warning("volumes: %s", err.msg);
	}
	closedir(dir);
}

static void add_users(struct volumes *volumes, struct volume_named *named)
{
	map_for_each(&volumes->records, i, e) {
		const struct record *record = e->value;

		for (size_t k = 0; k < record->n; k++)
			if (has_name(&record->entries[k], named->name) &&
			    !strv_has(&named->users, e->key))
				strv_add(&named->users, e->key);
	}
}

int volume_list(struct volumes *volumes, struct volume_list *ret, struct err *err)
{
	auto_strv struct strv names = { 0 };
	struct volume_list list = { 0 };

	pthread_mutex_lock(&volumes->lock);
	named_names(volumes, &names);
	for (size_t i = 0; i < names.n; i++) {
		struct volume_named *named = ARRAY_ADD(list.items, list.n);
		struct statx st = { 0 };

		named->name = xstrdup(names.items[i]);
		named->path = named_files(volumes, names.items[i]);
		if (statx(AT_FDCWD, named->path, 0, STATX_BTIME, &st) == 0 && st.stx_btime.tv_sec)
			named->created_ms = (uint64_t)st.stx_btime.tv_sec * 1000;
		add_users(volumes, named);
	}
	pthread_mutex_unlock(&volumes->lock);
	*ret = list;
	return 0;
}

void volume_list_fini(struct volume_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].name);
		free(list->items[i].path);
		strv_fini(&list->items[i].users);
	}
	free(list->items);
	*list = (struct volume_list){ 0 };
}
