/* Control groups, by reading and writing their files.
 *
 * v1 has a hierarchy per controller, each with files of its own names; v2 has one. Which controller
 * has which file is in one table; everything else is the same walk over hierarchies. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/cgroup.h"

#define CPU_PERIOD_US 100000ull
#define VALUE_MAX     (64u << 10)

static const char *const v1_controllers[] = { "memory", "cpu", "pids", "cpuacct" };
static const char *const v2_controllers[] = { "memory", "cpu", "pids" };

static bool has_folder(const char *root, const char *name)
{
	auto_free char *path = path_join(root, name);
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int cgroup_detect(const char *root, struct cgroup_fs *ret, struct err *err)
{
	auto_free char *controllers = path_join(root, "cgroup.controllers");

	if (strlen(root) >= sizeof(ret->root))
		return err_set(err, -ENAMETOOLONG, "cgroup root %s: too long", root);
	*ret = (struct cgroup_fs){ 0 };
	STR_COPY(ret->root, root);
	if (path_exists(controllers))
		ret->layout = CGROUP_V2;
	else if (has_folder(root, "memory"))
		ret->layout = has_folder(root, "unified") ? CGROUP_HYBRID : CGROUP_V1;
	return 0;
}

/* Calls for each hierarchy that exists; the first error ends it. */
struct walk {
	const struct cgroup_fs *fs;
	const char *path; /* of the group */
	int (*visit)(struct walk *walk, const char *controller, const char *dir, struct err *err);
	const void *arg;
	int count;
};

static int walk(struct walk *w, struct err *err)
{
	int r = 0;

	if (w->fs->layout == CGROUP_V2) {
		auto_free char *dir = path_join(w->fs->root, w->path);

		return w->visit(w, NULL, dir, err);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(v1_controllers); i++) {
		const char *controller = v1_controllers[i];

		if (!has_folder(w->fs->root, controller))
			continue;
		auto_free char *dir = xasprintf("%s/%s/%s", w->fs->root, controller, w->path);
		r = w->visit(w, controller, dir, err);
	}
	return r;
}

static int write_file(const char *dir, const char *name, const char *value, struct err *err)
{
	auto_free char *path = path_join(dir, name);

	return file_write_value(path, value, err);
}

static int write_u64(const char *dir, const char *name, uint64_t value, struct err *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", value);
	return write_file(dir, name, text, err);
}

static int limit_memory_v1(const char *dir, uint64_t bytes, struct err *err)
{
	struct err ignored;
	int r = write_u64(dir, "memory.limit_in_bytes", bytes, err);

	/* Without swap accounting there is no such file, and nothing to limit. */
	if (r == 0)
		write_u64(dir, "memory.memsw.limit_in_bytes", bytes, &ignored);
	return r;
}

static int limit_cpu_v1(const char *dir, uint32_t millis, struct err *err)
{
	int r = write_u64(dir, "cpu.cfs_period_us", CPU_PERIOD_US, err);

	return r < 0 ? r : write_u64(dir, "cpu.cfs_quota_us", millis * CPU_PERIOD_US / 1000, err);
}

static int limit_v1(const char *controller, const char *dir, const struct cgroup_limits *limits,
		    struct err *err)
{
	if (str_eq(controller, "memory") && limits->memory_bytes)
		return limit_memory_v1(dir, limits->memory_bytes, err);
	if (str_eq(controller, "cpu") && limits->cpu_millis)
		return limit_cpu_v1(dir, limits->cpu_millis, err);
	if (str_eq(controller, "pids") && limits->pids)
		return write_u64(dir, "pids.max", limits->pids, err);
	return 0;
}

static int limit_v2(const char *dir, const struct cgroup_limits *limits, struct err *err)
{
	struct err ignored;
	int r = 0;

	if (limits->memory_bytes) {
		r = write_u64(dir, "memory.max", limits->memory_bytes, err);
		if (r == 0)
			write_u64(dir, "memory.swap.max", 0, &ignored);
	}
	if (r == 0 && limits->cpu_millis) {
		char text[64];

		snprintf(text, sizeof(text), "%llu %llu", limits->cpu_millis * CPU_PERIOD_US / 1000,
			 CPU_PERIOD_US);
		r = write_file(dir, "cpu.max", text, err);
	}
	if (r == 0 && limits->pids)
		r = write_u64(dir, "pids.max", limits->pids, err);
	return r;
}

/* On v2 a controller works in a group only if every group above it passes it on. */
static void pass_on_controllers(const struct cgroup_fs *fs, const char *path)
{
	auto_free char *dir = path_join(fs->root, path);
	struct err ignored;

	for (char *end = dir + strlen(fs->root); end; end = strchr(end + 1, '/')) {
		auto_free char *parent = xstrndup(dir, (size_t)(end - dir));

		for (size_t i = 0; i < ARRAY_LEN(v2_controllers); i++) {
			auto_free char *word = xasprintf("+%s", v2_controllers[i]);

			write_file(parent, "cgroup.subtree_control", word, &ignored);
		}
	}
}

static int make_visit(struct walk *w, const char *controller, const char *dir, struct err *err)
{
	const struct cgroup_limits *limits = w->arg;
	int r = dir_make(dir, 0755, err);

	if (r < 0)
		return r;
	w->count++;
	if (controller)
		return limit_v1(controller, dir, limits, err);
	pass_on_controllers(w->fs, w->path);
	return limit_v2(dir, limits, err);
}

static int check_controllers(const struct cgroup_fs *fs, const struct cgroup_limits *limits,
			     struct err *err)
{
	const bool wanted[] = { limits->memory_bytes > 0, limits->cpu_millis > 0,
				limits->pids > 0 };
	auto_free char *list = NULL;
	auto_free char *path = path_join(fs->root, "cgroup.controllers");
	struct err ignored;

	if (fs->layout == CGROUP_V2 && file_read(path, VALUE_MAX, &list, NULL, &ignored) < 0)
		list = xstrdup("");
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		bool is_there = fs->layout == CGROUP_V2 ? strstr(list, v2_controllers[i]) != NULL
							: has_folder(fs->root, v2_controllers[i]);

		if (wanted[i] && !is_there)
			return err_set(err, -ENOTSUP, "cgroups: no %s controller in %s",
				       v2_controllers[i], fs->root);
	}
	return 0;
}

int cgroup_make(const struct cgroup_fs *fs, const char *path, const struct cgroup_limits *limits,
		struct err *err)
{
	struct walk w = { .fs = fs, .path = path, .visit = make_visit, .arg = limits };
	int r = check_controllers(fs, limits, err);

	return r < 0 ? r : walk(&w, err);
}

static int join_visit(struct walk *w, const char *controller, const char *dir, struct err *err)
{
	if (!path_exists(dir))
		return 0;
	return write_u64(dir, "cgroup.procs", (uint64_t) * (const pid_t *)w->arg, err);
}

int cgroup_join(const struct cgroup_fs *fs, const char *path, pid_t pid, struct err *err)
{
	struct walk w = { .fs = fs, .path = path, .visit = join_visit, .arg = &pid };

	return walk(&w, err);
}

static uint64_t read_u64(const char *dir, const char *name)
{
	auto_free char *path = path_join(dir, name);
	auto_free char *text = NULL;
	struct err ignored;
	uint64_t value;

	if (file_read(path, VALUE_MAX, &text, NULL, &ignored) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, 0, UINT64_MAX, &value) < 0 ? 0 : value;
}

/* The number behind "key " in a file of such lines. */
static uint64_t read_key(const char *dir, const char *name, const char *key)
{
	auto_free char *path = path_join(dir, name);
	auto_free char *text = NULL;
	auto_strv struct strv words = { 0 };
	struct err ignored;
	uint64_t value;

	if (file_read(path, VALUE_MAX, &text, NULL, &ignored) < 0)
		return 0;
	strv_split(&words, text, " \n");
	for (size_t i = 0; i + 1 < words.n; i += 2)
		if (str_eq(words.items[i], key) &&
		    parse_u64(words.items[i + 1], 0, UINT64_MAX, &value) == 0)
			return value;
	return 0;
}

static uint64_t less(uint64_t total, uint64_t part)
{
	return total > part ? total - part : 0;
}

static int stats_visit(struct walk *w, const char *controller, const char *dir, struct err *err)
{
	struct cgroup_stats *s = (struct cgroup_stats *)w->arg;

	if (!path_exists(dir))
		return 0;
	w->count++;
	if (!controller || str_eq(controller, "pids"))
		s->pids = (uint32_t)read_u64(dir, "pids.current");
	if (!controller) {
		s->memory_bytes = less(read_u64(dir, "memory.current"),
				       read_key(dir, "memory.stat", "inactive_file"));
		s->cpu_ns = read_key(dir, "cpu.stat", "usage_usec") * 1000;
		s->oom_kills = read_key(dir, "memory.events", "oom_kill");
	} else if (str_eq(controller, "memory")) {
		s->memory_bytes = less(read_u64(dir, "memory.usage_in_bytes"),
				       read_key(dir, "memory.stat", "total_inactive_file"));
		s->oom_kills = read_key(dir, "memory.oom_control", "oom_kill");
	} else if (str_eq(controller, "cpuacct")) {
		s->cpu_ns = read_u64(dir, "cpuacct.usage");
	}
	return 0;
}

int cgroup_stats(const struct cgroup_fs *fs, const char *path, struct cgroup_stats *ret,
		 struct err *err)
{
	struct cgroup_stats stats = { 0 };
	struct walk w = { .fs = fs, .path = path, .visit = stats_visit, .arg = &stats };
	int r = walk(&w, err);

	if (r < 0)
		return r;
	if (!w.count)
		return err_set(err, -ENOENT, "no control group %s", path);
	*ret = stats;
	return 0;
}

/* Depth first over a group and those below it. */
static int descend(const char *dir, int (*visit)(const char *dir, int *count), int *count)
{
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		auto_free char *child = path_join(dir, e->d_name);
		int r = descend(child, visit, count);

		if (r < 0) {
			closedir(d);
			return r;
		}
	}
	closedir(d);
	return visit(dir, count);
}

static int kill_members(const char *dir, int *count)
{
	auto_free char *path = path_join(dir, "cgroup.procs");
	auto_free char *text = NULL;
	auto_strv struct strv pids = { 0 };
	struct err ignored;
	uint32_t pid;

	if (file_read(path, 1 << 20, &text, NULL, &ignored) < 0)
		return 0;
	strv_split(&pids, text, "\n");
	for (size_t i = 0; i < pids.n; i++)
		if (parse_u32(pids.items[i], 1, INT32_MAX, &pid) == 0 &&
		    kill((pid_t)pid, SIGKILL) == 0)
			(*count)++;
	return 0;
}

static int kill_visit(struct walk *w, const char *controller, const char *dir, struct err *err)
{
	int r = descend(dir, kill_members, &w->count);

	return r < 0 ? err_set(err, r, "read %s: %s", dir, strerror(-r)) : 0;
}

int cgroup_kill(const struct cgroup_fs *fs, const char *path, struct err *err)
{
	struct walk w = { .fs = fs, .path = path, .visit = kill_visit };
	int r = walk(&w, err);

	return r < 0 ? r : w.count;
}

/* The files of a group are the kernel's and go with it; in a stand-in folder they are plain. */
static int remove_group(const char *dir, int *count)
{
	return rmdir(dir) == 0 || errno == ENOENT ? 0 : -errno;
}

static int remove_visit(struct walk *w, const char *controller, const char *dir, struct err *err)
{
	int r = descend(dir, remove_group, &w->count);

	return r < 0 ? err_set(err, r, "remove control group %s: %s", dir, strerror(-r)) : 0;
}

int cgroup_remove(const struct cgroup_fs *fs, const char *path, struct err *err)
{
	struct walk w = { .fs = fs, .path = path, .visit = remove_visit };

	return walk(&w, err);
}
