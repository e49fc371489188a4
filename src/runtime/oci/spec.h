/* The OCI runtime spec of an instance: pure, data in, JSON text out. */
#ifndef HOLM_RUNTIME_OCI_SPEC_H
#define HOLM_RUNTIME_OCI_SPEC_H

#include "runtime/oci/image.h"
#include "runtime/oci/user.h"
#include "runtime/runtime.h"

#define SPEC_MAX ((size_t)1 << 20)

/* What the host adds. */
struct spec_host {
	const char *instance_dir;  /* holds resolv.conf, hosts and hostname */
	const char *cgroup_parent; /* "holm-1a2b3c4d" */
	bool has_cgroup_v2;        /* gives containers a cgroup namespace */
	bool has_swap_limit;       /* the kernel accounts swap */
	uint64_t files_max;        /* open files a process may be allowed; 0: any number */
	struct oci_user user;
};

/* -EINVAL: nothing to run, an environment entry without '=', a mount without absolute paths. */
int spec_build(const struct runtime_spec *spec, const struct oci_image *image,
	       const struct spec_host *host, char **ret, struct err *err);

/* The files below instance_dir; the caller's. */
char *spec_resolv_conf(const struct runtime_net *net);
char *spec_hosts(const struct runtime_net *net, const char *hostname);
/* The name a container has: the network's, or its id. */
const char *spec_hostname(const struct runtime_spec *spec);

#endif
