/* proc(5): "  eth0: BYTES packets errs drop fifo frame compressed multicast BYTES …". */
#include "base/base.h"
#include "base/netdev.h"

#define FIELD_SENT 8

char *netdev_read(void)
{
	char *text = NULL;
	struct err ignored;

	if (file_read("/proc/thread-self/net/dev", NETDEV_TEXT_MAX, &text, NULL, &ignored) < 0)
		return NULL;
	return text;
}

/* The line's part behind "NAME:", NULL if it is another interface's. */
static const char *behind_name(const char *line, const char *ifname)
{
	size_t len = strlen(ifname);

	line += strspn(line, " ");
	return str_starts(line, ifname) && line[len] == ':' ? line + len + 1 : NULL;
}

bool netdev_find(const char *text, const char *ifname, uint64_t *ret_received, uint64_t *ret_sent)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *counters = behind_name(line, ifname);
		auto_strv struct strv fields = { 0 };

		if (!counters)
			continue;
		auto_free char *own = xstrndup(counters, strcspn(counters, "\n"));
		strv_split(&fields, own, " ");
		return fields.n > FIELD_SENT &&
		       parse_u64(fields.items[0], 0, UINT64_MAX, ret_received) == 0 &&
		       parse_u64(fields.items[FIELD_SENT], 0, UINT64_MAX, ret_sent) == 0;
	}
	return false;
}
