/* Certificates and private keys in files. */
#ifndef HOLM_DAEMON_PEM_FILE_H
#define HOLM_DAEMON_PEM_FILE_H

#include <sys/stat.h>

#include "base/base.h"
#include "base/secret.h"

/* What a file that was written again differs in. */
struct pem_stamp {
	ino_t inode;
	off_t size;
	struct timespec written;
};

/* -EACCES for a key that others may read, or that belongs to somebody else; -EBADMSG for what is no file
 * of a sensible size. ret_stamp may be NULL. */
int pem_read(const char *path, bool is_key, struct secret *ret, struct pem_stamp *ret_stamp,
	     struct err *err);
/* A file that is missing for a moment has not: it is being replaced. */
bool pem_has_changed(const char *path, const struct pem_stamp *earlier);

#endif
