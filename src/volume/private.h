/* Private: records, steps, and the three kinds. */
#ifndef HOLM_VOLUME_PRIVATE_H
#define HOLM_VOLUME_PRIVATE_H

#include <pthread.h>

#include "base/proc.h"
#include "json/json.h"
#include "volume/volume.h"

#define ENTRIES_MAX 1000 /* of a record, when it is read */

/* One volume of one instance: there as soon as anything of it may be. */
struct entry {
	int kind; /* enum volume_kind */
	char *volume_id;
	char *driver;
	char *socket; /* of the driver, so that it is found when its configuration is gone */
	char *host_path;
	char *config;
	bool is_read_only;
	bool is_staged;    /* CSI: the driver stages: what it shares has to go with the last user */
	bool is_published; /* CSI: in the boot of the record */
	bool is_mount;     /* CSI: published as a mount, which may have gone since */
	uint32_t slot;     /* its folder below targets/ID */
};

struct record {
	char boot_id[BOOT_ID_SIZE];
	uint32_t next_slot;
	struct entry *entries;
	size_t n;
};

struct plugin {
	const char *name;
	const char *socket;
	bool is_ok;
	char node_id[257];
	bool has_stage;
	bool has_multi_writer;
	char problem[ERR_MSG_MAX]; /* "" or why it is not ok */
};

struct volumes {
	struct volume_config config;
	char *named_dir;
	char *record_dir;
	char *target_dir;
	char *stage_dir;
	char *host_root; /* resolved, or NULL */
	char boot_id[BOOT_ID_SIZE];
	struct plugin *plugins;
	size_t n_plugins;
	pthread_mutex_t lock; /* guards what follows, plugins' results, and names coming and going */
	struct map records; /* instance id → struct record, whose entries only its call changes */
	struct strv busy;   /* staged volumes on which a call is under way */
	pthread_cond_t idle;
};

/* One call for one instance. */
struct job {
	struct volumes *volumes;
	const char *instance_id;
	struct record *record;
	const struct cancel *cancel;
};

/* volume.c: between two steps; fails when cancelled. */
int job_step(const struct job *job, struct err *err);
/* Where the entry is mounted; the caller's. */
char *job_target(const struct job *job, const struct entry *entry);
/* Its folder is made. */
int job_make_dir(const struct job *job, struct err *err);

/* record.c */
int records_read(struct volumes *volumes, struct err *err);
void records_free(struct volumes *volumes);
void entry_fini(struct entry *entry);
/* On disk before it returns; without entries it is removed. */
int record_write(const struct job *job, struct err *err);
/* The record of the instance, made in memory if it has none. */
struct record *record_get(struct volumes *volumes, const char *instance_id);
/* From memory, unless it has entries. */
void record_drop(struct volumes *volumes, const char *instance_id);
/* Takes `add`; the entry stays where it is until the next add or remove. */
struct entry *record_add(const struct job *job, struct entry *add);
void record_remove(const struct job *job, struct entry *entry);
/* An instance with an entry for which `is_it` is true, but for `except`; lock held. */
const char *records_find(struct volumes *volumes, bool (*is_it)(const struct entry *, const void *),
			 const void *arg, const struct entry *except);

/* named.c */
char *named_files(const struct volumes *volumes, const char *name);
int named_ensure(const struct job *job, const char *name, char **ret_path, struct err *err);
/* What a removal that was interrupted has left; without the lock, since it may take long. */
void named_clean(struct volumes *volumes);
/* Lock held. */
void named_names(struct volumes *volumes, struct strv *ret);

/* host.c */
int host_open_root(struct volumes *volumes, struct err *err);
int host_mount(const struct job *job, const struct entry *entry, struct err *err);
/* Nothing there is success. */
int host_unmount(const struct job *job, const struct entry *entry, struct err *err);
/* Whether something is mounted there; what cannot be looked at (a dead FUSE) counts. */
bool is_mount_point(const char *path);

/* plugin.c: drivers as configured. */
int plugins_open(struct volumes *volumes, struct err *err);
void plugins_close(struct volumes *volumes);
void plugins_probe(struct volumes *volumes, const struct cancel *cancel, struct volume_info *ret);
/* A copy of what is known of a driver that works, asked now unless it has answered before. */
int plugin_find(struct volumes *volumes, const char *name, const struct cancel *cancel,
		struct plugin *ret, struct err *err);
/* It did not answer: it is asked again before the next use. */
void plugin_doubt(struct volumes *volumes, const char *name, const struct err *err);

/* csi.c */
int driver_describe(const struct job *job, const struct sla_volume *wish, struct entry *ret,
		    struct err *err);
int driver_publish(const struct job *job, struct entry *entry, struct err *err);
int driver_withdraw(const struct job *job, struct entry *entry, struct err *err);

#endif
