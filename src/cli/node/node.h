/* What `holm node show` prints. */
#ifndef HOLM_CLI_NODE_H
#define HOLM_CLI_NODE_H

#include "cli/cli.h"
#include "cli/table.h"

/* `node`: the view as JSON; `instances`: the array of all instances; -EBADMSG and so on. */
int node_print(const char *node, const char *instances, bool is_colored, FILE *out,
	       struct err *err);

#endif
