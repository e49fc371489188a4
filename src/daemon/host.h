/* Facts of the machine, and the files that make a data directory ours. */
#ifndef HOLM_DAEMON_HOST_H
#define HOLM_DAEMON_HOST_H

#include "base/base.h"
#include "base/id.h"

struct host_facts {
	char hostname[65];
	char address[64]; /* source address towards the default route, else 127.0.0.1 */
	const char *arch; /* amd64, arm64 */
	uint32_t cpus;
	uint64_t memory_mib;
	uint64_t pids; /* most processes, 0: not known */
};

void host_look(struct host_facts *ret);

/* MiB of the file system that holds the directory, 0: not known. */
uint64_t host_disk_mib(const char *data_dir);

/* Takes the directory's lock for this process; -EBUSY names the process that has it. The lock goes
 * with the descriptor. */
int host_lock(const char *data_dir, struct err *err);

/* The node's id, made on first use. */
int host_node_id(const char *data_dir, char ret[ID_SIZE], struct err *err);

/* The bearer token for TCP, made on first use (0600); the caller's. */
int host_token(const char *data_dir, char **ret, struct err *err);

/* A program of the same installation or build tree, "holm-helper" say; the caller's. */
int host_program_path(const char *name, char **ret, struct err *err);

#endif
