/* OCI runtime spec 1.0.2, with Docker's defaults: the parts in their order, the program and its words. */
#include "base/base.h"
#include "runtime/oci/private.h"
#include "runtime/oci/user.h"

void spec_put_strings(struct json_out *out, const char *key, const char *const *items, size_t n)
{
	json_out_array(out, key);
	for (size_t i = 0; i < n; i++)
		json_out_str(out, NULL, items[i]);
	json_out_array_end(out);
}

static bool has_key(const struct strv *env, const char *entry)
{
	size_t len = strcspn(entry, "=") + 1;

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->items[i], entry, len) == 0)
			return true;
	return false;
}

/* The descriptor's entries win over the image's, and both over the defaults. */
static int put_env(const struct spec_ctx *ctx, struct err *err)
{
	static const char *const path =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static const struct strv none;
	const struct strv *own = ctx->spec->env ? ctx->spec->env : &none;
	const struct strv *of_image = &ctx->image->env;
	auto_strv struct strv env = { 0 };

	if (!has_key(own, path) && !has_key(of_image, path))
		strv_add(&env, path);
	if (!has_key(own, "HOSTNAME=") && !has_key(of_image, "HOSTNAME="))
		strv_addf(&env, "HOSTNAME=%s", spec_hostname(ctx->spec));
	if (ctx->container->has_terminal && !has_key(own, "TERM=") && !has_key(of_image, "TERM="))
		strv_add(&env, "TERM=xterm");
	for (size_t i = 0; i < of_image->n; i++)
		if (!has_key(own, of_image->items[i]))
			strv_add(&env, of_image->items[i]);
	for (size_t i = 0; i < own->n; i++) {
		if (!strchr(own->items[i], '=') || *own->items[i] == '=')
			return err_set(err, -EINVAL,
				       "build container: environment %.60s is not K=V",
				       own->items[i]);
		strv_add(&env, own->items[i]);
	}
	json_out_strv(ctx->out, "env", &env);
	return 0;
}

static void add_all(struct strv *to, const struct strv *from)
{
	for (size_t i = 0; i < from->n; i++)
		strv_add(to, from->items[i]);
}

/* With an entrypoint of its own, cmd are its arguments; without one, all of it, as Oakestra has it. */
static int put_args(const struct spec_ctx *ctx, struct err *err)
{
	const struct strv *entrypoint = &ctx->container->entrypoint;
	auto_strv struct strv args = { 0 };

	add_all(&args, entrypoint);
	if (ctx->spec->cmd)
		add_all(&args, ctx->spec->cmd);
	if (!args.n) {
		add_all(&args, &ctx->image->entrypoint);
		add_all(&args, &ctx->image->cmd);
	}
	if (!args.n)
		return err_set(err, -EINVAL, "build container: no command in the service or in %s",
			       ctx->spec->image);
	json_out_strv(ctx->out, "args", &args);
	return 0;
}

static int put_process(const struct spec_ctx *ctx, struct err *err)
{
	struct json_out *out = ctx->out;
	const char *own_dir = ctx->container->working_dir;
	const char *dir = own_dir ? own_dir : ctx->image->dir;

	json_out_object(out, "process");
	json_out_bool(out, "terminal", ctx->container->has_terminal);
	user_put(out, &ctx->host->user);
	int r = put_args(ctx, err);
	if (r == 0)
		r = put_env(ctx, err);
	json_out_str(out, "cwd", str_is_empty(dir) ? "/" : dir);
	spec_put_process_rights(ctx);
	json_out_object_end(out);
	return r;
}

static void put_root(const struct spec_ctx *ctx)
{
	json_out_object(ctx->out, "root");
	json_out_str(ctx->out, "path", "rootfs");
	json_out_bool(ctx->out, "readonly", ctx->container->is_read_only);
	json_out_object_end(ctx->out);
}

static void put_namespaces(struct json_out *out, const char *netns_path, bool has_cgroup_v2)
{
	static const char *const types[] = { "pid", "ipc", "uts", "mount", "network", "cgroup" };

	json_out_array(out, "namespaces");
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (str_eq(types[i], "cgroup") && !has_cgroup_v2)
			continue;
		json_out_object(out, NULL);
		json_out_str(out, "type", types[i]);
		if (str_eq(types[i], "network") && netns_path)
			json_out_str(out, "path", netns_path);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void put_linux(const struct spec_ctx *ctx)
{
	struct json_out *out = ctx->out;
	auto_free char *cgroup = xasprintf("/%s/%s", ctx->host->cgroup_parent,
					   ctx->spec->instance_id);

	json_out_object(out, "linux");
	json_out_str(out, "cgroupsPath", cgroup);
	put_namespaces(out, ctx->spec->net.netns_path, ctx->host->has_cgroup_v2);
	spec_put_resources(ctx);
	spec_put_sysctls(ctx);
	spec_put_seccomp(ctx);
	spec_put_hidden_paths(ctx);
	json_out_object_end(out);
}

/* By image-spec's name (annotations.md): who has to stop it without having the image. */
static void put_annotations(const struct spec_ctx *ctx)
{
	const char *sig = spec_stop_signal(ctx->spec, ctx->image);

	if (!*sig)
		return;
	json_out_object(ctx->out, "annotations");
	json_out_str(ctx->out, "org.opencontainers.image.stopSignal", sig);
	json_out_object_end(ctx->out);
}

int spec_build(const struct runtime_spec *spec, const struct oci_image *image,
	       const struct spec_host *host, char **ret, struct err *err)
{
	static const struct sla_container usual;
	auto_json_out struct json_out out = { 0 };
	struct spec_ctx ctx = { .spec = spec,
				.container = spec->container ? spec->container : &usual,
				.image = image,
				.host = host,
				.out = &out };

	json_out_init(&out, SPEC_MAX);
	int r = spec_pick_capabilities(&ctx, err);
	if (r < 0)
		return r;
	json_out_object(&out, NULL);
	json_out_str(&out, "ociVersion", "1.0.2");
	r = put_process(&ctx, err);
	if (r < 0)
		return r;
	put_root(&ctx);
	json_out_str(&out, "hostname", spec_hostname(spec));
	r = spec_put_mounts(&ctx, err);
	if (r < 0)
		return r;
	put_linux(&ctx);
	put_annotations(&ctx);
	json_out_object_end(&out);
	return json_out_finish(&out, ret, err);
}
