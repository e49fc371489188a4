/* How --wait shows what it follows: on a terminal a line per instance, redrawn in place; elsewhere a
 * line per change. */
#ifndef HOLM_CLI_WATCH_LIVE_H
#define HOLM_CLI_WATCH_LIVE_H

#include "cli/cli.h"
#include "cli/watch/follow.h"

struct live {
	const struct cli_call *call;
	bool is_quiet;
	size_t n_drawn;  /* lines on the terminal that the next drawing replaces */
	struct map said; /* instance id → its line as last printed */
};

void live_init(struct live *live, const struct cli_call *call, bool is_quiet);
/* Leaves the last drawing where it is. */
void live_fini(struct live *live);
/* Shows what is new since the last call. */
void live_show(struct live *live, const struct follow *follow);

#endif
