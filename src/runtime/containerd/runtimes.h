/* Private: the OCI runtimes of this node: those that are known by name and installed, and those that a
 * file of the node's names. */
#ifndef HOLM_RUNTIME_CONTAINERD_RUNTIMES_H
#define HOLM_RUNTIME_CONTAINERD_RUNTIMES_H

#include "base/base.h"

enum proof { PROOF_NONE, PROOF_WORKS, PROOF_BROKEN };

struct oci_runtime {
	char *name; /* runc, which is docker too, runsc, … */
	char *path; /* of its program */
	struct strv flags;
	char *binary; /* what containerd is told to run; NULL: its default */
	/* What a probe found; nobody else may change it while one runs. */
	enum proof proof;
	struct strv can; /* network, exec, limits */
	char *problem;
};

struct oci_runtimes {
	struct oci_runtime *items;
	size_t n;
};
void oci_runtimes_fini(struct oci_runtimes *runtimes);

/* Looks for programs, reads the file at `path` if there is one (NULL: none), and writes a script for
 * each runtime that needs flags into `dir`. The file is a JSON object:
 *
 *     { "runtimes": [ { "name": "kata", "path": "/opt/kata/runtime", "flags": ["--debug"] } ] }
 *
 * A name that is known already changes that runtime; without a path its program is looked for.
 * -EINVAL: the file is wrong. */
int oci_runtimes_load(const char *path, const char *dir, struct oci_runtimes *ret, struct err *err);

/* By a word of a descriptor; NULL or "" is docker. */
struct oci_runtime *oci_runtimes_find(const struct oci_runtimes *runtimes, const char *word);
/* Words of descriptors that lead to it. */
void oci_runtime_words(const struct oci_runtime *runtime, struct strv *ret);

#endif
