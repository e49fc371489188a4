/* An image made of nothing: one program of a few instructions that ends with a code of its own.
 * Running it proves a sub-runtime from the unpacking of layers to the exit code. */
#ifndef HOLM_RUNTIME_CONTAINERD_PROBE_IMAGE_H
#define HOLM_RUNTIME_CONTAINERD_PROBE_IMAGE_H

#include "model/image_source.h"

#define PROBE_IMAGE_NAME "holm.invalid/probe:1"
#define PROBE_EXIT_CODE  42

/* NULL on architectures that it has no program for. */
struct image_source *probe_image_new(void);
struct image_source *probe_image_free(struct image_source *source); /* NULL-safe */

#endif
