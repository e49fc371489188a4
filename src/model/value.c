/* How a service asks for secrets and configuration objects. */
#include "base/base.h"
#include "model/value.h"
#include "model/volume.h"

#define LETTERS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define FILE_MAX 255

const char *const value_kind_names
	[] = { [VALUE_SECRET] = "secret", [VALUE_CONFIG] = "config", [VALUE_KIND_N] = NULL };

#define S(member, ...) FIELD(struct sla_value, member, #member, __VA_ARGS__)
static const struct field value_fields[] = {
	S(name, F_STR, .max = VALUE_NAME_MAX, .flags = F_REQUIRED,
	  .help = "Holm: of the secret or configuration object"),
	S(file, F_STR, .max = FILE_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: absolute path in the container; without `file` and `env`: "
		  "`" VALUE_DIR_SECRETS "/NAME` or `" VALUE_DIR_CONFIGS "/NAME`. Below these two "
		  "folders a file changes with the value, elsewhere at the next start"),
	S(env, F_STR, .max = FILE_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: name of an environment variable, instead of a file"),
	S(mode, F_STR, .max = 4, .flags = F_OMIT_EMPTY,
	  .help = "Holm: of the file, octal; without: `0400` for secrets, `0444` for "
		  "configuration"),
	S(uid, F_U32, .flags = F_OMIT_EMPTY, .help = "Holm: owner of the file"),
	S(gid, F_U32, .flags = F_OMIT_EMPTY, .help = "Holm: group of the file"),
};
FIELD_TABLE(sla_value_table, struct sla_value, "value", value_fields);

bool value_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= VALUE_NAME_MAX && strspn(name, LETTERS "0123456789._-") == len &&
	       !str_eq(name, ".") && !str_eq(name, "..");
}

const struct sla_value *value_refs(const struct service_spec *spec, enum value_kind kind,
				   size_t *ret_n)
{
	*ret_n = kind == VALUE_SECRET ? spec->n_secrets : spec->n_configs;
	return kind == VALUE_SECRET ? spec->secrets : spec->configs;
}

bool value_is_wanted(const struct service_spec *spec, enum value_kind kind, const char *name)
{
	size_t n;
	const struct sla_value *refs = value_refs(spec, kind, &n);

	for (size_t i = 0; i < n; i++)
		if (str_eq(refs[i].name, name))
			return true;
	return false;
}

/* `mode` NULL: none. */
static void complete(struct sla_value *refs, size_t n, const char *dir, const char *mode)
{
	for (size_t i = 0; i < n; i++) {
		if (!refs[i].file && !refs[i].env)
			refs[i].file = path_join(dir, refs[i].name);
		if (refs[i].file && !refs[i].mode && mode)
			refs[i].mode = xstrdup(mode);
	}
}

void value_refs_complete(struct service_spec *spec)
{
	bool has_modes = !spec_is_unikernel(spec);

	complete(spec->secrets, spec->n_secrets, VALUE_DIR_SECRETS, has_modes ? "0400" : NULL);
	complete(spec->configs, spec->n_configs, VALUE_DIR_CONFIGS, has_modes ? "0444" : NULL);
}

/* Absolute, and each part a name. */
static bool is_clean_path(const char *path)
{
	if (*path != '/')
		return false;
	for (const char *p = path; *p;) {
		size_t len = strcspn(++p, "/");

		if (!len || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += len;
	}
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static bool is_in(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || !path[len]);
}

static bool is_file_good(const char *file)
{
	return is_clean_path(file) && !is_in(file, "/proc") && !is_in(file, "/sys") &&
	       !is_in(file, "/dev") && !str_eq(file, VALUE_DIR_SECRETS) &&
	       !str_eq(file, VALUE_DIR_CONFIGS);
}

static bool is_env_good(const char *name)
{
	size_t len = strlen(name);

	return strspn(name, LETTERS "0123456789_") == len && strspn(name, LETTERS "_") > 0;
}

static bool is_mode_good(const char *mode)
{
	size_t len = strlen(mode);

	return strspn(mode, "01234567") == len && (len == 3 || (len == 4 && mode[0] == '0'));
}

unsigned value_mode(const struct sla_value *ref)
{
	unsigned mode = 0;

	for (const char *p = ref->mode ? ref->mode : ""; *p; p++)
		mode = mode * 8 + (unsigned)(*p - '0');
	return mode;
}

const char *value_path_in_dir(const char *file, const char **ret_dir)
{
	static const char *const dirs[] = { VALUE_DIR_SECRETS, VALUE_DIR_CONFIGS };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		if (!is_in(file, dirs[i]))
			continue;
		*ret_dir = dirs[i];
		return file + strlen(dirs[i]) + 1;
	}
	return NULL;
}

/* Of one file alone; the caller's. */
static char *dir_of(const char *file)
{
	const char *dir = NULL;

	if (value_path_in_dir(file, &dir))
		return xstrdup(dir);
	return xstrndup(file, (size_t)(strrchr(file, '/') - file));
}

char *value_unikernel_dir(const struct service_spec *spec, const struct sla_value *ref)
{
	char *top = dir_of(ref->file);

	for (enum value_kind kind = 0; kind < VALUE_KIND_N; kind++) {
		size_t n;
		const struct sla_value *refs = value_refs(spec, kind, &n);

		for (size_t i = 0; i < n; i++) {
			auto_free char *dir = refs[i].file ? dir_of(refs[i].file) : NULL;

			if (dir && strlen(dir) < strlen(top) && is_in(top, dir))
				top[strlen(dir)] = '\0';
		}
	}
	return top;
}

bool value_has_files(const struct service_spec *spec)
{
	for (enum value_kind kind = 0; kind < VALUE_KIND_N; kind++) {
		size_t n;
		const struct sla_value *refs = value_refs(spec, kind, &n);

		for (size_t i = 0; i < n; i++)
			if (refs[i].file)
				return true;
	}
	return false;
}

struct refs_check {
	const struct service_spec *spec;
	enum value_kind kind;
	size_t index;
	const struct sla_value *ref;
	struct value_fault *fault;
};

static bool fail(const struct refs_check *c, const char *member, const char *expected,
		 const char *value)
{
	snprintf(c->fault->field, sizeof(c->fault->field), "%ss[%zu].%s", value_kind_names[c->kind],
		 c->index, member);
	c->fault->expected = expected;
	c->fault->value = value ? value : "";
	return false;
}

/* What is mounted later covers it. */
static bool covers_volume(const struct service_spec *spec, const char *dir)
{
	for (size_t i = 0; i < spec->n_volumes; i++) {
		auto_free char *target = volume_target(&spec->volumes[i]);

		if (is_in(target, dir))
			return true;
	}
	return false;
}

/* A unikernel's environment is on its kernel's command line, which everybody on the node can read. */
static bool fits_unikernel(const struct refs_check *c)
{
	const struct sla_value *ref = c->ref;

	if (!spec_is_unikernel(c->spec))
		return true;
	if (c->kind == VALUE_SECRET && ref->env)
		return fail(c, "env",
			    "a file instead: a unikernel has its environment on its command line, "
			    "where others can read it",
			    ref->env);
	if (!ref->file)
		return true;
	auto_free char *dir = value_unikernel_dir(c->spec, ref);
	if (!*dir || !volume_unikernel_takes(dir))
		return fail(
			c, "file",
			"for a unikernel, which has the file's whole folder mounted: one in a folder, "
			"without blanks, colons, quotes and brackets in its name",
			ref->file);
	if (covers_volume(c->spec, dir))
		return fail(
			c, "file",
			"for a unikernel, which has the file's whole folder mounted: a folder with no "
			"volume in it",
			ref->file);
	return true;
}

static bool is_good(const struct refs_check *c)
{
	const struct sla_value *ref = c->ref;

	if (!value_name_is_valid(ref->name))
		return fail(c, "name", "1 to 63 letters, digits, dots, dashes and underscores",
			    ref->name);
	if (ref->file && ref->env)
		return fail(c, "env", "either file or env", ref->env);
	if (ref->file && !is_file_good(ref->file))
		return fail(c, "file",
			    "the absolute path of a file outside of /proc, /sys and /dev",
			    ref->file);
	if (!fits_unikernel(c))
		return false;
	if (ref->env && !is_env_good(ref->env))
		return fail(c, "env", "letters, digits and underscores", ref->env);
	if (ref->mode && (ref->env || !is_mode_good(ref->mode)))
		return fail(c, "mode", "of a file, octal digits such as 0440", ref->mode);
	return true;
}

/* One is the other, or inside it. */
static bool are_in_conflict(const char *a, const char *b)
{
	return is_in(a, b) || is_in(b, a);
}

static bool is_set_otherwise(const struct service_spec *spec, const char *env)
{
	size_t len = strlen(env);

	for (size_t i = 0; i < spec->environment.n; i++)
		if (strncmp(spec->environment.items[i], env, len) == 0 &&
		    spec->environment.items[i][len] == '=')
			return true;
	return false;
}

/* Against those before it, of either kind. */
static bool is_alone(const struct refs_check *c)
{
	const struct sla_value *ref = c->ref;

	if (ref->env && is_set_otherwise(c->spec, ref->env))
		return fail(c, "env", "a variable that environment does not set", ref->env);
	for (enum value_kind kind = 0; kind <= c->kind; kind++) {
		size_t n;
		const struct sla_value *refs = value_refs(c->spec, kind, &n);

		for (size_t i = 0; i < (kind == c->kind ? c->index : n); i++) {
			if (ref->file && refs[i].file && are_in_conflict(ref->file, refs[i].file))
				return fail(c, "file", "a path of its own", ref->file);
			if (ref->env && str_eq(ref->env, refs[i].env))
				return fail(c, "env", "a variable of its own", ref->env);
		}
	}
	return true;
}

bool value_refs_are_good(const struct service_spec *spec, struct value_fault *ret)
{
	struct refs_check c = { .spec = spec, .fault = ret };

	for (c.kind = 0; c.kind < VALUE_KIND_N; c.kind++) {
		size_t n;
		const struct sla_value *refs = value_refs(spec, c.kind, &n);

		for (c.index = 0; c.index < n; c.index++) {
			c.ref = &refs[c.index];
			if (!is_good(&c) || !is_alone(&c))
				return false;
		}
	}
	return true;
}
