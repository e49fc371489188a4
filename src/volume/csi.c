/* Volumes of CSI drivers: staged once per node where the driver does that, published once per use.
 *
 * A stage has a folder named by driver and volume, with a record that says whether the driver has
 * staged it in this boot. Who uses it is no count but the entries of all instances: an entry is on
 * disk before it stages, and leaves the disk after the last one has unstaged. One call at a time is
 * under way for a volume, as the specification wants. */
#include <sys/stat.h>

#include "base/base.h"
#include "base/clock.h"
#include "loop/loop.h"
#include "volume/private.h"
#include "wire/csi/csi.h"
#include "wire/digest/digest.h"
#include "wire/grpc/grpc.h"

#define CALL_MS   60000
#define POLL_MS   100 /* how soon a set cancel token is seen */
#define KEY_LEN   32
#define STAGE_MAX 4096 /* bytes of its record */
#define RECORD    "record.json"
#define MOUNT     "mount"

struct stage {
	char boot_id[BOOT_ID_SIZE]; /* in which it was staged; "" while it may or may not be */
	char *driver;
	char *volume_id;
	bool is_mount; /* it is a mount, which may have gone since */
};

static const struct field stage_fields[] = {
	FIELD(struct stage, boot_id, "boot_id", F_CHARS, ),
	FIELD(struct stage, driver, "csi_driver", F_STR, ),
	FIELD(struct stage, volume_id, "volume_id", F_STR, ),
	FIELD(struct stage, is_mount, "is_mount", F_BOOL, ),
};
static FIELD_TABLE(stage_table, struct stage, "stage", stage_fields);

/* One call for one entry. */
struct use {
	const struct job *job;
	struct entry *entry;
	struct grpc_conn *conn;
	struct csi csi;
	struct csi_volume volume;
	struct strv context;
	char *target;
	char *stage_dir;
	char *stage_record;
	char *stage_path;
};

static char *stage_dir(const struct volumes *volumes, const struct entry *entry)
{
	auto_free char *key = xasprintf("%s\n%s", entry->driver, entry->volume_id);
	char digest[DIGEST_TEXT_MAX];

	digest_of(key, strlen(key), digest);
	return xasprintf("%s/%.*s", volumes->stage_dir, KEY_LEN, digest + strlen("sha256:"));
}

/* The descriptor's object as keys and values. */
static void read_context(const char *config, struct strv *ret)
{
	auto_(json_free) struct json *json = NULL;
	struct err err;

	if (!config || json_parse(config, strlen(config), &json, &err) < 0)
		return;
	for (const char *key = NULL; (key = json_key_next(json, key));) {
		const char *value = json_get_str(json, key);

		strv_add(ret, key);
		strv_add(ret, value ? value : "");
	}
}

static void use_init(struct use *use, const struct job *job, struct entry *entry)
{
	const struct volume_config *config = &job->volumes->config;

	*use = (struct use){ .job = job, .entry = entry, .conn = grpc_conn_new(entry->socket) };
	use->csi = (struct csi){ .grpc = use->conn,
				 .timeout_ms = config->call_ms ? config->call_ms : CALL_MS,
				 .cancel = job->cancel };
	use->target = job_target(job, entry);
	use->stage_dir = stage_dir(job->volumes, entry);
	use->stage_record = path_join(use->stage_dir, RECORD);
	use->stage_path = path_join(use->stage_dir, MOUNT);
	read_context(entry->config, &use->context);
	use->volume = (struct csi_volume){ .id = entry->volume_id,
					   .stage_path = entry->is_staged ? use->stage_path : NULL,
					   .target_path = use->target,
					   .is_read_only = entry->is_read_only,
					   .context = &use->context };
}

static void use_fini(struct use *use)
{
	grpc_conn_free(use->conn);
	strv_fini(&use->context);
	free(use->target);
	free(use->stage_dir);
	free(use->stage_record);
	free(use->stage_path);
}

/* The same volume, whoever has it. */
static bool shares(const struct entry *entry, const void *arg)
{
	const struct entry *other = arg;

	return entry->kind == VOLUME_CSI && str_eq(entry->driver, other->driver) &&
	       str_eq(entry->volume_id, other->volume_id);
}

/* Waits for whoever has a call for the volume under way. */
static int enter(const struct use *use, struct err *err)
{
	struct volumes *volumes = use->job->volumes;
	int r = 0;

	pthread_mutex_lock(&volumes->lock);
	while (r == 0 && strv_has(&volumes->busy, use->stage_dir)) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += POLL_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&volumes->idle, &volumes->lock, &until);
		if (cancel_is_set(use->job->cancel))
			r = err_set(err, -ECANCELED, "cancelled");
	}
	if (r == 0)
		strv_add(&volumes->busy, use->stage_dir);
	pthread_mutex_unlock(&volumes->lock);
	return r;
}

static void leave(const struct use *use)
{
	struct volumes *volumes = use->job->volumes;
	struct strv rest = { 0 };

	pthread_mutex_lock(&volumes->lock);
	for (size_t i = 0; i < volumes->busy.n; i++)
		if (!str_eq(volumes->busy.items[i], use->stage_dir))
			strv_add(&rest, volumes->busy.items[i]);
	strv_fini(&volumes->busy);
	volumes->busy = rest;
	pthread_cond_broadcast(&volumes->idle);
	pthread_mutex_unlock(&volumes->lock);
}

/* A failed call with who, what and where. */
static int told(const struct use *use, const char *what, struct err *err)
{
	const struct entry *entry = use->entry;

	plugin_doubt(use->job->volumes, entry->driver, err);
	return err_wrap(err, "%s volume %.100s: CSI driver %s at %.100s", what, entry->volume_id,
			entry->driver, entry->socket);
}

static int write_stage(const struct use *use, bool is_staged, struct err *err)
{
	struct stage stage = { .driver = use->entry->driver, .volume_id = use->entry->volume_id };

	if (is_staged) {
		STR_COPY(stage.boot_id, use->job->volumes->boot_id);
		stage.is_mount = is_mount_point(use->stage_path);
	}
	auto_free char *text = fields_format(&stage_table, &stage);
	return file_write_atomic(use->stage_record, text, strlen(text), 0600, err);
}

static bool is_staged_now(const struct use *use)
{
	auto_free char *text = NULL;
	struct stage stage = { 0 };
	struct err err;

	if (file_read(use->stage_record, STAGE_MAX, &text, NULL, &err) < 0 ||
	    fields_parse_text(&stage_table, text, &stage, FIELD_UNKNOWN_IGNORE, &err) < 0)
		return false;
	bool is_there = str_eq(stage.boot_id, use->job->volumes->boot_id) &&
			(!stage.is_mount || is_mount_point(use->stage_path));
	fields_fini(&stage_table, &stage);
	return is_there;
}

static int stage(const struct use *use, struct err *err)
{
	if (!use->entry->is_staged || is_staged_now(use))
		return 0;
	int r = dir_make(use->stage_path, 0700, err);
	if (r == 0)
		r = write_stage(use, false, err);
	if (r == 0)
		r = job_step(use->job, err);
	if (r < 0)
		return r;
	r = csi_stage(&use->csi, &use->volume, err);
	if (r < 0)
		return told(use, "stage", err);
	r = job_step(use->job, err);
	return r < 0 ? r : write_stage(use, true, err);
}

static int publish(const struct use *use, struct err *err)
{
	struct entry *entry = use->entry;
	int r = job_make_dir(use->job, err);

	if (r == 0)
		r = job_step(use->job, err);
	if (r < 0)
		return r;
	r = csi_publish(&use->csi, &use->volume, err);
	if (r < 0)
		return told(use, "publish", err);
	if (!path_exists(use->target)) {
		err_set(err, -EIO, "it says that it has published, but there is nothing");
		return told(use, "publish", err);
	}
	r = job_step(use->job, err);
	if (r < 0)
		return r;
	entry->is_published = true;
	entry->is_mount = is_mount_point(use->target);
	return record_write(use->job, err);
}

/* Where the driver is now, if it is configured; else where it was. */
static void find_socket(const struct job *job, struct entry *entry)
{
	const struct volumes *volumes = job->volumes;

	for (size_t i = 0; i < volumes->n_plugins; i++) {
		const struct plugin *plugin = &volumes->plugins[i];

		if (!str_eq(plugin->name, entry->driver) || str_eq(plugin->socket, entry->socket))
			continue;
		free(entry->socket);
		entry->socket = xstrdup(plugin->socket);
	}
}

int driver_describe(const struct job *job, const struct sla_volume *wish, struct entry *ret,
		    struct err *err)
{
	struct plugin plugin;
	int r = plugin_find(job->volumes, wish->csi_driver, job->cancel, &plugin, err);

	if (r < 0)
		return err_wrap(err, "volume %.100s", wish->volume_id);
	ret->driver = xstrdup(wish->csi_driver);
	ret->socket = xstrdup(plugin.socket);
	ret->config = xstrdup(wish->config);
	ret->is_staged = plugin.has_stage;
	return 0;
}

/* Somebody may have unmounted it. */
static bool is_there(const struct job *job, const struct entry *entry)
{
	auto_free char *target = job_target(job, entry);

	return entry->is_mount ? is_mount_point(target) : path_exists(target);
}

int driver_publish(const struct job *job, struct entry *entry, struct err *err)
{
	struct plugin plugin;
	struct use use;

	if (entry->is_published && is_there(job, entry))
		return 0;
	find_socket(job, entry);
	int r = plugin_find(job->volumes, entry->driver, job->cancel, &plugin, err);
	if (r < 0)
		return err_wrap(err, "volume %.100s", entry->volume_id);
	use_init(&use, job, entry);
	use.volume.is_multi_writer = plugin.has_multi_writer;
	r = enter(&use, err);
	if (r == 0) {
		r = stage(&use, err);
		if (r == 0)
			r = publish(&use, err);
		leave(&use);
	}
	use_fini(&use);
	return r;
}

/* On disk first: a crash in between must not leave it as published. */
static int unpublish(const struct use *use, struct err *err)
{
	struct entry *entry = use->entry;
	int r = 0;

	if (entry->is_published) {
		entry->is_published = false;
		r = record_write(use->job, err);
	}
	if (r == 0)
		r = job_step(use->job, err);
	if (r < 0)
		return r;
	r = csi_unpublish(&use->csi, &use->volume, err);
	if (r < 0)
		return told(use, "unpublish", err);
	r = job_step(use->job, err);
	if (r < 0)
		return r;
	if (is_mount_point(use->target)) {
		err_set(err, -EBUSY, "it says that it has unpublished, but %.200s is still mounted",
			use->target);
		return told(use, "unpublish", err);
	}
	/* The driver was to remove it. */
	if (rmdir(use->target) < 0 && errno != ENOENT)
		return err_errno(err, "remove %s", use->target);
	return job_step(use->job, err);
}

static int unstage(const struct use *use, struct err *err)
{
	struct volumes *volumes = use->job->volumes;

	pthread_mutex_lock(&volumes->lock);
	const char *user = records_find(volumes, shares, use->entry, use->entry);
	pthread_mutex_unlock(&volumes->lock);
	if (user || !path_exists(use->stage_dir))
		return 0;
	int r = path_exists(use->stage_record) ? write_stage(use, false, err) : 0;
	if (r == 0)
		r = job_step(use->job, err);
	if (r < 0)
		return r;
	r = csi_unstage(&use->csi, &use->volume, err);
	if (r < 0)
		return told(use, "unstage", err);
	if (is_mount_point(use->stage_path)) {
		err_set(err, -EBUSY, "it says that it has unstaged, but %.200s is still mounted",
			use->stage_path);
		return told(use, "unstage", err);
	}
	r = job_step(use->job, err);
	return r < 0 ? r : path_remove(use->stage_dir, err);
}

int driver_withdraw(const struct job *job, struct entry *entry, struct err *err)
{
	struct use use;

	find_socket(job, entry);
	use_init(&use, job, entry);
	int r = enter(&use, err);
	if (r == 0) {
		r = unpublish(&use, err);
		if (r == 0 && entry->is_staged)
			r = unstage(&use, err);
		leave(&use);
	}
	use_fini(&use);
	return r;
}
