/* The OCI runtime spec of an instance: pure, data in, JSON text out. */
#ifndef HOLM_RUNTIME_OCI_SPEC_H
#define HOLM_RUNTIME_OCI_SPEC_H

#include "runtime/oci/image.h"
#include "runtime/oci/user.h"
#include "runtime/runtime.h"

#define SPEC_MAX ((size_t)1 << 20)

/* A device node as the host has it, and as the container gets it. */
struct spec_device {
	char *path; /* in the container */
	char type;  /* c or b */
	uint32_t major;
	uint32_t minor;
	uint32_t mode; /* permission bits of the node */
	uint32_t uid;
	uint32_t gid;
	const char *access; /* "rwm" */
};

/* A folder of the image that it declares as a volume. */
struct spec_volume {
	const char *path;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
};

/* What the host adds. */
struct spec_host {
	const char *instance_dir;  /* holds resolv.conf, hosts and hostname */
	const char *cgroup_parent; /* "holm-1a2b3c4d" */
	const char *arch;          /* "amd64", "arm64": whose system calls are filtered */
	bool has_seccomp;          /* the kernel can filter system calls */
	bool has_x32;              /* amd64: the kernel has the calls of the x32 ABI */
	bool has_cgroup_v2;        /* gives containers a cgroup namespace */
	bool has_swap_limit;       /* the kernel accounts swap */
	uint64_t files_max;        /* open files a process may be allowed; 0: any number */
	uint64_t capabilities;     /* that can be given to a container, by number */
	struct oci_user user;
	const struct spec_device *devices; /* those of the service; of a privileged one all */
	size_t n_devices;
	const struct spec_volume *volumes; /* of the image, those that are there */
	size_t n_volumes;
	uint32_t disk_major; /* device under the container's files, for limits of I/O */
	uint32_t disk_minor;
};

/* -EINVAL: nothing to run, an environment entry without '=', a mount without absolute paths, two
 * mounts at one place; -EPERM: a capability is wanted that the host cannot give. */
int spec_build(const struct runtime_spec *spec, const struct oci_image *image,
	       const struct spec_host *host, char **ret, struct err *err);

/* The files below instance_dir; the caller's. */
char *spec_resolv_conf(const struct runtime_net *net);
char *spec_hosts(const struct runtime_spec *spec);
/* The name a container has: its own, the network's, or its id. */
const char *spec_hostname(const struct runtime_spec *spec);

/* The service's choice before the image's; "" if neither has one. */
const char *spec_user(const struct runtime_spec *spec, const struct oci_image *image);
const char *spec_stop_signal(const struct runtime_spec *spec, const struct oci_image *image);

#endif
