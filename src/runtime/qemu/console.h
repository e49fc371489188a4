/* What `holm attach` is connected to: the guest's serial console, by its supervisor. */
#ifndef HOLM_RUNTIME_QEMU_CONSOLE_H
#define HOLM_RUNTIME_QEMU_CONSOLE_H

#include "runtime/runtime.h"

/* Commands cannot be run in a guest: attach, and what is asked of a terminal. */
extern const struct runtime_exec_ops qemu_console_ops;

#endif
