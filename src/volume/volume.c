/* Making what an instance has equal to what it is to have.
 *
 *   wish ── no entry ──▶ entry on disk ──▶ mounted, published ──▶ entry says so, told to the caller
 *   no wish ── entry ──▶ entry says not published ──▶ unpublished, unmounted ──▶ entry off the disk
 *
 * Any arrow may be the last one before a crash; the next call begins with the entry it finds. */
#include <sys/stat.h>

#include "base/base.h"
#include "loop/loop.h"
#include "volume/private.h"

int job_step(const struct job *job, struct err *err)
{
	const struct volume_config *config = &job->volumes->config;

	if (cancel_is_set(job->cancel))
		return err_set(err, -ECANCELED, "cancelled");
	if (config->is_crash && config->is_crash(config->arg))
		return err_set(err, -EINTR, "crashed");
	return 0;
}

static char *dir_of(const struct job *job)
{
	return path_join(job->volumes->target_dir, job->instance_id);
}

char *job_target(const struct job *job, const struct entry *entry)
{
	return xasprintf("%s/%s/%u", job->volumes->target_dir, job->instance_id, entry->slot);
}

int job_make_dir(const struct job *job, struct err *err)
{
	auto_free char *dir = dir_of(job);

	return dir_make(dir, 0700, err);
}

int volumes_open(const struct volume_config *config, struct volumes **ret, struct err *err)
{
	struct volumes *volumes = NEW(struct volumes);

	volumes->config = *config;
	volumes->named_dir = path_join(config->data_dir, "volumes");
	volumes->record_dir = path_join(config->data_dir, "mounts/records");
	volumes->target_dir = path_join(config->data_dir, "mounts/targets");
	volumes->stage_dir = path_join(config->data_dir, "mounts/stages");
	proc_boot_id(volumes->boot_id);
	pthread_mutex_init(&volumes->lock, NULL);
	pthread_cond_init(&volumes->idle, NULL);
	int r = host_open_root(volumes, err);
	if (r == 0)
		r = plugins_open(volumes, err);
	if (r == 0)
		r = records_read(volumes, err);
	if (r < 0) {
		volumes_close(volumes);
		return r;
	}
	*ret = volumes;
	return 0;
}

struct volumes *volumes_close(struct volumes *volumes)
{
	if (!volumes)
		return NULL;
	plugins_close(volumes);
	records_free(volumes);
	strv_fini(&volumes->busy);
	pthread_cond_destroy(&volumes->idle);
	pthread_mutex_destroy(&volumes->lock);
	free(volumes->named_dir);
	free(volumes->record_dir);
	free(volumes->target_dir);
	free(volumes->stage_dir);
	free(volumes->host_root);
	free(volumes);
	return NULL;
}

void volumes_holders(struct volumes *volumes, struct strv *ret)
{
	pthread_mutex_lock(&volumes->lock);
	map_for_each(&volumes->records, i, e)
		strv_add(ret, e->key);
	pthread_mutex_unlock(&volumes->lock);
}

void volume_mounts_fini(struct volume_mounts *mounts)
{
	for (size_t i = 0; i < mounts->n; i++) {
		free(mounts->items[i].source);
		free(mounts->items[i].target);
	}
	free(mounts->items);
	*mounts = (struct volume_mounts){ 0 };
}

void volume_info_fini(struct volume_info *info)
{
	strv_fini(&info->drivers);
	strv_fini(&info->problems);
	strv_fini(&info->names);
}

void volume_probe(struct volumes *volumes, const struct cancel *cancel, struct volume_info *ret)
{
	named_clean(volumes);
	pthread_mutex_lock(&volumes->lock);
	named_names(volumes, &ret->names);
	pthread_mutex_unlock(&volumes->lock);
	plugins_probe(volumes, cancel, ret);
}

/* The same volume in the same way: the entry of an earlier call serves. */
static bool is_for(const struct entry *entry, const struct sla_volume *wish)
{
	if (entry->kind != (int)volume_kind(wish) || entry->is_read_only != wish->read_only)
		return false;
	switch (volume_kind(wish)) {
	case VOLUME_NAMED:
		return str_eq(entry->volume_id, wish->volume_id);
	case VOLUME_HOST:
		return str_eq(entry->host_path, wish->host_path);
	case VOLUME_CSI:
		return str_eq(entry->volume_id, wish->volume_id) &&
		       str_eq(entry->driver, wish->csi_driver) &&
		       str_eq(entry->config, wish->config);
	case VOLUME_KIND_N:
		break;
	}
	return false;
}

/* Which entry serves which wish: slot + 1 per wish, 0 for none; each entry once. */
static uint32_t *match(const struct record *record, const struct volume_wish *wish)
{
	uint32_t *slots = xcalloc(wish->n, sizeof(*slots));

	for (size_t k = 0; k < record->n; k++)
		for (size_t i = 0; i < wish->n; i++) {
			if (slots[i] || !is_for(&record->entries[k], &wish->volumes[i]))
				continue;
			slots[i] = record->entries[k].slot + 1;
			break;
		}
	return slots;
}

static struct entry *entry_at(const struct record *record, uint32_t slot)
{
	for (size_t k = 0; k < record->n; k++)
		if (record->entries[k].slot == slot)
			return &record->entries[k];
	return NULL;
}

static int release_one(const struct job *job, struct entry *entry, struct err *err)
{
	int r = 0;

	if (entry->kind == VOLUME_HOST)
		r = host_unmount(job, entry, err);
	else if (entry->kind == VOLUME_CSI)
		r = driver_withdraw(job, entry, err);
	if (r == 0)
		r = job_step(job, err);
	if (r < 0)
		return r;
	record_remove(job, entry);
	return record_write(job, err);
}

static bool is_wished(const struct entry *entry, const uint32_t *slots, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slots[i] == entry->slot + 1)
			return true;
	return false;
}

/* All are tried, so that one driver's absence does not hold what others have; the first error is
 * told. */
static int release_rest(const struct job *job, const uint32_t *slots, size_t n, struct err *err)
{
	struct err later;
	int result = 0;

	for (size_t k = 0; k < job->record->n;) {
		size_t had = job->record->n;
		struct entry *entry = &job->record->entries[k];

		if (is_wished(entry, slots, n)) {
			k++;
			continue;
		}
		int r = release_one(job, entry, result ? &later : err);
		if (r == -EINTR || r == -ECANCELED)
			return result ? result : r;
		result = result ? result : r;
		k += job->record->n == had; /* it is still there */
	}
	return result;
}

static int describe(const struct job *job, const struct sla_volume *wish, struct entry *ret,
		    struct err *err)
{
	*ret = (struct entry){ .kind = (int)volume_kind(wish),
			       .is_read_only = wish->read_only,
			       .volume_id = xstrdup(wish->volume_id) };
	if (ret->kind == VOLUME_HOST)
		ret->host_path = xstrdup(wish->host_path);
	int r = ret->kind == VOLUME_CSI ? driver_describe(job, wish, ret, err) : 0;
	if (r < 0)
		entry_fini(ret);
	return r;
}

static int add_entry(const struct job *job, const struct sla_volume *wish, struct entry **ret,
		     struct err *err)
{
	struct entry add;
	int r = describe(job, wish, &add, err);

	if (r < 0)
		return r;
	*ret = record_add(job, &add);
	r = job_step(job, err);
	return r < 0 ? r : record_write(job, err);
}

static int prepare_one(const struct job *job, const struct sla_volume *wish, struct entry *entry,
		       struct volume_mount *ret, struct err *err)
{
	char *source = NULL;
	int r = 0;

	switch (volume_kind(wish)) {
	case VOLUME_NAMED:
		r = named_ensure(job, wish->volume_id, &source, err);
		break;
	case VOLUME_HOST:
		r = host_mount(job, entry, err);
		break;
	case VOLUME_CSI:
		r = driver_publish(job, entry, err);
		break;
	case VOLUME_KIND_N:
		break;
	}
	if (r < 0)
		return r;
	ret->source = source ? source : job_target(job, entry);
	ret->target = volume_target(wish);
	ret->is_read_only = wish->read_only;
	return 0;
}

static int prepare_all(const struct job *job, const struct volume_wish *wish, const uint32_t *slots,
		       struct volume_mounts *ret, struct err *err)
{
	for (size_t i = 0; i < wish->n; i++) {
		const struct sla_volume *volume = &wish->volumes[i];
		struct entry *entry = slots[i] ? entry_at(job->record, slots[i] - 1) : NULL;
		int r = entry ? 0 : add_entry(job, volume, &entry, err);

		if (r == 0)
			r = job_step(job, err);
		if (r == 0)
			r = prepare_one(job, volume, entry, ARRAY_ADD(ret->items, ret->n), err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Its folder goes with the last volume. */
static int finish(const struct job *job, struct err *err)
{
	auto_free char *dir = dir_of(job);

	if (job->record->n == 0 && rmdir(dir) < 0 && errno != ENOENT)
		return err_errno(err, "remove %s", dir);
	return 0;
}

int volume_prepare(struct volumes *volumes, const struct volume_wish *wish,
		   struct volume_mounts *ret, struct err *err)
{
	struct job job = { .volumes = volumes,
			   .instance_id = wish->instance_id,
			   .record = record_get(volumes, wish->instance_id),
			   .cancel = wish->cancel };
	auto_free uint32_t *slots = match(job.record, wish);
	struct volume_mounts mounts = { 0 };
	int r = release_rest(&job, slots, wish->n, err);

	if (r == 0)
		r = prepare_all(&job, wish, slots, &mounts, err);
	if (r == 0)
		r = finish(&job, err);
	record_drop(volumes, wish->instance_id);
	if (r == 0)
		*ret = mounts;
	else
		volume_mounts_fini(&mounts);
	return r;
}

int volume_release(struct volumes *volumes, const char *instance_id, const struct cancel *cancel,
		   struct err *err)
{
	struct job job = { .volumes = volumes,
			   .instance_id = instance_id,
			   .record = record_get(volumes, instance_id),
			   .cancel = cancel };
	int r = release_rest(&job, NULL, 0, err);

	if (r == 0)
		r = finish(&job, err);
	record_drop(volumes, instance_id);
	return r;
}

void volume_find_mounts(struct volumes *volumes, const struct volume_wish *wish,
			struct volume_mounts *ret)
{
	struct job job = { .volumes = volumes, .instance_id = wish->instance_id };

	*ret = (struct volume_mounts){ 0 };
	pthread_mutex_lock(&volumes->lock);
	job.record = map_find(&volumes->records, wish->instance_id);
	auto_free uint32_t *slots = job.record ? match(job.record, wish) : NULL;
	for (size_t i = 0; slots && i < wish->n; i++) {
		const struct sla_volume *volume = &wish->volumes[i];

		if (!slots[i])
			continue;
		*ARRAY_ADD(ret->items, ret->n) = (struct volume_mount){
			.source = volume_kind(volume) == VOLUME_NAMED
					  ? named_files(volumes, volume->volume_id)
					  : job_target(&job, entry_at(job.record, slots[i] - 1)),
			.target = volume_target(volume),
			.is_read_only = volume->read_only,
		};
	}
	pthread_mutex_unlock(&volumes->lock);
}

bool volume_needs_driver(struct volumes *volumes, const struct volume_wish *wish)
{
	bool needs = false;

	for (size_t i = 0; i < wish->n; i++)
		needs |= volume_kind(&wish->volumes[i]) == VOLUME_CSI;
	pthread_mutex_lock(&volumes->lock);
	const struct record *record = map_find(&volumes->records, wish->instance_id);
	for (size_t k = 0; record && k < record->n; k++)
		needs |= record->entries[k].kind == VOLUME_CSI;
	pthread_mutex_unlock(&volumes->lock);
	return needs;
}
