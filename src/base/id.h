/* Ids: 24 lower-case hex digits, for every object and node. */
#ifndef HOLM_BASE_ID_H
#define HOLM_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#define ID_LEN  24
#define ID_SIZE (ID_LEN + 1)

/* From 96 random bits. */
void id_format(const uint8_t random[12], char out[ID_SIZE]);
bool id_is_valid(const char *s);

#endif
