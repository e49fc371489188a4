/* The user that one machine's QEMU runs as. Nobody keeps a list: the group of each machine's working
 * folder is the user's number, so a folder that is there has its user. */
#ifndef HOLM_RUNTIME_QEMU_USER_H
#define HOLM_RUNTIME_QEMU_USER_H

#include "runtime/qemu/state.h"

/* Gives the folder PATH/vm, which is root's alone until then, a user that no other folder beside PATH
 * has and no process of this machine is; safe on several threads. -EUSERS. When Holm is not root there is
 * no choice: 0. */
int qemu_user_give(const struct qemu *qemu, const char *path, uint32_t *ret, struct err *err);

#endif
