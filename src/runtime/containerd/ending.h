/* How a container ended, from its exit code. */
#ifndef HOLM_RUNTIME_CONTAINERD_ENDING_H
#define HOLM_RUNTIME_CONTAINERD_ENDING_H

#include "base/base.h"
#include "runtime/runtime.h"

/* `exit_code` in the shell's form: 128 + signal for a death by signal. `oom_kills` is how many of
 * its processes the kernel killed for memory. Writes words for a person. */
enum runtime_end ending_of(uint32_t exit_code, uint64_t oom_kills, char *detail, size_t size);

/* The words for an end that we brought about. */
void ending_stopped(uint32_t exit_code, bool was_killed, char *detail, size_t size);

#endif
