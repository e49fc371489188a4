/* Proofs are kept: what worked works again with the same program, containerd and kernel. */
#include <sys/stat.h>

#include "base/base.h"
#include "json/json.h"
#include "runtime/containerd/caps.h"

#define FILE_MAX ((size_t)64 << 10)

struct kept {
	char *name;
	char *key;
	struct strv can;
};

struct cache {
	struct kept *items;
	size_t n;
};

static const struct field kept_fields[] = {
	FIELD(struct kept, name, "name", F_STR, .flags = F_REQUIRED),
	FIELD(struct kept, key, "key", F_STR, .flags = F_REQUIRED),
	FIELD(struct kept, can, "can", F_STRV),
};
static FIELD_TABLE(kept_table, struct kept, "probe", kept_fields);

static const struct field cache_fields[] = {
	FIELD_ARRAY(struct cache, items, n, "probes", &kept_table, .max = 64, .flags = F_REQUIRED),
};
static FIELD_TABLE(cache_table, struct cache, "probes", cache_fields);

char *caps_cache_key(const struct oci_runtime *runtime, const char *circumstances)
{
	auto_free char *flags = strv_join(&runtime->flags, " ");
	char boot_id[BOOT_ID_SIZE];
	struct stat st;

	proc_boot_id(boot_id);
	if (stat(runtime->path, &st) < 0)
		return NULL;
	return xasprintf("%s %s; %lld.%09ld %lld; %s; %s", runtime->path, flags,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_size,
			 boot_id, circumstances);
}

void caps_cache_read(const char *path, const char *circumstances, struct oci_runtimes *runtimes)
{
	struct cache cache = { 0 };
	auto_free char *text = NULL;
	struct err ignored;

	if (file_read(path, FILE_MAX, &text, NULL, &ignored) < 0 ||
	    fields_parse_text(&cache_table, text, &cache, FIELD_UNKNOWN_IGNORE, &ignored) < 0)
		return;
	for (size_t i = 0; i < cache.n; i++) {
		struct oci_runtime *r = oci_runtimes_find(runtimes, cache.items[i].name);
		auto_free char *key = r ? caps_cache_key(r, circumstances) : NULL;

		if (!key || r->proof != PROOF_NONE || !str_eq(key, cache.items[i].key))
			continue;
		r->proof = PROOF_WORKS;
		strv_fini(&r->can);
		strv_copy(&r->can, &cache.items[i].can);
	}
	fields_fini(&cache_table, &cache);
}

void caps_cache_write(const char *path, const char *circumstances,
		      const struct oci_runtimes *runtimes)
{
	struct cache cache = { 0 };
	struct err err;

	for (size_t i = 0; i < runtimes->n; i++) {
		const struct oci_runtime *r = &runtimes->items[i];
		char *key = r->proof == PROOF_WORKS ? caps_cache_key(r, circumstances) : NULL;

		if (!key)
			continue;
		struct kept *kept = ARRAY_ADD(cache.items, cache.n);
		*kept = (struct kept){ .name = xstrdup(r->name), .key = key };
		strv_copy(&kept->can, &r->can);
	}
	auto_free char *text = fields_format(&cache_table, &cache);
	if (file_replace(path, text, &err) < 0)
		log_debug("keep what was probed: %s", err.msg);
	fields_fini(&cache_table, &cache);
}
