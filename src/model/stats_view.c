/* The table of measured values. */
#include "model/stats_view.h"

#define S(member, name, kind, ...) FIELD(struct stats_view, member, name, kind, __VA_ARGS__)
#define GIVEN(member)              .flags = F_GIVEN, .given_offset = offsetof(struct stats_view, member)

static const struct field fields[] = {
	S(id, "id", F_CHARS),
	S(app, "app", F_STR),
	S(service, "service", F_STR),
	S(number, "number", F_U32),
	S(node, "node", F_STR),
	S(cpu_cores, "cpu_cores", F_DOUBLE, GIVEN(has_cpu)),
	S(memory_mib, "memory_mib", F_DOUBLE),
	S(memory_limit_mib, "memory_limit_mib", F_DOUBLE, GIVEN(has_limit)),
	S(read_mib, "disk_read_mib", F_DOUBLE, GIVEN(has_io)),
	S(written_mib, "disk_written_mib", F_DOUBLE, GIVEN(has_io)),
	S(net_in_mib, "net_in_mib", F_DOUBLE, GIVEN(has_net)),
	S(net_out_mib, "net_out_mib", F_DOUBLE, GIVEN(has_net)),
	S(pids, "pids", F_U32, GIVEN(has_pids)),
	S(measured_at, "measured_at", F_CHARS),
};
FIELD_TABLE(stats_view_table, struct stats_view, "statistics", fields);
