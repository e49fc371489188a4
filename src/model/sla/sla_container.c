/* Objects inside the fields that only containers have. */
#include "base/base.h"
#include "model/sla_container.h"

#define PATH_LEN_MAX 4096
#define NAME_LEN_MAX 64
#define TMPFS_MAX    (1u << 20) /* MiB */
#define WEIGHT_MAX   1000

#define S(member, ...) FIELD(struct STRUCT, member, __VA_ARGS__)
#define OPTIONAL       .flags = F_OMIT_EMPTY

#define STRUCT sla_tmpfs
static const struct field tmpfs_fields[] = {
	S(path, "path", F_STR, .max = PATH_LEN_MAX, .flags = F_REQUIRED,
	  .help = "in the container, absolute"),
	S(size_mib, "size", F_U32, .max = TMPFS_MAX, OPTIONAL,
	  .help = "MiB, which count as memory of the container; 0: half of the node's memory"),
	S(mode, "mode", F_STR, .max = 8, OPTIONAL, .help = "octal digits; absent: `1777`"),
};
#undef STRUCT
FIELD_TABLE(sla_tmpfs_table, struct sla_tmpfs, "tmpfs", tmpfs_fields);

#define STRUCT sla_ulimit
static const struct field ulimit_fields[] = {
	S(name, "name", F_STR, .max = NAME_LEN_MAX, .flags = F_REQUIRED,
	  .help = "of setrlimit(2) in lower case: `nofile`, `nproc`, `memlock`, `core`, …"),
	S(soft, "soft", F_I64, .flags = F_REQUIRED, .help = "-1: unlimited"),
	S(hard, "hard", F_I64, .flags = F_GIVEN,
	  .given_offset = offsetof(struct sla_ulimit, has_hard),
	  .help = "-1: unlimited; absent: as `soft`"),
};
#undef STRUCT
FIELD_TABLE(sla_ulimit_table, struct sla_ulimit, "ulimit", ulimit_fields);

#define STRUCT sla_device
static const struct field device_fields[] = {
	S(path, "path", F_STR, .max = PATH_LEN_MAX, .flags = F_REQUIRED,
	  .help = "of the node, below /dev"),
	S(target, "target", F_STR, .max = PATH_LEN_MAX, OPTIONAL,
	  .help = "in the container; absent: the same"),
	S(permissions, "permissions", F_STR, .max = 3, OPTIONAL,
	  .help = "of `r`, `w`, `m` (make the node); absent: `rwm`"),
};
#undef STRUCT
FIELD_TABLE(sla_device_table, struct sla_device, "device", device_fields);

#define STRUCT sla_io
static const struct field io_fields[] = {
	S(read_bps, "read_bps", F_U64, OPTIONAL, .help = "bytes a second; 0: no limit"),
	S(write_bps, "write_bps", F_U64, OPTIONAL, .help = "bytes a second; 0: no limit"),
	S(read_iops, "read_iops", F_U64, OPTIONAL, .help = "operations a second; 0: no limit"),
	S(write_iops, "write_iops", F_U64, OPTIONAL, .help = "operations a second; 0: no limit"),
	S(weight, "weight", F_U32, .max = WEIGHT_MAX, OPTIONAL,
	  .help = "10 to 1000, share among those who wait; needs a scheduler that knows it; 0: none"),
};
#undef STRUCT
FIELD_TABLE(sla_io_table, struct sla_io, "io", io_fields);

const char *const sla_seccomp_names[SECCOMP_N + 1] = { "default", "unconfined", NULL };
static_assert(SECCOMP_N == 2, "a name for every one");

/* Names of limits: OCI runtime spec, "POSIX process". */
static const char *const limits[] = {
	"RLIMIT_AS",     "RLIMIT_CORE",   "RLIMIT_CPU",        "RLIMIT_DATA",
	"RLIMIT_FSIZE",  "RLIMIT_LOCKS",  "RLIMIT_MEMLOCK",    "RLIMIT_MSGQUEUE",
	"RLIMIT_NICE",   "RLIMIT_NOFILE", "RLIMIT_NPROC",      "RLIMIT_RSS",
	"RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
};

const char *sla_ulimit_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		const char *word = limits[i] + strlen("RLIMIT_");
		size_t k = 0;

		while (name[k] && name[k] == word[k] + ('a' - 'A'))
			k++;
		if (!name[k] && !word[k])
			return limits[i];
	}
	return NULL;
}

bool sla_io_is_empty(const struct sla_io *io)
{
	return !io->read_bps && !io->write_bps && !io->read_iops && !io->write_iops && !io->weight;
}

bool sla_path_is_valid(const char *path)
{
	auto_strv struct strv parts = { 0 };

	if (!path || *path != '/')
		return false;
	strv_split(&parts, path, "/");
	return parts.n > 0 && !strv_has(&parts, "..") && !strv_has(&parts, ".");
}
