/* Resources and devices. */
#include "base/base.h"
#include "runtime/oci/private.h"

#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN 1000 /* the kernel's least */

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

void spec_put_resources(const struct spec_ctx *ctx)
{
	const struct runtime_spec *spec = ctx->spec;
	struct json_out *out = ctx->out;

	json_out_object(out, "resources");
	json_out_array(out, "devices");
	put_device_rule(out, false);
	if (spec->is_privileged)
		put_device_rule(out, true);
	json_out_array_end(out);
	if (spec->memory_mib)
		put_memory(out, (uint64_t)spec->memory_mib << 20, ctx->host->has_swap_limit);
	if (spec->cpu_millis)
		put_cpu(out, spec->cpu_millis);
	if (spec->pids) {
		json_out_object(out, "pids");
		json_out_int(out, "limit", spec->pids);
		json_out_object_end(out);
	}
	json_out_object_end(out);
	if (spec->is_privileged)
		put_devices(out);
}
