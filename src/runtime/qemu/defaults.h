/* What an image brings beside its files: arguments and environment for when nothing else is asked. */
#ifndef HOLM_RUNTIME_QEMU_DEFAULTS_H
#define HOLM_RUNTIME_QEMU_DEFAULTS_H

#include "base/base.h"

#define QEMU_CONFIGURED_MAX 1024 /* more than that is not believed */

struct qemu_defaults {
	struct strv cmd;
	struct strv env;        /* K=V */
	size_t n_own_variables; /* of it that nothing was asked instead of */
	/* What the kernel was configured to take, as kraftkit tells in "os.features"; 0: not told. */
	uint32_t variables_max;
	uint32_t words_max;
};
/* From the folder of an image, of its artifact.json (image spec 1.0, "config"); without one: none.
 * -EBADMSG. */
int qemu_defaults_read(const char *image, struct qemu_defaults *ret, struct err *err);
void qemu_defaults_fini(struct qemu_defaults *defaults);
/* The asked arguments take the place of the image's; of each variable, what is asked. Either may be
 * NULL. */
void qemu_defaults_merge(struct qemu_defaults *defaults, const struct strv *cmd,
			 const struct strv *env);

#endif
