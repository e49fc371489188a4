/* The format of a deployment descriptor: Oakestra's SLA v2.0 and, marked so, Holm's own fields. */
#include "base/base.h"
#include "model/sla.h"
#include "model/value.h"

#define TEXT_LEN_MAX 4096
#define CODE_LEN_MAX 16384
#define WORDS_MAX    1000
#define ITEMS_MAX    100
#define ARCH_MAX     8

#define MEMORY_MIB_MAX     (16u << 20) /* 16 TiB */
#define CORES_MAX          4096
#define PIDS_MAX           4194304 /* of the kernel, PID_MAX_LIMIT */
#define GRACE_S_MAX        86400
#define BOOT_TIMEOUT_S_MAX 3600

/* Shorter rows: S for a field of the struct at hand. */
#define S(member, ...) FIELD(struct STRUCT, member, __VA_ARGS__)
#define TEXT           .max = TEXT_LEN_MAX, .flags = F_OMIT_EMPTY

static const char *const pull_names[] = {
	[SLA_PULL_MISSING] = "missing",
	[SLA_PULL_ALWAYS] = "always",
	[SLA_PULL_NEVER] = "never",
	[SLA_PULL_N] = NULL,
};
static_assert(ARRAY_LEN(pull_names) == SLA_PULL_N + 1, "a name per policy");

const char *const sla_restart_names[] = {
	[RESTART_ALWAYS] = "always",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_NEVER] = "never",
	[RESTART_N] = NULL,
};
static_assert(ARRAY_LEN(sla_restart_names) == RESTART_N + 1, "a name per policy");

const char *const sla_start_names[] = {
	[SLA_START_COLD] = "cold",
	[SLA_START_SNAPSHOT] = "snapshot",
	[SLA_START_WARM] = "warm",
	[SLA_START_N] = NULL,
};
static_assert(ARRAY_LEN(sla_start_names) == SLA_START_N + 1, "a name per way");

#define STRUCT sla_addresses
static const struct field addresses_fields[] = {
	S(rr_ip, "rr_ip", F_STR, TEXT,
	  .help = "round-robin address of the service, in 10.30.0.0/16; without it the next free one"),
	S(rr_ip_v6, "rr_ip_v6", F_STR, TEXT, .help = "in fdff:2000::/21; no effect yet"),
	S(closest_ip, "closest_ip", F_RAW, .flags = F_OMIT_EMPTY, .help = "no effect yet"),
	S(closest_ip_v6, "closest_ip_v6", F_RAW, .flags = F_OMIT_EMPTY, .help = "no effect yet"),
	S(instances, "instances", F_RAW, .flags = F_OMIT_EMPTY, .help = "no effect yet"),
};
#undef STRUCT
static FIELD_TABLE(addresses_table, struct sla_addresses, "addresses", addresses_fields);

#define STRUCT sla_volume
static const struct field volume_fields[] = {
	S(volume_id, "volume_id", F_STR, TEXT, .synonyms = "name",
	  .help = "name of the volume; Holm: without `csi_driver` a folder that the node keeps, made "
		  "at first use"),
	S(csi_driver, "csi_driver", F_STR, TEXT, .help = "the node must have this driver"),
	S(host_path, "host_path", F_STR, TEXT,
	  .help = "Holm: a file or folder of the node, below its `--volume-root`; for "
		  "administrators alone"),
	S(mount_path, "mount_path", F_STR, TEXT,
	  .help = "inside the container; with `csi_driver` perhaps absent: /mnt/csi/VOLUME_ID"),
	S(read_only, "read_only", F_BOOL, .flags = F_OMIT_EMPTY,
	  .help = "Holm: the container cannot write"),
	S(config, "config", F_RAW, .flags = F_OMIT_EMPTY, .help = "object of texts for the driver"),
};
#undef STRUCT
static FIELD_TABLE(volume_table, struct sla_volume, "volume", volume_fields);

#define STRUCT sla_constraint
static const struct field constraint_fields[] = {
	S(type, "type", F_STR, .max = TEXT_LEN_MAX, .flags = F_REQUIRED,
	  .help = "`direct`, `clusters`, `addons`; `latency` and `geo` have no effect yet"),
	S(cluster, "cluster", F_STR, TEXT,
	  .help = "`direct`: names of clusters, joined by semicolons; none: any"),
	S(node, "node", F_STR, TEXT,
	  .help = "`direct`: host names of nodes, joined by semicolons; none: any"),
	S(allowed, "allowed", F_STRV, .max = WORDS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "`clusters`: names of clusters"),
	S(needs, "needs", F_STRV, .max = WORDS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "`addons`: what the node must offer; no node offers any yet, so it fits nowhere"),
	S(area, "area", F_STR, TEXT, .help = "`latency`"),
	S(location, "location", F_STR, TEXT, .help = "`geo`: \"lat,lon\""),
	S(threshold, "threshold", F_DOUBLE, .flags = F_OMIT_EMPTY,
	  .help = "`latency`: milliseconds, `geo`: kilometres"),
	S(rigidness, "rigidness", F_DOUBLE, .flags = F_OMIT_EMPTY, .help = "0 to 1"),
	S(convergence_time, "convergence_time", F_U32, .flags = F_OMIT_EMPTY, .help = "seconds"),
};
#undef STRUCT
static FIELD_TABLE(constraint_table, struct sla_constraint, "constraint", constraint_fields);

/* Keys that the server itself gives a service, or that stand for them in a client's eyes. */
static const char *const service_reserved[] = {
	"_id",           "applicationID", "application_name", "application_namespace",
	"job_name",      "app_name",      "app_ns",           "service_name",
	"service_ns",    "RR_ip",         "RR_ip_v6",         "next_instance_progressive_number",
	"instance_list", "status",        "status_detail",    NULL,
};

/* `action` is what Oakestra drops, too. */
static const char *const app_reserved[] = { "_id", "userId", "organization", "action", NULL };

/* A name that only the stored form has: in a descriptor it is as unknown as any other. */
#define REST(reserved)                                                        \
	"unknown_fields", F_RAW, .max = SLA_UNKNOWN_MAX, .names = (reserved), \
				 .flags = F_REST | F_OMIT_EMPTY

#define STRUCT service_spec
static const struct field service_spec_fields[] = {
	S(microservice_id, "microserviceID", F_STR, TEXT,
	  .help = "empty in a descriptor: the server gives it"),
	S(name, "microservice_name", F_STR, .max = TEXT_LEN_MAX, .flags = F_REQUIRED,
	  .help = "1 to 30 letters and digits"),
	S(ns, "microservice_namespace", F_STR, .max = TEXT_LEN_MAX, .flags = F_REQUIRED,
	  .help = "1 to 30 letters and digits; name and namespace are unique in the application"),
	S(virtualization, "virtualization", F_STR, .max = TEXT_LEN_MAX, .flags = F_REQUIRED,
	  .help = "`container` (the same as `docker`), `unikernel`, or an OCI runtime of the node "
		  "such as `runsc`"),
	S(code, "code", F_STR, .max = CODE_LEN_MAX, .flags = F_REQUIRED, .synonyms = "image",
	  .help = "container: fully qualified image reference, `oci:/PATH[:REF]` or "
		  "`oci-archive:/PATH[:REF]`; unikernel: an image of Unikraft's tools, named in "
		  "the same ways, or URLs of .tar.gz joined by commas, one for each of `arch`, each "
		  "perhaps with `#sha256=HEX`"),
	S(pull, "pull", F_ENUM, .names = pull_names, .flags = F_OMIT_EMPTY,
	  .help = "Holm: `missing` (default): what is on the node under this name is used; "
		  "`always`: asked for anew at creation and at every change, never for a restart; "
		  "`never`: only what is on the node"),
	S(cmd, "cmd", F_STRV, .max = WORDS_MAX,
	  .help = "container: instead of the image's entrypoint and command, or arguments of "
		  "`entrypoint`; unikernel: arguments of the application, instead of the image's"),
	S(environment, "environment", F_STRV, .max = WORDS_MAX, .synonyms = "env",
	  .flags = F_OMIT_EMPTY, .help = "`NAME=VALUE` each, beside and instead of the image's"),
	S(args, "args", F_STRV, .max = WORDS_MAX, .flags = F_OMIT_EMPTY, .help = "no effect"),
	S(memory_mib, "memory", F_U32, .max = MEMORY_MIB_MAX, .help = "MiB, enforced; 0: no limit"),
	S(vcpus, "vcpus", F_U32, .max = CORES_MAX, .synonyms = "vcpu",
	  .help = "cores, enforced; 0: no limit"),
	S(cpu_millis, "cpu_millis", F_U32, .max = CORES_MAX * 1000, .flags = F_OMIT_EMPTY,
	  .help = "Holm: thousandths of a core, enforced, instead of `vcpus`; 0: as `vcpus` says"),
	S(vgpus, "vgpus", F_U32, .max = CORES_MAX, .synonyms = "vgpu",
	  .help = "GPUs; no node offers any yet"),
	S(vtpus, "vtpus", F_U32, .max = CORES_MAX, .help = "no effect"),
	S(bandwidth_in, "bandwidth_in", F_U32, .help = "no effect"),
	S(bandwidth_out, "bandwidth_out", F_U32, .help = "no effect"),
	S(storage_mib, "storage", F_U32,
	  .help = "MiB of the node's disk that are promised to each instance; not enforced"),
	S(pids, "pids", F_U32, .max = PIDS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: most processes of a container; 0: no limit"),
	S(state, "state", F_STR, TEXT, .help = "no effect"),
	S(port, "port", F_STR, TEXT,
	  .help = "`HOST[:CONTAINER][/PROTOCOL]` joined by semicolons; `tcp` or `udp`, without: tcp"),
	S(one_shot, "one_shot", F_BOOL, .flags = F_OMIT_EMPTY,
	  .help = "ends as COMPLETED on exit code 0; started again only after a failure"),
	S(privileged, "privileged", F_BOOL, .flags = F_OMIT_EMPTY,
	  .help = "container: all capabilities, all devices of the node and /dev/fuse, no filter of "
		  "system calls, no hidden paths, /sys and control groups writable; for "
		  "administrators alone (`docs/accounts.md`)"),
	S(platform, "platform", F_STR, TEXT,
	  .help = "such as `linux/arm64`; unikernel from a registry: such as `qemu/arm64`, emulated where the node is another"),
	S(arch, "arch", F_STRV, .max = ARCH_MAX, .flags = F_OMIT_EMPTY,
	  .help = "unikernel: `amd64`, `arm64`, in the order of the URLs in `code`; a node takes its own "
		  "if it is there, else one that it emulates"),
	S(addresses, "addresses", F_OBJECT, .table = &addresses_table, .flags = F_OMIT_EMPTY,
	  .help = "addresses of the service"),
	FIELD_ARRAY(struct service_spec, volumes, n_volumes, "volumes", &volume_table,
		    .max = ITEMS_MAX, .flags = F_OMIT_EMPTY,
		    .help = "files that outlive an instance; unikernel: folders, by 9p, for a "
			    "kernel with lib9pfs"),
	FIELD_ARRAY(
		struct service_spec, secrets, n_secrets, "secrets", &sla_value_table,
		.max = VALUE_REFS_MAX, .flags = F_OMIT_EMPTY,
		.help = "Holm: secrets (`holm secret set`) that each instance gets; unikernel: as "
			"files, by 9p; for administrators alone"),
	FIELD_ARRAY(struct service_spec, configs, n_configs, "configs", &sla_value_table,
		    .max = VALUE_REFS_MAX, .flags = F_OMIT_EMPTY,
		    .help = "Holm: configuration objects (`holm config set`) that each instance "
			    "gets; unikernel: files by 9p; for administrators alone"),
	FIELD_ARRAY(struct service_spec, constraints, n_constraints, "constraints",
		    &constraint_table, .max = ITEMS_MAX, .flags = F_OMIT_EMPTY,
		    .help = "where it may run; all must hold"),
	S(connectivity, "connectivity", F_RAW, .flags = F_OMIT_EMPTY, .help = "no effect yet"),
	S(added_files, "added_files", F_STRV, .max = WORDS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "no effect"),
	S(sla_violation_strategy, "sla_violation_strategy", F_STR, TEXT, .help = "no effect"),
	S(target_node, "target_node", F_STR, TEXT, .help = "no effect"),
	S(vm_images, "vm_images", F_STRV, .max = WORDS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "no effect"),
	S(replicas, "replicas", F_U32, .max = SLA_REPLICAS_MAX, .flags = F_GIVEN,
	  .given_offset = offsetof(struct service_spec, has_replicas),
	  .help = "Holm: instances; absent: 1 at creation, later as it is"),
	S(grace_s, "grace_s", F_U32, .max = GRACE_S_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: seconds from the signal to stop until it is killed; 0: 10"),
	S(restart, "restart", F_ENUM, .names = sla_restart_names, .flags = F_GIVEN,
	  .given_offset = offsetof(struct service_spec, has_restart),
	  .help = "Holm: what follows an end; without it `always`, with `one_shot` `on-failure`"),
	S(start, "start", F_ENUM, .names = sla_start_names, .flags = F_OMIT_EMPTY,
	  .help = "Holm: unikernel: `cold` (default): every start boots; `snapshot`: the node boots it "
		  "once, saves its state when it answers on a TCP port (of `readiness`, of `startup`, or "
		  "the first of `port`), and starts later ones from that. All "
		  "of them then have the state of that moment: the same random numbers (no keys, no "
		  "TLS), a clock that goes on from there, its connections broken; its memory, with "
		  "secrets in it, lies on the node's disk. Not with a folder of files, volumes, or files of "
		  "secrets and configuration; `warm`: the same, and "
		  "the node keeps machines that have loaded that state, halted, which take a start's place "
		  "at once, as far as its `--warm-memory` and the memory that nobody was promised reach"),
	S(container.entrypoint, "entrypoint", F_STRV, .max = WORDS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: instead of the image's, `cmd` being its arguments"),
	S(container.user, "user", F_STR, TEXT,
	  .help = "Holm: container: NAME[:GROUP] or UID[:GID] instead of the image's; names by the "
		  "image's /etc/passwd and /etc/group"),
	S(container.working_dir, "working_dir", F_STR, TEXT,
	  .help = "Holm: container: instead of the image's; made if it is not there"),
	S(container.stop_signal, "stop_signal", F_STR, TEXT,
	  .help = "Holm: container: such as `SIGINT`, instead of the image's or SIGTERM"),
	S(container.hostname, "hostname", F_STR, TEXT,
	  .help = "Holm: container: its own name; absent: SERVICE-NUMBER"),
	S(container.is_read_only, "read_only", F_BOOL, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: only mounts can be written to; what the image declares as "
		  "volumes become tmpfs with the image's files in them"),
	S(container.has_terminal, "tty", F_BOOL, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: it has a terminal, which `holm attach` connects to one's own"),
	S(container.has_input, "stdin", F_BOOL, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: its standard input is open, for `holm attach`, over any number "
		  "of them, until one of them ends it"),
	FIELD_ARRAY(struct service_spec, container.tmpfs, container.n_tmpfs, "tmpfs",
		    &sla_tmpfs_table, .max = ITEMS_MAX, .flags = F_OMIT_EMPTY,
		    .help = "Holm: container: empty file systems in memory"),
	S(container.shm_size_mib, "shm_size", F_U32, .max = MEMORY_MIB_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: MiB of /dev/shm; 0: 64"),
	FIELD_ARRAY(struct service_spec, container.ulimits, container.n_ulimits, "ulimits",
		    &sla_ulimit_table, .max = ITEMS_MAX, .flags = F_OMIT_EMPTY,
		    .help = "Holm: container: limits of each process"),
	S(container.sysctls, "sysctls", F_STRV, .max = ITEMS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: `NAME=VALUE` each, of net.*, kernel.shm*, kernel.msg*, "
		  "kernel.sem and fs.mqueue.*"),
	FIELD_ARRAY(struct service_spec, container.devices, container.n_devices, "devices",
		    &sla_device_table, .max = ITEMS_MAX, .flags = F_OMIT_EMPTY,
		    .help = "Holm: container: devices of the node that it may use; for "
			    "administrators alone"),
	S(container.cap_add, "cap_add", F_STRV, .max = ITEMS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: capabilities beside the usual ones, such as `NET_ADMIN`; "
		  "`ALL`; for administrators alone"),
	S(container.cap_drop, "cap_drop", F_STRV, .max = ITEMS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: capabilities that it has not; `ALL`: none but those of "
		  "`cap_add`"),
	S(container.seccomp, "seccomp", F_ENUM, .names = sla_seccomp_names, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: `default`: the usual filter of system calls; `unconfined`: "
		  "none, for administrators alone"),
	S(container.no_new_privileges, "no_new_privileges", F_BOOL, .flags = F_GIVEN,
	  .given_offset = offsetof(struct service_spec, container.has_no_new_privileges),
	  .help = "Holm: container: set-uid programs and file capabilities give nothing; absent: "
		  "true, with `privileged` false"),
	S(container.extra_hosts, "extra_hosts", F_STRV, .max = ITEMS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: `NAME:ADDRESS` each, for its /etc/hosts; the address "
		  "`host-gateway` is the node"),
	S(container.oom_score_adj, "oom_score_adj", F_I64, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: -1000 to 1000, who ends first when the node has no memory "
		  "left; below 0 for administrators alone"),
	S(container.cpuset, "cpuset", F_STR, TEXT,
	  .help = "Holm: container: processors it may run on, such as `0-1,3`"),
	S(container.io, "io", F_OBJECT, .table = &sla_io_table, .flags = F_OMIT_EMPTY,
	  .help = "Holm: container: limits of the device that holds what it writes; with control "
		  "groups v1 they bind direct I/O only"),
	S(startup, "startup", F_OBJECT, .table = &sla_probe_table, .flags = F_GIVEN,
	  .given_offset = offsetof(struct service_spec, startup.is_given),
	  .help = "Holm: the other probes wait until this has passed; if it fails, the instance is "
		  "started again"),
	S(readiness, "readiness", F_OBJECT, .table = &sla_probe_table, .flags = F_GIVEN,
	  .given_offset = offsetof(struct service_spec, readiness.is_given),
	  .help = "Holm: an instance is RUNNING, and gets requests, while this passes. Without it and "
		  "`startup`: as soon as it is started; beside other instances, as soon as something "
		  "listens on the first TCP port of `port`, or after 5 seconds"),
	S(liveness, "liveness", F_OBJECT, .table = &sla_probe_table, .flags = F_GIVEN,
	  .given_offset = offsetof(struct service_spec, liveness.is_given),
	  .help = "Holm: if it fails, the instance is stopped and started again"),
	S(boot_timeout_s, "boot_timeout", F_U32, .max = BOOT_TIMEOUT_S_MAX, .flags = F_OMIT_EMPTY,
	  .help = "Holm: unikernel: seconds in which it has to write to its console and, if this "
		  "field and a startup or readiness probe are given, to pass that once; else it is "
		  "stopped and started again; 0: 30, for the console alone"),
	S(unknown, REST(service_reserved)),
};
#undef STRUCT
FIELD_TABLE(service_spec_table, struct service_spec, "microservice", service_spec_fields);

#define STRUCT sla_app
static const struct field app_fields[] = {
	S(id, "applicationID", F_STR, TEXT, .help = "of the application to add to; else empty"),
	S(name, "application_name", F_STR, .max = TEXT_LEN_MAX, .flags = F_REQUIRED,
	  .help = "1 to 30 letters and digits"),
	S(ns, "application_namespace", F_STR, .max = TEXT_LEN_MAX, .flags = F_REQUIRED,
	  .help = "1 to 30 letters and digits; name and namespace are unique per owner"),
	S(desc, "application_desc", F_STR, TEXT, .help = "for people"),
	FIELD_ARRAY(struct sla_app, services, n_services, "microservices", &service_spec_table,
		    .max = SLA_SERVICES_MAX, .flags = F_REQUIRED, .help = "may be empty"),
	S(unknown, REST(app_reserved)),
};
#undef STRUCT
static FIELD_TABLE(app_table, struct sla_app, "application", app_fields);

#define STRUCT sla
static const struct field sla_fields[] = {
	S(version, "sla_version", F_STR, .max = TEXT_LEN_MAX, .flags = F_REQUIRED,
	  .help = "`v2.0`"),
	S(customer_id, "customerID", F_STR, .max = TEXT_LEN_MAX, .flags = F_GIVEN,
	  .given_offset = offsetof(struct sla, has_customer_id),
	  .help = "not checked; Oakestra's API wants it to be there"),
	S(args, "args", F_STRV, .max = WORDS_MAX, .flags = F_OMIT_EMPTY, .help = "no effect"),
	FIELD_ARRAY(struct sla, apps, n_apps, "applications", &app_table, .max = SLA_APPS_MAX,
		    .flags = F_REQUIRED, .help = "may be empty"),
};
#undef STRUCT
FIELD_TABLE(sla_table, struct sla, "descriptor", sla_fields);

char *sla_reference(void)
{
	auto_buf struct buf out;

	buf_init(&out, SLA_TEXT_MAX);
	buf_add_str(
		&out,
		"# Deployment descriptor\n\nA JSON document: Oakestra's SLA v2.0, with fields of "
		"Holm's own marked so. Unknown fields are reported as warnings and have no effect; "
		"those of applications and microservices, up to 16 KiB of each, are kept for clients of "
		"Oakestra's API, who read them back. A comma before a closing bracket is accepted with a "
		"warning.\n\n");
	fields_reference(&sla_table, &out);
	return buf_take(&out);
}
