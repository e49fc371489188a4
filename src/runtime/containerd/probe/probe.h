/* An image made of nothing but one small program (probe/program.c). Running it proves a sub-runtime
 * from the unpacking of layers to the exit code. */
#ifndef HOLM_RUNTIME_CONTAINERD_PROBE_H
#define HOLM_RUNTIME_CONTAINERD_PROBE_H

#define PROBE_IMAGE_NAME "holm.invalid/probe:1"
#define PROBE_PROGRAM    "/probe"

/* How the program ends. */
#define PROBE_EXIT_CODE   42 /* all is well */
#define PROBE_LONELY_CODE 43 /* it has no network */
#define PROBE_EXEC_CODE   44 /* it was run as a further command */

struct image_source;
struct image_source *probe_image_new(void);
struct image_source *probe_image_free(struct image_source *source); /* NULL-safe */

#endif
