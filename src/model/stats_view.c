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

#define PREFIX_MIN 4 /* digits of an id */

bool stats_view_fits(const struct stats_view *view, const char *name)
{
	auto_free char *number = xasprintf(".%u", view->number);
	auto_free char *full = xasprintf("%s.%s", view->app, view->service);
	auto_free char *first = xstrndup(view->service, strcspn(view->service, "."));
	const char *const forms[] = { full, view->service, first };

	if (strlen(name) >= PREFIX_MIN && str_starts(view->id, name))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		auto_free char *numbered = xasprintf("%s%s", forms[i], number);

		if (str_eq(forms[i], name) || str_eq(numbered, name))
			return true;
	}
	return false;
}
