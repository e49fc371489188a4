/* The certificate that the API shows, from the user's files. They are read again on SIGHUP, and once a minute
 * if they have changed; what cannot be used is told in the log, and the earlier certificate stays. */
#ifndef HOLM_DAEMON_KEEPER_H
#define HOLM_DAEMON_KEEPER_H

#include "base/base.h"
#include "base/secret.h"

struct loop;
struct keeper;

struct keeper_config {
	struct loop *loop;
	const char
		*certificate_file; /* PEM: the server's first, then those that lead to its issuer */
	const char *key_file;      /* PEM, for nobody else to read */
	int (*show)(void *arg, const struct secret *certificates, const struct secret *key,
		    struct err *err);
	void *arg;
};

/* Strings are copied. */
struct keeper *keeper_new(const struct keeper_config *config);
/* Before the loop; NULL-safe, returns NULL. */
struct keeper *keeper_free(struct keeper *keeper);

/* The files as they are now. */
int keeper_load(struct keeper *keeper, struct secret *ret_certificates, struct secret *ret_key,
		struct err *err);
/* What is loaded from now on is shown. */
void keeper_begin(struct keeper *keeper);

#endif
