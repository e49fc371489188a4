/* Resources and devices. */
#include "base/base.h"
#include "runtime/oci/private.h"

#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN 1000 /* the kernel's least */

/* Whatever number the host's drivers have. */
#define ANY UINT32_MAX

/* What every container may use, as containerd and runc have it; nodes of any device may be made. */
static const struct spec_device usual_devices[] = {
	{ .type = 'c', .major = ANY, .minor = ANY, .access = "m" },
	{ .type = 'b', .major = ANY, .minor = ANY, .access = "m" },
	{ .type = 'c', .major = 1, .minor = 3, .access = "rwm" },     /* null */
	{ .type = 'c', .major = 1, .minor = 5, .access = "rwm" },     /* zero */
	{ .type = 'c', .major = 1, .minor = 7, .access = "rwm" },     /* full */
	{ .type = 'c', .major = 1, .minor = 8, .access = "rwm" },     /* random */
	{ .type = 'c', .major = 1, .minor = 9, .access = "rwm" },     /* urandom */
	{ .type = 'c', .major = 5, .minor = 0, .access = "rwm" },     /* tty */
	{ .type = 'c', .major = 5, .minor = 1, .access = "rwm" },     /* console */
	{ .type = 'c', .major = 5, .minor = 2, .access = "rwm" },     /* ptmx */
	{ .type = 'c', .major = 136, .minor = ANY, .access = "rwm" }, /* pts/ */
};

static const struct spec_device fuse = { .path = (char *)"/dev/fuse",
					 .type = 'c',
					 .major = 10,
					 .minor = 229,
					 .mode = 0666,
					 .access = "rwm" };

static void put_type(struct json_out *out, char type)
{
	char text[2] = { type, '\0' };

	json_out_str(out, "type", text);
}

/* NULL: every device. */
static void put_rule(struct json_out *out, bool is_allowed, const struct spec_device *device)
{
	json_out_object(out, NULL);
	json_out_bool(out, "allow", is_allowed);
	if (device) {
		put_type(out, device->type);
		if (device->major != ANY)
			json_out_int(out, "major", device->major);
		if (device->minor != ANY)
			json_out_int(out, "minor", device->minor);
	}
	json_out_str(out, "access", device ? device->access : "rwm");
	json_out_object_end(out);
}

static void put_rules(const struct spec_ctx *ctx)
{
	json_out_array(ctx->out, "devices");
	if (ctx->spec->is_privileged) {
		put_rule(ctx->out, true, NULL);
	} else {
		put_rule(ctx->out, false, NULL);
		for (size_t i = 0; i < ARRAY_LEN(usual_devices); i++)
			put_rule(ctx->out, true, &usual_devices[i]);
		for (size_t i = 0; i < ctx->host->n_devices; i++)
			put_rule(ctx->out, true, &ctx->host->devices[i]);
	}
	json_out_array_end(ctx->out);
}

static void put_device(struct json_out *out, const struct spec_device *device)
{
	json_out_object(out, NULL);
	json_out_str(out, "path", device->path);
	put_type(out, device->type);
	json_out_int(out, "major", device->major);
	json_out_int(out, "minor", device->minor);
	json_out_int(out, "fileMode", device->mode);
	json_out_int(out, "uid", device->uid);
	json_out_int(out, "gid", device->gid);
	json_out_object_end(out);
}

static bool has_path(const struct spec_host *host, const char *path)
{
	for (size_t i = 0; i < host->n_devices; i++)
		if (str_eq(host->devices[i].path, path))
			return true;
	return false;
}

static void put_devices(const struct spec_ctx *ctx)
{
	/* Its driver is a module that is loaded when the node is opened, wherever that node is. */
	bool adds_fuse = ctx->spec->is_privileged && !has_path(ctx->host, fuse.path);

	if (!ctx->host->n_devices && !adds_fuse)
		return;
	json_out_array(ctx->out, "devices");
	for (size_t i = 0; i < ctx->host->n_devices; i++)
		put_device(ctx->out, &ctx->host->devices[i]);
	if (adds_fuse)
		put_device(ctx->out, &fuse);
	json_out_array_end(ctx->out);
}

static void put_memory(struct json_out *out, uint64_t bytes, bool has_swap_limit)
{
	json_out_object(out, "memory");
	json_out_int(out, "limit", (int64_t)bytes);
	if (has_swap_limit)
		json_out_int(out, "swap", (int64_t)bytes); /* of both together: so no swap */
	json_out_object_end(out);
}

static void put_cpu(const struct spec_ctx *ctx)
{
	int64_t quota = (int64_t)ctx->spec->cpu_millis * CPU_PERIOD_US / 1000;

	json_out_object(ctx->out, "cpu");
	if (quota) {
		json_out_int(ctx->out, "quota", quota < CPU_QUOTA_MIN ? CPU_QUOTA_MIN : quota);
		json_out_int(ctx->out, "period", CPU_PERIOD_US);
	}
	if (ctx->container->cpuset)
		json_out_str(ctx->out, "cpus", ctx->container->cpuset);
	json_out_object_end(ctx->out);
}

static void put_rate(const struct spec_ctx *ctx, const char *key, uint64_t rate)
{
	if (!rate)
		return;
	json_out_array(ctx->out, key);
	json_out_object(ctx->out, NULL);
	json_out_int(ctx->out, "major", ctx->host->disk_major);
	json_out_int(ctx->out, "minor", ctx->host->disk_minor);
	json_out_int(ctx->out, "rate", (int64_t)rate);
	json_out_object_end(ctx->out);
	json_out_array_end(ctx->out);
}

static void put_io(const struct spec_ctx *ctx)
{
	const struct sla_io *io = &ctx->container->io;

	json_out_object(ctx->out, "blockIO");
	if (io->weight)
		json_out_int(ctx->out, "weight", io->weight);
	put_rate(ctx, "throttleReadBpsDevice", io->read_bps);
	put_rate(ctx, "throttleWriteBpsDevice", io->write_bps);
	put_rate(ctx, "throttleReadIOPSDevice", io->read_iops);
	put_rate(ctx, "throttleWriteIOPSDevice", io->write_iops);
	json_out_object_end(ctx->out);
}

void spec_put_resources(const struct spec_ctx *ctx)
{
	const struct runtime_spec *spec = ctx->spec;
	struct json_out *out = ctx->out;

	json_out_object(out, "resources");
	put_rules(ctx);
	if (spec->memory_mib)
		put_memory(out, (uint64_t)spec->memory_mib << 20, ctx->host->has_swap_limit);
	if (spec->cpu_millis || ctx->container->cpuset)
		put_cpu(ctx);
	if (spec->pids) {
		json_out_object(out, "pids");
		json_out_int(out, "limit", spec->pids);
		json_out_object_end(out);
	}
	if (!sla_io_is_empty(&ctx->container->io))
		put_io(ctx);
	json_out_object_end(out);
	put_devices(ctx);
}
