/* What one group or process weighs that nobody has set: 1024 on v1, 100 on v2; both have a maximum. */
#include "base/base.h"
#include "base/cgroup.h"

#define SHARES     1024u
#define SHARES_MAX (256u << 10)
#define WEIGHT     100u
#define WEIGHT_MAX 10000u

static unsigned times(unsigned n, unsigned one, unsigned max)
{
	return n > max / one ? max : n * one;
}

int cgroup_weigh(const struct cgroup_fs *fs, const char *path, unsigned n, struct err *err)
{
	const struct cgroup_limits none = { 0 };
	bool is_v2 = fs->layout == CGROUP_V2;
	auto_free char *file = is_v2 ? xasprintf("%s/%s/cpu.weight", fs->root, path)
				     : xasprintf("%s/cpu/%s/cpu.shares", fs->root, path);
	char text[16];

	if (fs->layout == CGROUP_NONE)
		return 0;
	if (cgroup_make(fs, path, &none, err) < 0)
		return err->code;
	snprintf(text, sizeof(text), "%u",
		 is_v2 ? times(n, WEIGHT, WEIGHT_MAX) : times(n, SHARES, SHARES_MAX));
	return path_exists(file) ? file_write_value(file, text, err) : 0;
}
