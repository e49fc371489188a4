/* Kinds of volumes and the rules for each. */
#include "base/base.h"
#include "model/volume.h"

#define TARGET_MAX 1024 /* bytes of a path in the container */
#define CSI_TARGET "/mnt/csi/"

const char *const volume_kind_names[] = { "named", "host", "csi", NULL };
static_assert(ARRAY_LEN(volume_kind_names) == VOLUME_KIND_N + 1, "a name per kind");

enum volume_kind volume_kind(const struct sla_volume *volume)
{
	if (!str_is_empty(volume->csi_driver))
		return VOLUME_CSI;
	return str_is_empty(volume->host_path) ? VOLUME_NAMED : VOLUME_HOST;
}

bool volume_name_is_valid(const char *name)
{
	static const char alnum[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = name ? strlen(name) : 0;

	if (len < 1 || len > VOLUME_NAME_MAX || !strchr(alnum, name[0]))
		return false;
	for (const char *p = name; *p; p++)
		if (!strchr(alnum, *p) && !strchr("._-", *p))
			return false;
	return true;
}

char *volume_target(const struct sla_volume *volume)
{
	if (!str_is_empty(volume->mount_path))
		return xstrdup(volume->mount_path);
	return xasprintf(CSI_TARGET "%s", volume->volume_id);
}

bool volume_unikernel_takes(const char *target)
{
	return !target[strcspn(target, ":[]\"' \t\n")];
}

static bool flaw(struct volume_flaw *ret, const char *field, const char *expected,
		 const char *value)
{
	*ret = (struct volume_flaw){ field, expected, value ? value : "" };
	return true;
}

/* Absolute, and the same path whoever reads it. */
static bool is_plain_path(const char *path)
{
	auto_strv struct strv parts = { 0 };

	if (!path || *path != '/' || strlen(path) > TARGET_MAX)
		return false;
	strv_split(&parts, path, "/");
	return !strv_has(&parts, ".") && !strv_has(&parts, "..");
}

static bool has_target_flaw(const struct sla_volume *v, struct volume_flaw *ret)
{
	static const char *const taken[] = { "/proc", "/sys", "/dev" };
	const char *path = v->mount_path;

	if (str_is_empty(path)) {
		if (volume_kind(v) == VOLUME_CSI && volume_name_is_valid(v->volume_id))
			return false;
		return flaw(ret, "mount_path", "a path in the container", path);
	}
	if (!is_plain_path(path))
		return flaw(ret, "mount_path", "an absolute path without \".\" and \"..\"", path);
	if (strspn(path, "/") == strlen(path))
		return flaw(ret, "mount_path", "another path than the root", path);
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (str_eq(path, taken[i]) || path_is_below(path, taken[i]))
			return flaw(ret, "mount_path", "a path outside of /proc, /sys and /dev",
				    path);
	return false;
}

/* The driver gets it as a map from text to text. */
static bool has_config_flaw(const struct sla_volume *v, struct volume_flaw *ret)
{
	auto_(json_free) struct json *config = NULL;
	struct err err;

	if (!v->config)
		return false;
	if (*v->config != '{' || json_parse(v->config, strlen(v->config), &config, &err) < 0)
		return flaw(ret, "config", "an object", v->config);
	if (strlen(v->config) > VOLUME_CONFIG_MAX)
		return flaw(ret, "config", "at most 4096 bytes", "more");
	if (json_count(config) && volume_kind(v) != VOLUME_CSI)
		return flaw(ret, "config", "nothing without csi_driver", v->config);
	for (const char *key = NULL; (key = json_key_next(config, key));)
		if (!json_is_string(json_get(config, key)))
			return flaw(ret, "config", "texts as values", v->config);
	return false;
}

static bool has_csi_flaw(const struct sla_volume *v, struct volume_flaw *ret)
{
	if (!str_is_empty(v->host_path))
		return flaw(ret, "host_path", "nothing beside csi_driver", v->host_path);
	if (str_is_empty(v->volume_id) || strlen(v->volume_id) > VOLUME_ID_MAX)
		return flaw(ret, "volume_id", "1 to 256 bytes", v->volume_id);
	return false;
}

static bool has_host_flaw(const struct sla_volume *v, struct volume_flaw *ret)
{
	if (!is_plain_path(v->host_path))
		return flaw(ret, "host_path", "an absolute path without \".\" and \"..\"",
			    v->host_path);
	return false;
}

static bool has_name_flaw(const struct sla_volume *v, struct volume_flaw *ret)
{
	if (volume_name_is_valid(v->volume_id))
		return false;
	return flaw(ret, "volume_id",
		    "a name of 1 to 63 letters, digits, \".\", \"-\" and \"_\" that begins with a "
		    "letter or digit",
		    v->volume_id);
}

bool volume_find_flaw(const struct sla_volume *volume, struct volume_flaw *ret)
{
	static bool (*const of_kind[VOLUME_KIND_N])(const struct sla_volume *,
						    struct volume_flaw *) = {
		[VOLUME_NAMED] = has_name_flaw,
		[VOLUME_HOST] = has_host_flaw,
		[VOLUME_CSI] = has_csi_flaw,
	};

	return has_config_flaw(volume, ret) || of_kind[volume_kind(volume)](volume, ret) ||
	       has_target_flaw(volume, ret);
}
