/* What instances have, on disk and in memory. */
#include <dirent.h>

#include "base/base.h"
#include "volume/private.h"

#define RECORD_MAX (4u << 20) /* bytes */
#define SUFFIX     ".json"

#define S(member, ...) FIELD(struct STRUCT, member, __VA_ARGS__)

#define STRUCT entry
static const struct field entry_fields[] = {
	S(kind, "kind", F_ENUM, .names = volume_kind_names, .flags = F_REQUIRED),
	S(volume_id, "volume_id", F_STR, .flags = F_OMIT_EMPTY),
	S(driver, "csi_driver", F_STR, .flags = F_OMIT_EMPTY),
	S(socket, "socket", F_STR, .flags = F_OMIT_EMPTY),
	S(host_path, "host_path", F_STR, .flags = F_OMIT_EMPTY),
	S(config, "config", F_RAW, .flags = F_OMIT_EMPTY),
	S(is_read_only, "is_read_only", F_BOOL, .flags = F_OMIT_EMPTY),
	S(is_staged, "is_staged", F_BOOL, .flags = F_OMIT_EMPTY),
	S(is_published, "is_published", F_BOOL, .flags = F_OMIT_EMPTY),
	S(is_mount, "is_mount", F_BOOL, .flags = F_OMIT_EMPTY),
	S(slot, "slot", F_U32),
};
#undef STRUCT
static FIELD_TABLE(entry_table, struct entry, "volume of an instance", entry_fields);

#define STRUCT record
static const struct field record_fields[] = {
	S(boot_id, "boot_id", F_CHARS, .flags = F_REQUIRED),
	S(next_slot, "next_slot", F_U32),
	FIELD_ARRAY(struct record, entries, n, "volumes", &entry_table, .max = ENTRIES_MAX,
		    .flags = F_REQUIRED),
};
#undef STRUCT
static FIELD_TABLE(record_table, struct record, "volumes of an instance", record_fields);

void entry_fini(struct entry *entry)
{
	fields_fini(&entry_table, entry);
}

static void record_free(struct record *record)
{
	if (!record)
		return;
	fields_fini(&record_table, record);
	free(record);
}

static char *path_of(const struct volumes *volumes, const char *instance_id)
{
	return xasprintf("%s/%s" SUFFIX, volumes->record_dir, instance_id);
}

static int read_one(struct volumes *volumes, const char *instance_id, struct err *err)
{
	auto_free char *path = path_of(volumes, instance_id);
	auto_free char *text = NULL;
	struct record *record = NEW(struct record);
	int r = file_read(path, RECORD_MAX, &text, NULL, err);

	if (r == 0)
		r = fields_parse_text(&record_table, text, record, FIELD_UNKNOWN_IGNORE, err);
	if (r < 0) {
		free(record);
		return err_wrap(err, "read volumes of instance %s", instance_id);
	}
	/* A reboot has unmounted everything. */
	for (size_t i = 0; i < record->n && !str_eq(record->boot_id, volumes->boot_id); i++)
		record->entries[i].is_published = false;
	STR_COPY(record->boot_id, volumes->boot_id);
	map_set(&volumes->records, instance_id, record);
	return 0;
}

int records_read(struct volumes *volumes, struct err *err)
{
	DIR *dir = opendir(volumes->record_dir);
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_errno(err, "open %s", volumes->record_dir);
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		auto_free char *id = xstrndup(e->d_name, strcspn(e->d_name, "."));

		/* Else a temporary file of a write that was interrupted. */
		if (id_is_valid(id) && str_eq(e->d_name + ID_LEN, SUFFIX))
			r = read_one(volumes, id, err);
	}
	closedir(dir);
	return r;
}

void records_free(struct volumes *volumes)
{
	map_for_each(&volumes->records, i, e)
		record_free(e->value);
	map_fini(&volumes->records);
}

int record_write(const struct job *job, struct err *err)
{
	struct volumes *volumes = job->volumes;
	auto_free char *path = path_of(volumes, job->instance_id);
	int r = dir_make(volumes->record_dir, 0700, err);

	if (r < 0)
		return r;
	if (job->record->n == 0) {
		if (unlink(path) < 0 && errno != ENOENT)
			return err_errno(err, "remove %s", path);
		return 0;
	}
	auto_free char *text = fields_format(&record_table, job->record);
	return file_write_atomic(path, text, strlen(text), 0600, err);
}

struct record *record_get(struct volumes *volumes, const char *instance_id)
{
	pthread_mutex_lock(&volumes->lock);
	struct record *record = map_find(&volumes->records, instance_id);
	if (!record) {
		record = NEW(struct record);
		STR_COPY(record->boot_id, volumes->boot_id);
		map_set(&volumes->records, instance_id, record);
	}
	pthread_mutex_unlock(&volumes->lock);
	return record;
}

void record_drop(struct volumes *volumes, const char *instance_id)
{
	pthread_mutex_lock(&volumes->lock);
	struct record *record = map_find(&volumes->records, instance_id);
	if (record && record->n == 0) {
		map_remove(&volumes->records, instance_id);
		record_free(record);
	}
	pthread_mutex_unlock(&volumes->lock);
}

struct entry *record_add(const struct job *job, struct entry *add)
{
	struct record *record = job->record;

	pthread_mutex_lock(&job->volumes->lock);
	add->slot = record->next_slot++;
	struct entry *entry = ARRAY_ADD(record->entries, record->n);
	*entry = *add;
	pthread_mutex_unlock(&job->volumes->lock);
	*add = (struct entry){ 0 };
	return entry;
}

void record_remove(const struct job *job, struct entry *entry)
{
	struct record *record = job->record;

	pthread_mutex_lock(&job->volumes->lock);
	entry_fini(entry);
	size_t after = record->n - (size_t)(entry - record->entries) - 1;
	memmove(entry, entry + 1, after * sizeof(*entry));
	record->n--;
	pthread_mutex_unlock(&job->volumes->lock);
}

const char *records_find(struct volumes *volumes, bool (*is_it)(const struct entry *, const void *),
			 const void *arg, const struct entry *except)
{
	map_for_each(&volumes->records, i, e) {
		const struct record *record = e->value;

		for (size_t k = 0; k < record->n; k++)
			if (&record->entries[k] != except && is_it(&record->entries[k], arg))
				return e->key;
	}
	return NULL;
}
