/* What an instance uses, as `holm stats` prints it: measured values alone, what was not measured is
 * not there. */
#ifndef HOLM_MODEL_STATS_VIEW_H
#define HOLM_MODEL_STATS_VIEW_H

#include "base/base.h"
#include "base/id.h"
#include "json/json.h"

struct stats_view {
	char id[ID_SIZE];
	char *app;     /* app.appns */
	char *service; /* service.servicens */
	uint32_t number;
	char *node;              /* host name */
	double cpu_cores;        /* in use, over the last seconds; 1: one core all the time */
	double memory_mib;       /* without inactive file cache */
	double memory_limit_mib; /* of its control group, 0: none */
	double read_mib;         /* from and to disks, since its start */
	double written_mib;
	double net_in_mib; /* since its start */
	double net_out_mib;
	uint32_t pids;
	bool has_cpu; /* known from the second measurement on */
	bool has_limit;
	bool has_io;
	bool has_net;
	bool has_pids;
	char measured_at[RFC3339_MAX];
};
extern const struct field_table stats_view_table;

/* Whether this name is one of its: "web.test.0", "web.0", "shop.prod.web.test.0", each without number too,
 * or the begin of an id, of four digits at least. */
bool stats_view_fits(const struct stats_view *view, const char *name);

#endif
