/* Moments as people give them. */
#ifndef HOLM_MODEL_WHEN_H
#define HOLM_MODEL_WHEN_H

#include <stdint.h>

/* "10m", "1h30m", "2d", "45s": so long before now; or RFC 3339: "2026-11-23T13:18:02Z", with a fraction
 * or an offset ("+02:00"), or a day alone. -EINVAL. */
int when_parse(const char *text, uint64_t now_ms, uint64_t *ret_ms);

#endif
