/* What the files of this folder share. */
#ifndef HOLM_WORKER_VALUE_PRIVATE_H
#define HOLM_WORKER_VALUE_PRIVATE_H

#include "worker/value/value.h"

#define KIND_VALUE "value" /* in the worker's store */

/* One that the server has sent. */
struct kept_value {
	uint64_t revision;
	char *sealed; /* NULL: it could not be had yet */
	char *error;  /* why it cannot be had, or not anew; NULL: all is well */
};

/* "secret/NAME"; the caller's. */
char *values_key(enum value_kind kind, const char *name);
/* What it is sealed under; the caller's. */
char *values_label(const char *key, uint64_t revision);

#endif
