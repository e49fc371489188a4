/* Linux capabilities by name and number. */
#ifndef HOLM_MODEL_CAPABILITY_H
#define HOLM_MODEL_CAPABILITY_H

#include <stdint.h>

#define CAPABILITY_N 41 /* CAP_CHOWN is 0, CAP_CHECKPOINT_RESTORE 40 */

/* "CAP_CHOWN". */
extern const char *const capability_names[CAPABILITY_N];

/* All that there are. */
#define CAPABILITY_ALL ((UINT64_C(1) << CAPABILITY_N) - 1)

/* The bits of "NET_ADMIN", "cap_net_admin" or "ALL"; 0 for an unknown name. */
uint64_t capability_parse(const char *name);

#endif
