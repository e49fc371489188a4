/* Telling a process from a later one with the same pid: pid + start time + boot id. */
#ifndef HOLM_BASE_PROC_H
#define HOLM_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define BOOT_ID_SIZE 37

struct proc_id {
	pid_t pid;           /* 0: none */
	uint64_t start_time; /* clock ticks since boot, field 22 of /proc/PID/stat */
	char boot_id[BOOT_ID_SIZE];
};

/* This boot's id, from /proc/sys/kernel/random/boot_id. */
void proc_boot_id(char out[BOOT_ID_SIZE]);

/* Identity of a process that runs now; -ESRCH if there is none (a zombie counts as none). */
int proc_identify(pid_t pid, struct proc_id *ret, struct err *err);
/* The same by the text of its /proc/PID/stat, which is changed. */
int proc_identify_by(pid_t pid, char *stat, struct proc_id *ret, struct err *err);

bool proc_is_alive(const struct proc_id *id);

/* pidfd of exactly this process, or -ESRCH. Readable once it has ended. */
int proc_open(const struct proc_id *id, struct err *err);

/* Sends a signal to exactly this process; gone already is success. */
int proc_kill(const struct proc_id *id, int sig, struct err *err);

/* Waits until it has ended: 0, or -ETIMEDOUT. For executor threads, never on the loop. */
int proc_wait(const struct proc_id *id, unsigned timeout_ms, struct err *err);

/* One line "PID START BOOTID", for pid files; parse gives -EINVAL. */
#define PROC_ID_TEXT_MAX 96
const char *proc_id_format(const struct proc_id *id, char out[PROC_ID_TEXT_MAX]);
int proc_id_parse(const char *text, struct proc_id *ret);

#endif
