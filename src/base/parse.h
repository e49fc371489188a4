/* Numbers, durations and sizes from text, bounded. Each returns 0 or -EINVAL
 * (not of that form) or -ERANGE. The whole text must match. */
#ifndef HOLM_BASE_PARSE_H
#define HOLM_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
int parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *ret);
/* `len` bytes of lower- or upper-case hex. */
bool is_hex(const char *s, size_t len);

/* "90s", "30m", "24h", "7d" in seconds. */
int parse_duration_s(const char *s, uint32_t *ret);

/* Dotted quad to host byte order and back. */
int parse_ipv4(const char *s, uint32_t *ret);
#define IPV4_STR_MAX 16
const char *format_ipv4(uint32_t addr, char out[IPV4_STR_MAX]);
/* "10.18.0.0/15"; host bits must be zero. */
int parse_cidr(const char *s, uint32_t *ret_addr, unsigned *ret_prefix);

/* "512 B", "9.5 KiB", "120 MiB" */
#define SIZE_STR_MAX 24
const char *format_size(uint64_t bytes, char out[SIZE_STR_MAX]);

/* "2026-11-23T13:18:02Z" in UTC. */
#define RFC3339_MAX 32
const char *format_rfc3339(uint64_t unix_ms, char out[RFC3339_MAX]);

#endif
