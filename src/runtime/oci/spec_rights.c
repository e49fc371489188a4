/* What a container's process may do, and which of the host's files it does not get to see. */
#include "base/base.h"
#include "model/capability.h"
#include "runtime/oci/private.h"

#define FILES_SOFT 65536
#define FILES_HARD 524288
#define UNLIMITED  "18446744073709551615" /* RLIM_INFINITY, beyond what an int64_t holds */

/* Docker's and containerd's. */
static const char *const usual_capabilities[] = {
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

static uint64_t usual_set(void)
{
	uint64_t set = 0;

	for (size_t i = 0; i < ARRAY_LEN(usual_capabilities); i++)
		set |= capability_parse(usual_capabilities[i]);
	return set;
}

static uint64_t union_of(const struct strv *names)
{
	uint64_t set = 0;

	for (size_t i = 0; i < names->n; i++)
		set |= capability_parse(names->items[i]);
	return set;
}

/* One that is named has to be there; of the usual ones and of ALL, those that there are. */
static int check_named(const struct spec_ctx *ctx, struct err *err)
{
	const struct strv *names = &ctx->container->cap_add;

	for (size_t i = 0; i < names->n; i++) {
		uint64_t set = capability_parse(names->items[i]);

		if (set != CAPABILITY_ALL && set & ~ctx->host->capabilities)
			return err_set(err, -EPERM,
				       "build container: this node cannot give capability %.40s",
				       names->items[i]);
	}
	return 0;
}

int spec_pick_capabilities(struct spec_ctx *ctx, struct err *err)
{
	uint64_t add = union_of(&ctx->container->cap_add);
	uint64_t drop = union_of(&ctx->container->cap_drop);
	uint64_t set = ctx->spec->is_privileged ? CAPABILITY_ALL : usual_set();
	int r = check_named(ctx, err);

	if (r < 0)
		return r;
	/* ALL is a starting point to which the names of the other list are exceptions. */
	if (drop == CAPABILITY_ALL)
		set = add;
	else
		set = (set | add) & ~drop;
	ctx->capabilities = set & ctx->host->capabilities;
	return 0;
}

static void put_capabilities(const struct spec_ctx *ctx)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	const char *names[CAPABILITY_N];
	size_t n = 0;

	for (unsigned i = 0; i < CAPABILITY_N; i++)
		if (ctx->capabilities >> i & 1)
			names[n++] = capability_names[i];
	json_out_object(ctx->out, "capabilities");
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		spec_put_strings(ctx->out, sets[i], names, n);
	json_out_object_end(ctx->out);
}

static int64_t at_most(int64_t wanted, uint64_t max)
{
	return max && max < (uint64_t)wanted ? (int64_t)max : wanted;
}

static void put_limit(struct json_out *out, const char *key, int64_t value)
{
	if (value == ULIMIT_UNLIMITED)
		json_out_raw(out, key, UNLIMITED);
	else
		json_out_int(out, key, value);
}

static void put_rlimit(struct json_out *out, const char *type, int64_t soft, int64_t hard)
{
	json_out_object(out, NULL);
	json_out_str(out, "type", type);
	put_limit(out, "hard", hard);
	put_limit(out, "soft", soft);
	json_out_object_end(out);
}

static void put_rlimits(const struct spec_ctx *ctx)
{
	uint64_t max = ctx->host->files_max;
	bool has_files = false;

	json_out_array(ctx->out, "rlimits");
	for (size_t i = 0; i < ctx->container->n_ulimits; i++) {
		const struct sla_ulimit *u = &ctx->container->ulimits[i];

		put_rlimit(ctx->out, sla_ulimit_type(u->name), u->soft,
			   u->has_hard ? u->hard : u->soft);
		has_files |= str_eq(u->name, "nofile");
	}
	if (!has_files)
		put_rlimit(ctx->out, "RLIMIT_NOFILE", at_most(FILES_SOFT, max),
			   at_most(FILES_HARD, max));
	json_out_array_end(ctx->out);
}

void spec_put_process_rights(const struct spec_ctx *ctx)
{
	const struct sla_container *c = ctx->container;
	bool is_bounded = c->has_no_new_privileges ? c->no_new_privileges
						   : !ctx->spec->is_privileged;

	put_capabilities(ctx);
	put_rlimits(ctx);
	json_out_bool(ctx->out, "noNewPrivileges", is_bounded);
	/* Not what containerd or its shim have, which the kernel must not choose. */
	json_out_int(ctx->out, "oomScoreAdj", c->oom_score_adj);
}

/* The namespaces are the container's own, so low ports are nobody's privilege. */
void spec_put_sysctls(const struct spec_ctx *ctx)
{
	static const char ports[] = "net.ipv4.ip_unprivileged_port_start";
	const struct strv *own = &ctx->container->sysctls;
	bool has_ports = false;

	json_out_object(ctx->out, "sysctl");
	for (size_t i = 0; i < own->n; i++) {
		const char *value = strchr(own->items[i], '=');
		auto_free char *name = xstrndup(own->items[i], (size_t)(value - own->items[i]));

		json_out_str(ctx->out, name, value + 1);
		has_ports |= str_eq(name, ports);
	}
	if (!has_ports)
		json_out_str(ctx->out, ports, "0");
	json_out_object_end(ctx->out);
}

void spec_put_hidden_paths(const struct spec_ctx *ctx)
{
	if (ctx->spec->is_privileged)
		return;
	spec_put_strings(ctx->out, "maskedPaths", masked_paths, ARRAY_LEN(masked_paths));
	spec_put_strings(ctx->out, "readonlyPaths", readonly_paths, ARRAY_LEN(readonly_paths));
}
