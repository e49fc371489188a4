/* A machine that is halted, and goes on. */
#ifndef HOLM_RUNTIME_QEMU_PAUSE_H
#define HOLM_RUNTIME_QEMU_PAUSE_H

#include "base/base.h"

/* `path` is the folder of an instance that runs. -ETIMEDOUT if QEMU does not answer. */
int pause_set(const char *path, bool is_paused, struct err *err);

/* As last set. */
bool pause_is_set(const char *path);

/* One that was broken off is settled by asking QEMU. */
void pause_recover(const char *path);

#endif
