/* What a program sees of the machine: namespaces of its own, and a root that has its folder and what it
 * needs to be loaded, and no path of anybody else. */
#ifndef HOLM_HELPER_JAIL_H
#define HOLM_HELPER_JAIL_H

#include "base/base.h"

struct jail {
	const char *dir;     /* its working folder, seen as /vm */
	const char *program; /* real path of its executable, seen under the same name */
	const char *device;  /* a device it may open beside /dev/null and /dev/urandom, or NULL */
};

/* Namespaces that only a new process can be born into, for clone(2). */
int jail_clone_flags(void);

/* Turns the calling process (born with jail_clone_flags(), with CAP_SYS_ADMIN) into an inmate and enters
 * its folder. From then on nothing outside has a path, so whatever needs one is done before. */
int jail_enter(const struct jail *jail, struct err *err);

#endif
