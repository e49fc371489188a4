/* OCI runtime spec 1.0.2: Docker's defaults for capabilities, mounts and hidden paths. */
#include "base/base.h"
#include "json/json.h"
#include "runtime/containerd/spec.h"

#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN 1000 /* the kernel's least */
#define FILES_SOFT    65536
#define FILES_HARD    524288
#define FILE_MAX      ((size_t)64 << 10) /* of resolv.conf and hosts */

static const char *const capabilities[] = {
	"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
	"CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
	"CAP_KILL",    "CAP_AUDIT_WRITE",
};

static const char *const masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
};

static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

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

static void put_strings(struct json_out *out, const char *key, const char *const *items, size_t n)
{
	json_out_array(out, key);
	for (size_t i = 0; i < n; i++)
		json_out_str(out, NULL, items[i]);
	json_out_array_end(out);
}

static void put_strv(struct json_out *out, const char *key, const struct strv *v)
{
	json_out_array(out, key);
	for (size_t i = 0; i < v->n; i++)
		json_out_str(out, NULL, v->items[i]);
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
static int put_env(struct json_out *out, const struct runtime_spec *spec,
		   const struct oci_image *image, struct err *err)
{
	static const char *const path =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static const struct strv none;
	const struct strv *own = spec->env ? spec->env : &none;
	auto_strv struct strv env = { 0 };

	if (!has_key(own, path) && !has_key(&image->env, path))
		strv_add(&env, path);
	if (!has_key(own, "HOSTNAME=") && !has_key(&image->env, "HOSTNAME="))
		strv_addf(&env, "HOSTNAME=%s", spec_hostname(spec));
	for (size_t i = 0; i < image->env.n; i++)
		if (!has_key(own, image->env.items[i]))
			strv_add(&env, image->env.items[i]);
	for (size_t i = 0; i < own->n; i++) {
		if (!strchr(own->items[i], '=') || *own->items[i] == '=')
			return err_set(err, -EINVAL,
				       "build container: environment %.60s is not K=V",
				       own->items[i]);
		strv_add(&env, own->items[i]);
	}
	put_strv(out, "env", &env);
	return 0;
}

static int put_args(struct json_out *out, const struct runtime_spec *spec,
		    const struct oci_image *image, struct err *err)
{
	auto_strv struct strv args = { 0 };

	if (spec->cmd && spec->cmd->n) {
		strv_copy(&args, spec->cmd);
	} else {
		for (size_t i = 0; i < image->entrypoint.n; i++)
			strv_add(&args, image->entrypoint.items[i]);
		for (size_t i = 0; i < image->cmd.n; i++)
			strv_add(&args, image->cmd.items[i]);
	}
	if (!args.n)
		return err_set(err, -EINVAL, "build container: no command in the service or in %s",
			       spec->image);
	put_strv(out, "args", &args);
	return 0;
}

static void put_user(struct json_out *out, const struct oci_user *user)
{
	json_out_object(out, "user");
	json_out_int(out, "uid", user->uid);
	json_out_int(out, "gid", user->gid);
	if (user->n_groups) {
		json_out_array(out, "additionalGids");
		for (size_t i = 0; i < user->n_groups; i++)
			json_out_int(out, NULL, user->groups[i]);
		json_out_array_end(out);
	}
	json_out_object_end(out);
}

static int64_t at_most(int64_t wanted, uint64_t max)
{
	return max && max < (uint64_t)wanted ? (int64_t)max : wanted;
}

static void put_rights(struct json_out *out, const struct spec_host *host)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };

	json_out_object(out, "capabilities");
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		put_strings(out, sets[i], capabilities, ARRAY_LEN(capabilities));
	json_out_object_end(out);
	json_out_array(out, "rlimits");
	json_out_object(out, NULL);
	json_out_str(out, "type", "RLIMIT_NOFILE");
	json_out_int(out, "hard", at_most(FILES_HARD, host->files_max));
	json_out_int(out, "soft", at_most(FILES_SOFT, host->files_max));
	json_out_object_end(out);
	json_out_array_end(out);
	json_out_bool(out, "noNewPrivileges", true);
	/* Not what containerd or its shim have, which the kernel must not choose. */
	json_out_int(out, "oomScoreAdj", 0);
}

static int put_process(struct json_out *out, const struct runtime_spec *spec,
		       const struct oci_image *image, const struct spec_host *host, struct err *err)
{
	json_out_object(out, "process");
	json_out_bool(out, "terminal", false);
	put_user(out, &host->user);
	int r = put_args(out, spec, image, err);
	if (r == 0)
		r = put_env(out, spec, image, err);
	json_out_str(out, "cwd", str_is_empty(image->dir) ? "/" : image->dir);
	put_rights(out, host);
	json_out_object_end(out);
	return r;
}

static void put_mount(struct json_out *out, const struct mount *m)
{
	auto_strv struct strv options = { 0 };

	strv_split(&options, m->options, ",");
	json_out_object(out, NULL);
	json_out_str(out, "destination", m->target);
	json_out_str(out, "type", m->type);
	json_out_str(out, "source", m->source);
	put_strv(out, "options", &options);
	json_out_object_end(out);
}

static void put_mounts(struct json_out *out, const char *instance_dir)
{
	static const char *const files[] = { "resolv.conf", "hosts", "hostname" };

	json_out_array(out, "mounts");
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++)
		put_mount(out, &mounts[i]);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		auto_free char *target = path_join("/etc", files[i]);
		auto_free char *source = path_join(instance_dir, files[i]);
		struct mount bind = { target, "bind", source, "rbind,rprivate,rw" };

		put_mount(out, &bind);
	}
	json_out_array_end(out);
}

static void put_device_rule(struct json_out *out, bool is_fuse)
{
	json_out_object(out, NULL);
	json_out_bool(out, "allow", is_fuse);
	if (is_fuse) {
		json_out_str(out, "type", "c");
		json_out_int(out, "major", 10);
		json_out_int(out, "minor", 229);
	}
	json_out_str(out, "access", "rwm");
	json_out_object_end(out);
}

static void put_memory(struct json_out *out, uint64_t bytes, bool has_swap_limit)
{
	json_out_object(out, "memory");
	json_out_int(out, "limit", (int64_t)bytes);
	if (has_swap_limit)
		json_out_int(out, "swap", (int64_t)bytes); /* of both together: so no swap */
	json_out_object_end(out);
}

static void put_cpu(struct json_out *out, uint32_t millis)
{
	int64_t quota = (int64_t)millis * CPU_PERIOD_US / 1000;

	json_out_object(out, "cpu");
	json_out_int(out, "quota", quota < CPU_QUOTA_MIN ? CPU_QUOTA_MIN : quota);
	json_out_int(out, "period", CPU_PERIOD_US);
	json_out_object_end(out);
}

static void put_resources(struct json_out *out, const struct runtime_spec *spec,
			  const struct spec_host *host)
{
	json_out_object(out, "resources");
	json_out_array(out, "devices");
	put_device_rule(out, false);
	if (spec->is_privileged)
		put_device_rule(out, true);
	json_out_array_end(out);
	if (spec->memory_mib)
		put_memory(out, (uint64_t)spec->memory_mib << 20, host->has_swap_limit);
	if (spec->cpu_millis)
		put_cpu(out, spec->cpu_millis);
	if (spec->pids) {
		json_out_object(out, "pids");
		json_out_int(out, "limit", spec->pids);
		json_out_object_end(out);
	}
	json_out_object_end(out);
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

static void put_devices(struct json_out *out)
{
	json_out_array(out, "devices");
	json_out_object(out, NULL);
	json_out_str(out, "path", "/dev/fuse");
	json_out_str(out, "type", "c");
	json_out_int(out, "major", 10);
	json_out_int(out, "minor", 229);
	json_out_int(out, "fileMode", 0666);
	json_out_int(out, "uid", 0);
	json_out_int(out, "gid", 0);
	json_out_object_end(out);
	json_out_array_end(out);
}

static void put_linux(struct json_out *out, const struct runtime_spec *spec,
		      const struct spec_host *host)
{
	auto_free char *cgroup = xasprintf("/%s/%s", host->cgroup_parent, spec->instance_id);

	json_out_object(out, "linux");
	json_out_str(out, "cgroupsPath", cgroup);
	put_namespaces(out, spec->net.netns_path, host->has_cgroup_v2);
	put_resources(out, spec, host);
	if (spec->is_privileged)
		put_devices(out);
	/* The namespace is the container's own, so low ports are nobody's privilege. */
	json_out_object(out, "sysctl");
	json_out_str(out, "net.ipv4.ip_unprivileged_port_start", "0");
	json_out_object_end(out);
	put_strings(out, "maskedPaths", masked_paths, ARRAY_LEN(masked_paths));
	put_strings(out, "readonlyPaths", readonly_paths, ARRAY_LEN(readonly_paths));
	json_out_object_end(out);
}

int spec_build(const struct runtime_spec *spec, const struct oci_image *image,
	       const struct spec_host *host, char **ret, struct err *err)
{
	auto_json_out struct json_out out;

	json_out_init(&out, SPEC_MAX);
	json_out_object(&out, NULL);
	json_out_str(&out, "ociVersion", "1.0.2");
	int r = put_process(&out, spec, image, host, err);
	if (r < 0)
		return r;
	json_out_object(&out, "root");
	json_out_str(&out, "path", "rootfs");
	json_out_bool(&out, "readonly", false);
	json_out_object_end(&out);
	json_out_str(&out, "hostname", spec_hostname(spec));
	put_mounts(&out, host->instance_dir);
	put_linux(&out, spec, host);
	json_out_object_end(&out);
	return json_out_finish(&out, ret, err);
}

const char *spec_hostname(const struct runtime_spec *spec)
{
	return spec->net.hostname ? spec->net.hostname : spec->instance_id;
}

/* With ndots 2, `svc` and `svc.ns` try the search list first; names with two dots and more, which
 * most of the internet's are, go out as they are. */
char *spec_resolv_conf(const struct runtime_net *net)
{
	auto_buf struct buf text;

	buf_init(&text, FILE_MAX);
	if (net->dns)
		buf_addf(&text, "nameserver %s\n", net->dns);
	if (!str_is_empty(net->search))
		buf_addf(&text, "search %s\n", net->search);
	buf_add_str(&text, "options ndots:2\n");
	return buf_take(&text);
}

char *spec_hosts(const struct runtime_net *net, const char *hostname)
{
	auto_buf struct buf text;

	buf_init(&text, FILE_MAX);
	buf_add_str(&text, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	if (net->ip)
		buf_addf(&text, "%s\t%s\n", net->ip, hostname);
	return buf_take(&text);
}
