/* What a container's process may do, and which of the host's files it does not get to see. */
#include "base/base.h"
#include "runtime/oci/private.h"

#define FILES_SOFT 65536
#define FILES_HARD 524288

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

static int64_t at_most(int64_t wanted, uint64_t max)
{
	return max && max < (uint64_t)wanted ? (int64_t)max : wanted;
}

static void put_capabilities(struct json_out *out)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };

	json_out_object(out, "capabilities");
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		spec_put_strings(out, sets[i], capabilities, ARRAY_LEN(capabilities));
	json_out_object_end(out);
}

static void put_rlimits(struct json_out *out, uint64_t files_max)
{
	json_out_array(out, "rlimits");
	json_out_object(out, NULL);
	json_out_str(out, "type", "RLIMIT_NOFILE");
	json_out_int(out, "hard", at_most(FILES_HARD, files_max));
	json_out_int(out, "soft", at_most(FILES_SOFT, files_max));
	json_out_object_end(out);
	json_out_array_end(out);
}

void spec_put_process_rights(const struct spec_ctx *ctx)
{
	put_capabilities(ctx->out);
	put_rlimits(ctx->out, ctx->host->files_max);
	json_out_bool(ctx->out, "noNewPrivileges", true);
	/* Not what containerd or its shim have, which the kernel must not choose. */
	json_out_int(ctx->out, "oomScoreAdj", 0);
}

void spec_put_hidden_paths(const struct spec_ctx *ctx)
{
	spec_put_strings(ctx->out, "maskedPaths", masked_paths, ARRAY_LEN(masked_paths));
	spec_put_strings(ctx->out, "readonlyPaths", readonly_paths, ARRAY_LEN(readonly_paths));
}
