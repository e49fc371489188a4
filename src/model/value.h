/* Secrets and configuration objects, together called values: names, and how a service asks for
 * them. */
#ifndef HOLM_MODEL_VALUE_H
#define HOLM_MODEL_VALUE_H

#include "model/sla.h"

#define VALUE_SIZE_MAX     (1u << 20)   /* bytes of one */
#define VALUE_ENV_SIZE_MAX (128u << 10) /* of one in the environment, name included (execve(2)) */
#define VALUE_NAME_MAX     63
#define VALUE_REFS_MAX     32 /* of each kind in one service */

/* Folders that an instance sees as a whole, so that what is in them can change while it runs. */
#define VALUE_DIR_SECRETS "/run/secrets"
#define VALUE_DIR_CONFIGS "/run/configs"

enum value_kind { VALUE_SECRET, VALUE_CONFIG, VALUE_KIND_N };
extern const char *const value_kind_names[]; /* "secret", "config"; ended by NULL */

extern const struct field_table sla_value_table;

/* [a-zA-Z0-9._-]{1,63}, and neither "." nor "..". */
bool value_name_is_valid(const char *name);

/* What a service asks for of a kind. */
const struct sla_value *value_refs(const struct service_spec *spec, enum value_kind kind,
				   size_t *ret_n);
bool value_is_wanted(const struct service_spec *spec, enum value_kind kind, const char *name);

/* Fills in files and modes that are implied; a unikernel's files have none that matter. */
void value_refs_complete(struct service_spec *spec);

/* What is wrong with the first wrong one. */
struct value_fault {
	char field[48];       /* "secrets[0].file" */
	const char *expected; /* const text */
	const char *value;    /* borrowed from the spec */
};
bool value_refs_are_good(const struct service_spec *spec, struct value_fault *ret);
/* A unikernel has its files by whole folders, mounted over what the image has there. */
#define VALUE_MODE_UNIKERNEL 0444
/* The topmost folder of the service's files in which this one is; the caller's. */
char *value_unikernel_dir(const struct service_spec *spec, const struct sla_value *ref);
bool value_has_files(const struct service_spec *spec);

/* Of a checked reference. */
unsigned value_mode(const struct sla_value *ref);
/* Path below the folder that instances see as a whole, with *ret_dir that folder; NULL for a file
 * elsewhere. */
const char *value_path_in_dir(const char *file, const char **ret_dir);

#endif
