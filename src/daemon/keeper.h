/* The certificate that the API shows, from files of the user's or of the server's own authority, and its
 * changes: the user's files are read again on SIGHUP, and once a minute if they have changed; what the
 * authority issued is made again before it ends. What cannot be used is told in the log, and the earlier
 * certificate stays. */
#ifndef HOLM_DAEMON_KEEPER_H
#define HOLM_DAEMON_KEEPER_H

#include "base/base.h"
#include "base/secret.h"

struct loop;
struct keeper;

/* All is borrowed, and outlives the keeper. */
struct keeper_config {
	struct loop *loop;
	const char
		*certificate_file; /* PEM: the server's first, then those that lead to its issuer */
	const char *key_file;      /* PEM, for nobody else to read */
	/* Without files: the folder of the authority, and what it issues for. */
	const char *authority_dir;
	const char *authority_id;
	const char *hostname;
	const char *address;           /* the listening one */
	const struct strv *more_names; /* see certificate_is_name() */
	int (*show)(void *arg, const struct secret *certificates, const struct secret *key,
		    struct err *err);
	void *arg;
};

struct keeper *keeper_new(const struct keeper_config *config);
/* Before the loop; NULL-safe, returns NULL. */
struct keeper *keeper_free(struct keeper *keeper);

/* As they are now; the authority makes what is missing. */
int keeper_load(struct keeper *keeper, struct secret *ret_certificates, struct secret *ret_key,
		struct err *err);
/* What is loaded from now on is shown. */
void keeper_begin(struct keeper *keeper);

#endif
