/* Volumes on a node: named ones that it keeps, paths of the host, and those of CSI drivers.
 *
 * What an instance has is a record on disk, written before each step towards it and away from it. So
 * whatever is interrupted is only repeated: prepare makes the record and the mounts equal to the wish,
 * release is the same for an empty wish, and CSI's calls are idempotent. After a reboot nothing counts
 * as mounted.
 *
 * Below the data folder: volumes/NAME/data are named volumes; mounts/records/ID.json is what instance
 * ID has, mounts/targets/ID/SLOT where it is mounted for it; mounts/stages/KEY is what its instances
 * share of one CSI volume.
 *
 * Blocking, for executor threads; one call per instance at a time, any number for different ones. */
#ifndef HOLM_VOLUME_VOLUME_H
#define HOLM_VOLUME_VOLUME_H

#include "base/base.h"
#include "base/id.h"
#include "model/volume.h"

struct cancel; /* loop/loop.h */
struct volumes;

struct volume_config {
	const char *data_dir;   /* the worker's */
	const char *host_root;  /* host paths below it may be mounted; NULL: none */
	const struct strv *csi; /* "NAME=/path/of/csi.sock"; may be NULL */
	uint32_t call_ms;       /* most time for a call to a driver; 0: a minute */
	/* Tests: asked before each step; true ends the call there, as a crash would. */
	bool (*is_crash)(void *arg);
	void *arg;
};

/* Reads the records; strings of the configuration are borrowed. -EINVAL for a driver that is not
 * NAME=PATH, and for a host_root that is no folder. */
int volumes_open(const struct volume_config *config, struct volumes **ret, struct err *err);
/* Memory only. */
struct volumes *volumes_close(struct volumes *volumes);
DEFINE_AUTO(volumes_close, struct volumes *)

/* Instances that have something here. */
void volumes_holders(struct volumes *volumes, struct strv *ret);

struct volume_wish {
	const char *instance_id;
	const struct sla_volume *volumes;
	size_t n;
	const struct cancel *cancel;
};

/* One to be mounted into the container. */
struct volume_mount {
	char *source;
	char *target;
	bool is_read_only;
};
struct volume_mounts {
	struct volume_mount *items;
	size_t n;
};
void volume_mounts_fini(struct volume_mounts *mounts);

/* Makes what the instance has equal to the wish, and tells what to mount, in the order of the wish.
 * On failure some of it may be there: repeat it, or release. */
int volume_prepare(struct volumes *volumes, const struct volume_wish *wish,
		   struct volume_mounts *ret, struct err *err);
/* Takes away all that it has; nothing there is success. */
int volume_release(struct volumes *volumes, const char *instance_id, const struct cancel *cancel,
		   struct err *err);
/* What the instance has of these already, where it is; nothing is done for it. Does not block. */
void volume_find_mounts(struct volumes *volumes, const struct volume_wish *wish,
			struct volume_mounts *ret);
/* Whether a driver has a part in it, so that the call may take long. */
bool volume_needs_driver(struct volumes *volumes, const struct volume_wish *wish);

struct volume_info {
	struct strv drivers;  /* of CSI, that answer */
	struct strv problems; /* "csi NAME: why" */
	struct strv names;    /* of named volumes */
};
void volume_info_fini(struct volume_info *info);
/* Asks every driver. */
void volume_probe(struct volumes *volumes, const struct cancel *cancel, struct volume_info *ret);

/* Named volumes. */
struct volume_named {
	char *name;
	char *path;          /* of its files */
	uint64_t created_ms; /* unix time */
	struct strv users;   /* ids of instances */
};
struct volume_list {
	struct volume_named *items;
	size_t n;
};
void volume_list_fini(struct volume_list *list);

/* The folder of its files belongs to this user and group, mode 0755; made at first use, to root.
 * -EEXIST, -EINVAL. */
int volume_create(struct volumes *volumes, const char *name, uid_t uid, gid_t gid, struct err *err);
/* By name. */
int volume_list(struct volumes *volumes, struct volume_list *ret, struct err *err);
/* -ENOENT; -EBUSY with `ret_user`, the id of an instance that has it. */
int volume_remove(struct volumes *volumes, const char *name, char ret_user[ID_SIZE],
		  struct err *err);

#endif
