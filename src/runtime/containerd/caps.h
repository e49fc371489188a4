/* Private: what a probe found, kept from start to start. */
#ifndef HOLM_RUNTIME_CONTAINERD_CAPS_H
#define HOLM_RUNTIME_CONTAINERD_CAPS_H

#include "runtime/containerd/driver.h"

/* What a proof holds for: program, its time and size, flags, boot and `circumstances` (versions of what
 * is around it). NULL if the program is not there. The caller's. */
char *caps_cache_key(const struct oci_runtime *runtime, const char *circumstances);
/* Those that nothing is known of yet and that worked under these circumstances work. */
void caps_cache_read(const char *path, const char *circumstances, struct oci_runtimes *runtimes);
void caps_cache_write(const char *path, const char *circumstances,
		      const struct oci_runtimes *runtimes);

#endif
