/* Images on this node: listed, had, removed and pruned when asked, and pruned when their disk fills.
 *
 * An image is kept while an instance uses it or wishes it. Who does is known on the loop alone; what
 * is stored is asked of the runtimes on an executor. What is removed between the two although
 * somebody wants it after all is had again: a start that misses its image fetches it anew. */
#ifndef HOLM_WORKER_IMAGES_IMAGES_H
#define HOLM_WORKER_IMAGES_IMAGES_H

#include <stdint.h>

#include "json/json.h"
#include "worker/images/transfer.h"

struct worker;
struct winst;
struct call;
struct images; /* one worker's */

struct images *images_new(struct worker *worker);
struct images *images_free(struct images *images); /* after the loop; NULL-safe */

/* Looks at the disks, and prunes if they are too full: at the start, from time to time, and here. */
void images_care(struct images *images);
/* A transfer of so many bytes has ended: -ENOSPC is a reason to prune, and what failed is tried again
 * then. */
void images_transferred(struct images *images, int result, uint64_t bytes);
/* An instance is about to be forgotten, or goes by another spec: notes when its image was used last. */
void images_left(struct images *images, const struct winst *inst);
/* What is wrong with the node's disks, "" if nothing is. */
const char *images_problem(const struct images *images);

/* The name an image is stored under by its reference; a URL stays what it is. The caller's. */
char *image_name_of(const char *ref);

/* Calls. */
void call_image_ls(struct call *call, const struct json *args);
void call_image_pull(struct call *call, const struct json *args);
void call_image_rm(struct call *call, const struct json *args);
void call_image_prune(struct call *call, const struct json *args);
/* registries.c: {"host","user","password"} → {"host","user","verified"}, {"host"}, and the list. */
void registry_login_begin(struct call *call, const struct json *args);
void registry_logout_begin(struct call *call, const struct json *args);
void registry_list_begin(struct call *call, const struct json *args);

#endif
