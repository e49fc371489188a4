/* Local sockets that are files in a folder whose path may have any length (a socket's has 107 bytes). */
#ifndef HOLM_BASE_SOCKET_H
#define HOLM_BASE_SOCKET_H

#include "base/err.h"

#define SOCKET_BACKLOG 8

/* A listening one of this type (SOCK_STREAM, SOCK_SEQPACKET), for its owner alone; one that is there
 * already is replaced. */
int socket_listen(const char *dir, const char *name, int type, struct err *err);

/* Non-blocking. -ENOENT: there is none, -ECONNREFUSED: nobody listens any more. */
int socket_connect(const char *dir, const char *name, int type, struct err *err);

#endif
