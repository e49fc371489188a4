/* Processes of a session. */
#ifndef HOLM_RUNTIME_CONTAINERD_EXEC_SESSION_H
#define HOLM_RUNTIME_CONTAINERD_EXEC_SESSION_H

#include <sys/types.h>

/* SIGKILL to all of the session that `leader` led. Its number stays taken while one of them lives,
 * so no other session is met. */
void session_kill(pid_t leader);

#endif
