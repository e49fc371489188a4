/* The root file system and what is mounted into it. */
#include "base/base.h"
#include "runtime/oci/private.h"

struct mount {
	const char *target;
	const char *type;
	const char *source;
	const char *options; /* separated by commas */
};

static const struct mount mounts[] = {
	{ "/proc", "proc", "proc", "nosuid,noexec,nodev" },
	{ "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
	{ "/dev/pts", "devpts", "devpts",
	  "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k" },
	{ "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev" },
	{ "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro" },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro" },
};

#define BIND "bind"

static void put_mount(struct json_out *out, const struct mount *m)
{
	auto_strv struct strv options = { 0 };

	strv_split(&options, m->options, ",");
	json_out_object(out, NULL);
	json_out_str(out, "destination", m->target);
	json_out_str(out, "type", m->type);
	json_out_str(out, "source", m->source);
	spec_put_strv(out, "options", &options);
	json_out_object_end(out);
}

/* Something of the service's own is there instead. */
static bool is_taken(const struct spec_ctx *ctx, const char *target)
{
	for (size_t i = 0; i < ctx->spec->n_mounts; i++)
		if (str_eq(ctx->spec->mounts[i].target, target))
			return true;
	return false;
}

static void put_defaults(const struct spec_ctx *ctx)
{
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++)
		if (!is_taken(ctx, mounts[i].target))
			put_mount(ctx->out, &mounts[i]);
}

static void put_files(const struct spec_ctx *ctx)
{
	static const char *const files[] = { "resolv.conf", "hosts", "hostname" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		auto_free char *target = path_join("/etc", files[i]);
		auto_free char *source = path_join(ctx->host->instance_dir, files[i]);
		struct mount bind = { target, BIND, source, "rbind,rprivate,rw" };

		if (!is_taken(ctx, target))
			put_mount(ctx->out, &bind);
	}
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += path[0] == '/' && path[1] && path[1] != '/';
	return n;
}

/* A folder before what is mounted inside it, whatever order they are told in. */
static int compare_depth(const void *a, const void *b)
{
	const struct runtime_mount *const *x = a;
	const struct runtime_mount *const *y = b;
	size_t depth_x = depth((*x)->target);
	size_t depth_y = depth((*y)->target);

	if (depth_x != depth_y)
		return depth_x < depth_y ? -1 : 1;
	return *x < *y ? -1 : *x > *y;
}

static int check_mount(const struct runtime_mount *m, struct err *err)
{
	if (!m->source || *m->source != '/')
		return err_set(err, -EINVAL, "build container: mount source %.200s is not absolute",
			       m->source ? m->source : "");
	if (!spec_target_is_valid(m->target))
		return err_set(
			err, -EINVAL,
			"build container: mount target %.200s is not an absolute path below /",
			m->target ? m->target : "");
	return 0;
}

static int put_own(const struct spec_ctx *ctx, struct err *err)
{
	size_t n = ctx->spec->n_mounts;
	auto_free const struct runtime_mount **sorted = xcalloc(n ? n : 1, sizeof(*sorted));

	for (size_t i = 0; i < n; i++) {
		int r = check_mount(&ctx->spec->mounts[i], err);

		if (r < 0)
			return r;
		sorted[i] = &ctx->spec->mounts[i];
	}
	qsort(sorted, n, sizeof(*sorted), compare_depth);
	for (size_t i = 0; i < n; i++) {
		const struct runtime_mount *m = sorted[i];
		auto_free char *options = xasprintf("rbind,%s,%s",
						    m->propagation ? m->propagation : "rprivate",
						    m->is_read_only ? "ro" : "rw");
		struct mount bind = { m->target, BIND, m->source, options };

		put_mount(ctx->out, &bind);
	}
	return 0;
}

bool spec_target_is_valid(const char *path)
{
	auto_strv struct strv parts = { 0 };

	if (!path || *path != '/')
		return false;
	strv_split(&parts, path, "/");
	return parts.n > 0 && !strv_has(&parts, "..") && !strv_has(&parts, ".");
}

int spec_put_mounts(const struct spec_ctx *ctx, struct err *err)
{
	json_out_array(ctx->out, "mounts");
	put_defaults(ctx);
	put_files(ctx);
	int r = put_own(ctx, err);
	json_out_array_end(ctx->out);
	return r;
}
