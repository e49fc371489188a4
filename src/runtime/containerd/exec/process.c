/* Built from the container's own process, so that rights and limits are the same. */
#include "json/json.h"
#include "runtime/containerd/exec/process.h"

#define PROCESS_MAX ((size_t)1 << 20)

static bool has_name(const struct strv *env, const char *entry)
{
	size_t len = strcspn(entry, "=") + 1;

	for (size_t i = 0; env && i < env->n; i++)
		if (strncmp(env->items[i], entry, len) == 0)
			return true;
	return false;
}

static int put_env(struct json_out *out, const struct json *process,
		   const struct runtime_exec *exec, struct err *err)
{
	static const char *const term = "TERM=xterm";
	const struct json *own = json_get(process, "env");
	auto_strv struct strv env = { 0 };

	for (size_t i = 0; i < json_count(own); i++) {
		const char *entry = json_str(json_at(own, i));

		if (entry && !has_name(exec->env, entry))
			strv_add(&env, entry);
	}
	for (size_t i = 0; exec->env && i < exec->env->n; i++) {
		const char *entry = exec->env->items[i];

		if (!strchr(entry, '=') || *entry == '=')
			return err_set(err, -EINVAL, "run command: environment %.60s is not K=V",
				       entry);
		strv_add(&env, entry);
	}
	if (exec->is_terminal && !has_name(&env, term))
		strv_add(&env, term);
	json_out_strv(out, "env", &env);
	return 0;
}

static void put_size(struct json_out *out, const struct runtime_exec *exec)
{
	json_out_object(out, "consoleSize");
	json_out_int(out, "height", exec->rows);
	json_out_int(out, "width", exec->columns);
	json_out_object_end(out);
}

/* What stays as the first process has it. */
static void put_rest(struct json_out *out, const struct json *process, bool has_user, bool has_dir)
{
	static const char *const ours[] = { "terminal", "consoleSize", "args", "env" };

	for (const char *key = NULL; (key = json_key_next(process, key));) {
		bool is_ours = (has_user && str_eq(key, "user")) || (has_dir && str_eq(key, "cwd"));

		for (size_t i = 0; i < ARRAY_LEN(ours); i++)
			is_ours = is_ours || str_eq(key, ours[i]);
		if (is_ours)
			continue;
		auto_free char *text = json_format(json_get(process, key));
		json_out_raw(out, key, text);
	}
}

int exec_process_build(const char *spec, const struct runtime_exec *exec,
		       const struct oci_user *user, char **ret, struct err *err)
{
	auto_(json_free) struct json *json = NULL;
	auto_json_out struct json_out out;

	json_out_init(&out, PROCESS_MAX);
	int r = json_parse(spec, strlen(spec), &json, err);
	if (r < 0)
		return err_wrap(err, "read the container's spec");
	if (!exec->cmd || !exec->cmd->n)
		return err_set(err, -EINVAL, "run command: none is given");
	if (exec->dir && exec->dir[0] != '/')
		return err_set(err, -EINVAL, "run command: folder %.200s is not an absolute path",
			       exec->dir);
	const struct json *process = json_get(json, "process");
	json_out_object(&out, NULL);
	json_out_bool(&out, "terminal", exec->is_terminal);
	if (exec->is_terminal && exec->rows && exec->columns)
		put_size(&out, exec);
	json_out_strv(&out, "args", exec->cmd);
	r = put_env(&out, process, exec, err);
	if (r < 0)
		return r;
	if (user)
		user_put(&out, user);
	if (exec->dir)
		json_out_str(&out, "cwd", exec->dir);
	put_rest(&out, process, user, exec->dir);
	json_out_object_end(&out);
	return json_out_finish(&out, ret, err);
}

int exec_failure_code(const char *text)
{
	static const struct {
		const char *words;
		int code;
	} table[] = {
		{ "chdir to cwd", -EINVAL },
		{ "cwd", -EINVAL },
		{ "not running", -ESRCH },
		{ "in a stopped state", -ESRCH },
		{ "not found", -ENOENT },
		{ "no such file or directory", -ENOENT },
		{ "No such file or directory", -ENOENT },
		{ "ermission denied", -EACCES },
		{ "is a directory", -EACCES },
		{ "exec format error", -EACCES },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strstr(text, table[i].words))
			return table[i].code;
	return -EIO;
}

char *exec_failure_words(const char *text)
{
	static const char *const before[] = {
		"unable to start container process: ",
		"OCI runtime exec failed: ",
		"exec failed: ",
		"starting container: ",
	};
	static const char behind[] = ": unknown";

	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		const char *at = strstr(text, before[i]);

		if (at)
			text = at + strlen(before[i]);
	}
	size_t len = strlen(text);
	if (str_ends(text, behind))
		len -= strlen(behind);
	return xstrndup(text, len);
}
