/* Secrets and configuration objects on the node. They are kept sealed under a key file of the node's
 * own, so that instances start without a server, and opened for a start alone. */
#ifndef HOLM_WORKER_VALUE_VALUE_H
#define HOLM_WORKER_VALUE_VALUE_H

#include "model/message.h"
#include "runtime/runtime.h"
#include "secrets/secrets.h"

struct worker;
struct winst;

/* kept.c: what the server has sent. */
void values_on_message(struct worker *worker, const char *payload);
int values_load_one(struct worker *worker, const char *key, const char *body, struct err *err);
/* After all is loaded: removes files of instances that nobody remembers; blocks. */
void values_loaded(struct worker *worker);
void values_free_all(struct worker *worker);
/* Forgets those that no instance wants any more. */
void values_prune(struct worker *worker);

/* given.c: what one instance gets, taken along to an executor. */
struct values_given {
	const struct service_spec *spec; /* outlives it; NULL: nothing is given */
	const char *key_path;
	struct secrets_place place;
	struct values_item *items;
	size_t n;
	bool is_lacking;            /* the server has to be asked */
	bool has_files;             /* some are files */
	uint64_t seq;               /* of the state it was made from */
	struct secrets_files files; /* once they are opened */
	struct strv env;            /* the spec's, and theirs */
	struct strv mount_paths;    /* strings of the mounts */
};
/* What the spec asks for; with is_update only what can change in a running instance. */
void values_give(struct worker *worker, const struct service_spec *spec, bool is_update,
		 struct values_given *ret);
void values_given_fini(struct values_given *given);
/* Adds the mounts that show the files. */
void values_add_mounts(struct values_given *given, const char *instance_id,
		       struct runtime_mount **mounts, size_t *n_mounts);
/* On the executor: opens them, and puts the files where they are mounted from. */
int values_put(struct values_given *given, const char *instance_id, struct err *err);

/* Brings the files of one that runs up to date. */
void values_refresh(struct winst *inst);

#endif
