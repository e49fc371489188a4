/* Between the two files about snapshots: names, and the record. */
#ifndef HOLM_RUNTIME_QEMU_SNAPSHOT_FILES_H
#define HOLM_RUNTIME_QEMU_SNAPSHOT_FILES_H

#include "runtime/qemu/state.h"

/* The caller's. */
char *snapshot_dir(const struct qemu *qemu);
char *snapshot_file(const struct qemu *qemu, const char *key, const char *suffix);

/* Writes what the state has to be when it is used, which makes it one. */
int snapshot_record(const struct qemu *qemu, const char *key, int fd, const char *image,
		    struct err *err);

#endif
