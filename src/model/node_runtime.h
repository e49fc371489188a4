/* A way to run instances that a node has, and what became of trying it. */
#ifndef HOLM_MODEL_NODE_RUNTIME_H
#define HOLM_MODEL_NODE_RUNTIME_H

#include "json/json.h"

#define NODE_RUNTIMES_MAX 64 /* of a node */

struct node_runtime {
	char *name;      /* "runc" */
	char *path;      /* of its program */
	struct strv can; /* network, exec, limits: what was seen to work */
	bool is_pending; /* it is being tried */
	char *problem;   /* why it is not used, NULL: it is */
};

extern const struct field_table node_runtime_table;

#endif
