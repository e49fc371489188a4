/* What the files of this folder share. */
#ifndef HOLM_SECRETS_PRIVATE_H
#define HOLM_SECRETS_PRIVATE_H

#include "secrets/secrets.h"

/* Writes the file below the folder that is open as `root`, unless it has this content already. */
int secrets_write_file(int root, const struct secrets_file *file, struct err *err);

#endif
