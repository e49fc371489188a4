/* Which OCI runtimes there are, and how each is called. */
#include "base/base.h"
#include "json/json.h"
#include "runtime/containerd/runtimes.h"

#define FILE_MAX     ((size_t)64 << 10)
#define RUNTIMES_MAX 32
#define FLAGS_MAX    64
#define NAME_LEN_MAX 64
#define SCRIPT_MODE  0755

/* Debian's runsc cannot use its own network stack on current kernels, and its other platforms need
 * hardware or a newer build. Inside the instance's network namespace this is as good as runc's. */
static const struct {
	const char *name;
	const char *flags;
} known[] = {
	{ "runc", "" },
	{ "crun", "" },
	{ "runsc", "--network=host --platform=ptrace" },
	{ "youki", "" },
};

/* One of the file's. */
struct entry {
	char *name;
	char *path;
	struct strv flags;
};

struct config {
	struct entry *entries;
	size_t n;
};

static const struct field entry_fields[] = {
	FIELD(struct entry, name, "name", F_STR, .max = NAME_LEN_MAX, .flags = F_REQUIRED),
	FIELD(struct entry, path, "path", F_STR, .max = 4096),
	FIELD(struct entry, flags, "flags", F_STRV, .max = FLAGS_MAX),
};
static FIELD_TABLE(entry_table, struct entry, "runtime", entry_fields);

static const struct field config_fields[] = {
	FIELD_ARRAY(struct config, entries, n, "runtimes", &entry_table, .max = RUNTIMES_MAX,
		    .flags = F_REQUIRED),
};
static FIELD_TABLE(config_table, struct config, "runtimes", config_fields);

void oci_runtimes_fini(struct oci_runtimes *runtimes)
{
	for (size_t i = 0; i < runtimes->n; i++) {
		struct oci_runtime *r = &runtimes->items[i];

		free(r->name);
		free(r->path);
		strv_fini(&r->flags);
		free(r->binary);
		strv_fini(&r->can);
		free(r->problem);
	}
	free(runtimes->items);
	*runtimes = (struct oci_runtimes){ 0 };
}

/* The caller's path, or NULL. */
static char *find_program(const char *name)
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					    "/usr/bin",        "/sbin",          "/bin" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		char *path = path_join(dirs[i], name);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static void add_known(struct oci_runtimes *runtimes)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		char *path = find_program(known[i].name);

		if (!path)
			continue;
		struct oci_runtime *r = ARRAY_ADD(runtimes->items, runtimes->n);
		*r = (struct oci_runtime){ .name = xstrdup(known[i].name), .path = path };
		strv_split(&r->flags, known[i].flags, " ");
	}
}

/* A script's name is made of it. */
static int check_name(const char *name, struct err *err)
{
	static const char *const taken[] = { "docker", "container", "unikernel" };

	if (!*name || *name == '.' || *name == '-' ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-")])
		return err_set(err, -EINVAL,
			       "runtime \"%.64s\": expected small letters, digits, dots, hyphens "
			       "and underscores",
			       name);
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (str_eq(name, taken[i]))
			return err_set(err, -EINVAL, "runtime %s: the name is taken", name);
	return 0;
}

static int add_entry(struct oci_runtimes *runtimes, struct entry *entry, struct err *err)
{
	struct oci_runtime *r = oci_runtimes_find(runtimes, entry->name);
	int rc = check_name(entry->name, err);

	if (rc < 0)
		return rc;
	if (entry->path && *entry->path != '/')
		return err_set(err, -EINVAL, "runtime %s: path %.200s is not absolute", entry->name,
			       entry->path);
	char *path = entry->path ? TAKE(entry->path) : find_program(entry->name);
	if (!path)
		return err_set(err, -ENOENT, "runtime %s: no such program is installed",
			       entry->name);
	if (!r) {
		r = ARRAY_ADD(runtimes->items, runtimes->n);
		*r = (struct oci_runtime){ .name = xstrdup(entry->name) };
	}
	free(r->path);
	r->path = path;
	strv_fini(&r->flags);
	r->flags = entry->flags;
	entry->flags = (struct strv){ 0 };
	return 0;
}

static int add_configured(const char *path, struct oci_runtimes *runtimes, struct err *err)
{
	struct config config = { 0 };
	auto_free char *text = NULL;
	int r = file_read(path, FILE_MAX, &text, NULL, err);

	if (r < 0)
		return r;
	r = fields_parse_text(&config_table, text, &config, FIELD_UNKNOWN_ERROR, err);
	for (size_t i = 0; r == 0 && i < config.n; i++)
		r = add_entry(runtimes, &config.entries[i], err);
	fields_fini(&config_table, &config);
	return r < 0 ? err_wrap(err, "%s", path) : 0;
}

/* In single quotes, where only those mean something to a shell. */
static void add_quoted(struct buf *out, const char *word)
{
	buf_add_str(out, " '");
	for (; *word; word++)
		buf_addf(out, *word == '\'' ? "'\\''" : "%c", *word);
	buf_add_str(out, "'");
}

static int write_script(struct oci_runtime *runtime, const char *dir, struct err *err)
{
	auto_buf struct buf text;

	buf_init(&text, FILE_MAX);
	buf_add_str(&text, "#!/bin/sh\nexec");
	add_quoted(&text, runtime->path);
	for (size_t i = 0; i < runtime->flags.n; i++)
		add_quoted(&text, runtime->flags.items[i]);
	buf_add_str(&text, " \"$@\"\n");
	runtime->binary = xasprintf("%s/%s-holm", dir, runtime->name);
	return file_write_atomic(runtime->binary, text.data, text.len, SCRIPT_MODE, err);
}

/* Of runc as it is installed containerd knows best. */
static int choose_binary(struct oci_runtime *runtime, const char *dir, struct err *err)
{
	auto_free char *usual = find_program("runc");

	if (runtime->flags.n)
		return write_script(runtime, dir, err);
	if (!str_eq(runtime->name, "runc") || !str_eq(runtime->path, usual))
		runtime->binary = xstrdup(runtime->path);
	return 0;
}

int oci_runtimes_load(const char *path, const char *dir, struct oci_runtimes *ret, struct err *err)
{
	struct oci_runtimes runtimes = { 0 };
	int r = 0;

	add_known(&runtimes);
	if (path && path_exists(path))
		r = add_configured(path, &runtimes, err);
	for (size_t i = 0; r == 0 && i < runtimes.n; i++)
		r = choose_binary(&runtimes.items[i], dir, err);
	if (r < 0) {
		oci_runtimes_fini(&runtimes);
		return r;
	}
	*ret = runtimes;
	return 0;
}

struct oci_runtime *oci_runtimes_find(const struct oci_runtimes *runtimes, const char *word)
{
	const char *name = str_is_empty(word) || str_eq(word, "docker") ? "runc" : word;

	for (size_t i = 0; i < runtimes->n; i++)
		if (str_eq(runtimes->items[i].name, name))
			return &runtimes->items[i];
	return NULL;
}

void oci_runtime_words(const struct oci_runtime *runtime, struct strv *ret)
{
	if (str_eq(runtime->name, "runc"))
		strv_add(ret, "docker");
	strv_add(ret, runtime->name);
}
