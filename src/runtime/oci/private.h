/* Between the files that write the spec. Each adds its members to the object that `out` is in. */
#ifndef HOLM_RUNTIME_OCI_PRIVATE_H
#define HOLM_RUNTIME_OCI_PRIVATE_H

#include "json/json.h"
#include "runtime/oci/spec.h"

/* One spec being written. */
struct spec_ctx {
	const struct runtime_spec *spec;
	const struct sla_container *container; /* of the spec, never NULL */
	const struct oci_image *image;
	const struct spec_host *host;
	uint64_t capabilities; /* that it gets */
	struct json_out *out;
};

/* spec_rights.c: what it may do and see: capabilities; members of "process" and of "linux". */
int spec_pick_capabilities(struct spec_ctx *ctx, struct err *err);
void spec_put_process_rights(const struct spec_ctx *ctx);
void spec_put_sysctls(const struct spec_ctx *ctx);
void spec_put_hidden_paths(const struct spec_ctx *ctx);

/* spec_mounts.c: "mounts". */
int spec_put_mounts(const struct spec_ctx *ctx, struct err *err);

/* spec_limits.c: "resources" and "devices" of "linux". */
void spec_put_resources(const struct spec_ctx *ctx);

/* seccomp.c: "seccomp" of "linux", or nothing. */
void spec_put_seccomp(const struct spec_ctx *ctx);

void spec_put_strings(struct json_out *out, const char *key, const char *const *items, size_t n);

#endif
