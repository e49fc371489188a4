/* Arguments and environment of an image, and what is asked instead of them. */
#include "json/json.h"
#include "runtime/qemu/defaults.h"

#define CONFIG_MAX ((size_t)4 << 20)
#define WORDS_MAX  1024

static int take_words(const struct json *config, const char *key, struct strv *ret, struct err *err)
{
	const struct json *words = json_get(config, key);

	if (json_count(words) > WORDS_MAX)
		return err_set(err, -EBADMSG, "image's configuration: %s has %zu words, at most %d",
			       key, json_count(words), WORDS_MAX);
	for (size_t i = 0; i < json_count(words); i++) {
		const char *word = json_str(json_at(words, i));

		if (!word)
			return err_set(err, -EBADMSG, "image's configuration: %s[%zu] is no text",
				       key, i);
		strv_add(ret, word);
	}
	return 0;
}

/* Of "CONFIG_NAME=8"; 0 if it is not told, or is no number that could be. */
static uint32_t find_number(const struct json *features, const char *name)
{
	size_t len = strlen(name);
	uint32_t number;

	for (size_t i = 0; i < json_count(features); i++) {
		const char *feature = json_str(json_at(features, i));

		if (feature && strncmp(feature, name, len) == 0 && feature[len] == '=' &&
		    parse_u32(feature + len + 1, 1, QEMU_CONFIGURED_MAX, &number) == 0)
			return number;
	}
	return 0;
}

static int parse(const char *text, struct qemu_defaults *ret, struct err *err)
{
	auto_(json_free) struct json *root = NULL;
	int r = json_parse(text, strlen(text), &root, err);

	if (r < 0) {
		err_wrap(err, "image's configuration");
		return err->code = -EBADMSG;
	}
	const struct json *config = json_get(root, "config");
	const struct json *features = json_get(root, "os.features");
	ret->variables_max = find_number(features, "CONFIG_LIBPOSIX_ENVIRON_LIBPARAM_MAXCOUNT");
	ret->words_max = find_number(features, "CONFIG_LIBUKBOOT_MAXNBARGS");
	r = take_words(config, "Cmd", &ret->cmd, err);
	return r < 0 ? r : take_words(config, "Env", &ret->env, err);
}

int qemu_defaults_read(const char *image, struct qemu_defaults *ret, struct err *err)
{
	auto_free char *path = path_join(image, "artifact.json");
	auto_free char *text = NULL;
	struct qemu_defaults defaults = { 0 };

	int r = path_exists(path) ? file_read(path, CONFIG_MAX, &text, NULL, err) : 0;
	if (r == 0 && text)
		r = parse(text, &defaults, err);
	if (r < 0) {
		qemu_defaults_fini(&defaults);
		return r;
	}
	*ret = defaults;
	return 0;
}

void qemu_defaults_fini(struct qemu_defaults *defaults)
{
	strv_fini(&defaults->cmd);
	strv_fini(&defaults->env);
}

static bool is_same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n) == 0 && b[n] == '=' && a[n] == '=';
}

static bool is_set(const struct strv *env, const char *variable)
{
	for (size_t i = 0; env && i < env->n; i++)
		if (is_same_name(env->items[i], variable))
			return true;
	return false;
}

static void set_variable(struct strv *env, const char *variable)
{
	for (size_t i = 0; i < env->n; i++) {
		if (!is_same_name(env->items[i], variable))
			continue;
		free(env->items[i]);
		env->items[i] = xstrdup(variable);
		return;
	}
	strv_add(env, variable);
}

void qemu_defaults_merge(struct qemu_defaults *defaults, const struct strv *cmd,
			 const struct strv *env)
{
	if (cmd && cmd->n) {
		strv_fini(&defaults->cmd);
		for (size_t i = 0; i < cmd->n; i++)
			strv_add(&defaults->cmd, cmd->items[i]);
	}
	defaults->n_own_variables = 0;
	for (size_t i = 0; i < defaults->env.n; i++)
		defaults->n_own_variables += !is_set(env, defaults->env.items[i]);
	for (size_t i = 0; env && i < env->n; i++)
		set_variable(&defaults->env, env->items[i]);
}
