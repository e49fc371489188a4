/* What is mounted into the root file system. */
#include "base/base.h"
#include "runtime/oci/private.h"

#define BIND         "bind"
#define SHM_MIB      64
#define TMPFS_MODE   "1777"
#define CGROUP_MOUNT "/sys/fs/cgroup"

struct mount {
	const char *target;
	const char *type;
	const char *source;
	const char *options; /* separated by commas */
};

static const struct mount usual_mounts[] = {
	{ "/proc", "proc", "proc", "nosuid,noexec,nodev" },
	{ "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
	{ "/dev/pts", "devpts", "devpts",
	  "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev" },
};

/* One of the service's own. */
struct own_mount {
	char *target;
	const char *type;
	const char *source;
	char *options;
	size_t order;
};

struct own_mounts {
	struct own_mount *items;
	size_t n;
};

static void own_mounts_fini(struct own_mounts *own)
{
	for (size_t i = 0; i < own->n; i++) {
		free(own->items[i].target);
		free(own->items[i].options);
	}
	free(own->items);
}

static void put_mount(struct json_out *out, const struct mount *m)
{
	auto_strv struct strv options = { 0 };

	strv_split(&options, m->options, ",");
	json_out_object(out, NULL);
	json_out_str(out, "destination", m->target);
	json_out_str(out, "type", m->type);
	json_out_str(out, "source", m->source);
	json_out_strv(out, "options", &options);
	json_out_object_end(out);
}

/* "/a//b/" → "/a/b", so that places can be compared. */
static char *normal_path(const char *path)
{
	auto_strv struct strv parts = { 0 };

	strv_split(&parts, path, "/");
	auto_free char *joined = strv_join(&parts, "/");
	return xasprintf("/%s", joined);
}

/* Something of the service's own is there. */
static bool is_taken(const struct own_mounts *own, const char *target)
{
	for (size_t i = 0; i < own->n; i++)
		if (str_eq(own->items[i].target, target))
			return true;
	return false;
}

static bool is_covered(const struct own_mounts *own, const char *target)
{
	for (size_t i = 0; i < own->n; i++)
		if (str_eq(own->items[i].target, target) ||
		    path_is_below(target, own->items[i].target))
			return true;
	return false;
}

static void add(struct own_mounts *own, struct own_mount mount)
{
	mount.order = own->n;
	*ARRAY_ADD(own->items, own->n) = mount;
}

static int add_binds(const struct spec_ctx *ctx, struct own_mounts *own, struct err *err)
{
	for (size_t i = 0; i < ctx->spec->n_mounts; i++) {
		const struct runtime_mount *m = &ctx->spec->mounts[i];

		if (!m->source || *m->source != '/')
			return err_set(err, -EINVAL,
				       "build container: mount source %.200s is not absolute",
				       m->source ? m->source : "");
		if (!sla_path_is_valid(m->target))
			return err_set(err, -EINVAL,
				       "build container: mount target %.200s is not an absolute "
				       "path below /",
				       m->target ? m->target : "");
		add(own, (struct own_mount){ normal_path(m->target), BIND, m->source,
					     xasprintf("rbind,%s,%s",
						       m->propagation ? m->propagation : "rprivate",
						       m->is_read_only ? "ro" : "rw") });
	}
	return 0;
}

static void add_tmpfs(const struct spec_ctx *ctx, struct own_mounts *own)
{
	for (size_t i = 0; i < ctx->container->n_tmpfs; i++) {
		const struct sla_tmpfs *t = &ctx->container->tmpfs[i];
		auto_free char *size = t->size_mib ? xasprintf(",size=%um", t->size_mib)
						   : xstrdup("");

		add(own, (struct own_mount){ normal_path(t->path), "tmpfs", "tmpfs",
					     xasprintf("nosuid,noexec,nodev,mode=%s%s",
						       t->mode ? t->mode : TMPFS_MODE, size) });
	}
}

/* "…,mode=0755,uid=101,gid=102" of the folder that the image has there. */
static char *volume_options(const struct spec_host *host, const char *path)
{
	static const char usual[] = "nosuid,nodev,tmpcopyup";

	for (size_t i = 0; i < host->n_volumes; i++) {
		const struct spec_volume *v = &host->volumes[i];

		if (str_eq(v->path, path))
			return xasprintf("%s,mode=%04o,uid=%u,gid=%u", usual, v->mode, v->uid,
					 v->gid);
	}
	return xstrdup(usual);
}

/* Where the image says that it writes, it can write, also if nothing else can be written to; what the
 * image has there is copied up by the runtime. A writable root is as good as that. */
static void add_image_volumes(const struct spec_ctx *ctx, struct own_mounts *own)
{
	if (!ctx->container->is_read_only)
		return;
	for (size_t i = 0; i < ctx->image->volumes.n; i++) {
		const char *path = ctx->image->volumes.items[i];
		auto_free char *target = sla_path_is_valid(path) ? normal_path(path) : NULL;

		if (target && !is_covered(own, target))
			add(own, (struct own_mount){ TAKE(target), "tmpfs", "tmpfs",
						     volume_options(ctx->host, path) });
	}
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* A folder before what is mounted inside it, whatever order they are told in. */
static int compare_depth(const void *a, const void *b)
{
	const struct own_mount *x = a;
	const struct own_mount *y = b;
	size_t depth_x = depth(x->target);
	size_t depth_y = depth(y->target);

	if (depth_x != depth_y)
		return depth_x < depth_y ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int check_places(const struct own_mounts *own, struct err *err)
{
	for (size_t i = 0; i < own->n; i++) {
		struct own_mounts before = { own->items, i };

		if (is_taken(&before, own->items[i].target))
			return err_set(err, -EINVAL, "build container: two mounts at %.200s",
				       own->items[i].target);
	}
	return 0;
}

static void put_unless_taken(const struct spec_ctx *ctx, const struct own_mounts *own,
			     const struct mount *mount)
{
	if (!is_taken(own, mount->target))
		put_mount(ctx->out, mount);
}

static void put_usual(const struct spec_ctx *ctx, const struct own_mounts *own)
{
	bool is_privileged = ctx->spec->is_privileged;
	uint32_t shm_mib = ctx->container->shm_size_mib ? ctx->container->shm_size_mib : SHM_MIB;
	auto_free char *shm = xasprintf("nosuid,noexec,nodev,mode=1777,size=%uk", shm_mib << 10);
	const struct mount others[] = {
		{ "/dev/shm", "tmpfs", "shm", shm },
		{ "/sys", "sysfs", "sysfs",
		  is_privileged ? "nosuid,noexec,nodev,rw" : "nosuid,noexec,nodev,ro" },
		{ CGROUP_MOUNT, "cgroup", "cgroup",
		  is_privileged ? "nosuid,noexec,nodev,relatime,rw"
				: "nosuid,noexec,nodev,relatime,ro" },
	};

	for (size_t i = 0; i < ARRAY_LEN(usual_mounts); i++)
		put_unless_taken(ctx, own, &usual_mounts[i]);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		put_unless_taken(ctx, own, &others[i]);
}

static void put_files(const struct spec_ctx *ctx, const struct own_mounts *own)
{
	static const char *const files[] = { "resolv.conf", "hosts", "hostname" };
	const char *options = ctx->container->is_read_only ? "rbind,rprivate,ro"
							   : "rbind,rprivate,rw";

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		auto_free char *target = path_join("/etc", files[i]);
		auto_free char *source = path_join(ctx->host->instance_dir, files[i]);

		put_unless_taken(ctx, own, &(struct mount){ target, BIND, source, options });
	}
}

static void put_own(const struct spec_ctx *ctx, struct own_mounts *own)
{
	if (own->n)
		qsort(own->items, own->n, sizeof(*own->items), compare_depth);
	for (size_t i = 0; i < own->n; i++) {
		const struct own_mount *m = &own->items[i];

		put_mount(ctx->out, &(struct mount){ m->target, m->type, m->source, m->options });
	}
}

int spec_put_mounts(const struct spec_ctx *ctx, struct err *err)
{
	__attribute__((cleanup(own_mounts_fini))) struct own_mounts own = { 0 };
	int r = add_binds(ctx, &own, err);

	if (r < 0)
		return r;
	add_tmpfs(ctx, &own);
	add_image_volumes(ctx, &own);
	r = check_places(&own, err);
	if (r < 0)
		return r;
	json_out_array(ctx->out, "mounts");
	put_usual(ctx, &own);
	put_files(ctx, &own);
	put_own(ctx, &own);
	json_out_array_end(ctx->out);
	return 0;
}
