/* Private: where a container's output goes. */
#ifndef HOLM_RUNTIME_CONTAINERD_OUTPUT_H
#define HOLM_RUNTIME_CONTAINERD_OUTPUT_H

#include "runtime/containerd/driver.h"

/* The shim's stdio URI for a logger of ours that writes to `log_path`, "" for NULL; the caller's. */
char *output_uri(const struct driver *driver, const char *log_path);

/* The same as the helper's command line has it; the caller's. */
char *output_target(const struct driver *driver, const char *log_path);

/* Notes in the instance's folder where its output goes, for output_tend(). */
int output_note(const struct driver *driver, const char *dir, const char *log_path,
		struct err *err);

/* If a running container's logger was killed, another one takes its place: 1. What the program wrote
 * until then it may have been refused; the log tells. 0: nothing to do. To be called at regular
 * times. */
int output_tend(const struct driver *driver, const char *instance_id, struct err *err);

#endif
