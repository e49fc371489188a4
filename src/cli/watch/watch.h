/* `--wait`: follows /events until the plan's services stand as wished. */
#ifndef HOLM_CLI_WATCH_H
#define HOLM_CLI_WATCH_H

#include "cli/remote.h"
#include "model/view.h"

struct waiting {
	const struct remote *remote;
	const struct plan_view *plan;
	const char *before; /* JSON of all instances before the request */
	uint64_t started_ms;
	uint32_t timeout_s;
	uint32_t settle_s; /* what is good has to stay so for so long */
	bool is_narrow;    /* only instances that the plan restarts are followed */
	bool is_quiet;
};

/* Exit code. */
int wait_for(const struct waiting *waiting);

#endif
