/* Volumes of a descriptor: which of the three kinds one is, and what is wrong with it.
 *
 * Named: a folder of the node's that Holm keeps. Host: a path of the node's own, below a root that the
 * node allows. CSI: of a storage driver that runs on the node. */
#ifndef HOLM_MODEL_VOLUME_H
#define HOLM_MODEL_VOLUME_H

#include "model/sla.h"

#define VOLUME_NAME_MAX   63
#define VOLUME_ID_MAX     256  /* bytes; also what the CSI specification asks drivers to take */
#define VOLUME_CONFIG_MAX 4096 /* bytes of all of it, by the CSI specification */

enum volume_kind { VOLUME_NAMED, VOLUME_HOST, VOLUME_CSI, VOLUME_KIND_N };
extern const char *const volume_kind_names[]; /* named, host, csi; ended by NULL */

enum volume_kind volume_kind(const struct sla_volume *volume);
/* A letter or digit, then up to 62 letters, digits, dots, dashes and underscores. */
bool volume_name_is_valid(const char *name);
/* Where it appears in the container; the caller's. Without mount_path, which only CSI's may lack, it
 * is Oakestra's /mnt/csi/VOLUME_ID. */
char *volume_target(const struct sla_volume *volume);
/* Whether it is a place for a unikernel, whose table of mounts has blanks, colons, quotes and brackets
 * between its fields. */
bool volume_unikernel_takes(const char *target);

/* What is wrong with a volume: "volumes[0].FIELD: expected EXPECTED, got VALUE". */
struct volume_flaw {
	const char *field;
	const char *expected;
	const char *value; /* of the descriptor, or a constant */
};
/* False if nothing is. */
bool volume_find_flaw(const struct sla_volume *volume, struct volume_flaw *ret);

#endif
