/* Control groups, by reading and writing their files.
 *
 * v1 has a hierarchy per controller, each with files of its own names; v2 has one. Which controller
 * has which file is in one table; everything else is the same walk over hierarchies. */
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/cgroup.h"
#include "base/host/cgroup_io.h"

#define CPU_PERIOD_US 100000u
#define CPU_QUOTA_MIN 1000u /* us; the kernel refuses less */
#define VALUE_MAX     (64u << 10)
#define PROCS_MAX     (1 << 20)

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
		return err_set(err, -ENAMETOOLONG, "use cgroup root %s: longer than %zu bytes",
			       root, sizeof(ret->root) - 1);
	*ret = (struct cgroup_fs){ 0 };
	STR_COPY(ret->root, root);
	if (path_exists(controllers))
		ret->layout = CGROUP_V2;
	else if (has_folder(root, "memory") || has_folder(root, "cpu") || has_folder(root, "pids"))
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

/* Every hierarchy, whoever made the group there: an OCI runtime joins more controllers than we do. */
static int walk_everywhere(struct walk *w, struct err *err)
{
	DIR *d = w->fs->layout == CGROUP_V2 ? NULL : opendir(w->fs->root);
	int r = 0;

	if (!d)
		return walk(w, err);
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		auto_free char *dir = xasprintf("%s/%s/%s", w->fs->root, e->d_name, w->path);

		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			r = w->visit(w, e->d_name, dir, err);
	}
	closedir(d);
	return r;
}

static int write_file(const char *dir, const char *name, const char *value, struct err *err)
{
	auto_free char *path = path_join(dir, name);

	return file_write_value(path, value, err);
}

/* "%u" of 0 is `unlimited`, the word for no limit. */
static const char *limit_text(uint64_t limit, const char *unlimited, char out[24])
{
	snprintf(out, 24, "%llu", (unsigned long long)limit);
	return limit ? out : unlimited;
}

static uint64_t cpu_quota_us(uint32_t millis)
{
	uint64_t quota = (uint64_t)millis * CPU_PERIOD_US / 1000;

	return millis && quota < CPU_QUOTA_MIN ? CPU_QUOTA_MIN : quota;
}

/* What the kernel cannot limit has no file (on v2 also if the group above does not pass the controller
 * on): an error only if there is a limit. */
static int limit_file(const char *dir, const char *name, uint64_t limit, const char *value,
		      struct err *err)
{
	struct err cause = { 0 };
	int r = write_file(dir, name, value, &cause);

	if (r == -ENOENT && !limit)
		return 0;
	if (r == -ENOENT)
		return err_set(err, -ENOTSUP, "limit control group %s: there is no %s", dir, name);
	return r < 0 ? err_copy(err, &cause) : 0;
}

/* Files of v1. The limit with swap may never be below the one without, so it makes room first; where
 * swap is not counted it has no file, and nothing to limit. */
static int limit_memory_v1(const char *dir, uint64_t bytes, struct err *err)
{
	struct err ignored;
	char text[24];

	write_file(dir, "memory.memsw.limit_in_bytes", "-1", &ignored);
	int r = limit_file(dir, "memory.limit_in_bytes", bytes, limit_text(bytes, "-1", text), err);
	if (r == 0 && bytes)
		write_file(dir, "memory.memsw.limit_in_bytes", text, &ignored);
	return r;
}

static int limit_cpu_v1(const char *dir, uint32_t millis, struct err *err)
{
	char text[24];
	int r = limit_file(dir, "cpu.cfs_period_us", millis, limit_text(CPU_PERIOD_US, "", text),
			   err);

	return r < 0 ? r
		     : limit_file(dir, "cpu.cfs_quota_us", millis,
				  limit_text(cpu_quota_us(millis), "-1", text), err);
}

static int limit_v1(const char *controller, const char *dir, const struct cgroup_limits *limits,
		    struct err *err)
{
	char text[24];

	if (str_eq(controller, "memory"))
		return limit_memory_v1(dir, limits->memory_bytes, err);
	if (str_eq(controller, "cpu"))
		return limit_cpu_v1(dir, limits->cpu_millis, err);
	if (str_eq(controller, "pids"))
		return limit_file(dir, "pids.max", limits->pids,
				  limit_text(limits->pids, "max", text), err);
	return 0;
}

static int limit_v2(const char *dir, const struct cgroup_limits *limits, struct err *err)
{
	struct err ignored;
	char text[24];
	char cpu[64];
	int r;

	r = limit_file(dir, "memory.max", limits->memory_bytes,
		       limit_text(limits->memory_bytes, "max", text), err);
	if (r < 0)
		return r;
	/* No swap either, or the limit would only move memory there. */
	write_file(dir, "memory.swap.max", limits->memory_bytes ? "0" : "max", &ignored);
	snprintf(cpu, sizeof(cpu), "%s %u",
		 limit_text(cpu_quota_us(limits->cpu_millis), "max", text), CPU_PERIOD_US);
	r = limit_file(dir, "cpu.max", limits->cpu_millis, cpu, err);
	if (r < 0)
		return r;
	return limit_file(dir, "pids.max", limits->pids, limit_text(limits->pids, "max", text),
			  err);
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

bool cgroup_has_controller(const struct cgroup_fs *fs, const char *controller)
{
	auto_free char *path = path_join(fs->root, "cgroup.controllers");
	auto_free char *text = NULL;
	auto_strv struct strv words = { 0 };
	struct err ignored;

	if (fs->layout != CGROUP_V2)
		return has_folder(fs->root, controller);
	if (file_read(path, VALUE_MAX, &text, NULL, &ignored) == 0)
		strv_split(&words, text, " \n");
	return strv_has(&words, controller);
}

static int check_controllers(const struct cgroup_fs *fs, const struct cgroup_limits *limits,
			     struct err *err)
{
	const bool wanted[] = { limits->memory_bytes > 0, limits->cpu_millis > 0,
				limits->pids > 0 };

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (wanted[i] && !cgroup_has_controller(fs, v2_controllers[i]))
			return err_set(err, -ENOTSUP, "limit control group: no %s controller in %s",
				       v2_controllers[i], fs->root);
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
	const pid_t pid = *(const pid_t *)w->arg;
	char text[24];

	if (!path_exists(dir))
		return 0;
	w->count++;
	snprintf(text, sizeof(text), "%d", (int)pid);
	return write_file(dir, !pid && w->fs->layout != CGROUP_V2 ? "tasks" : "cgroup.procs", text,
			  err);
}

int cgroup_join(const struct cgroup_fs *fs, const char *path, pid_t pid, struct err *err)
{
	struct walk w = { .fs = fs, .path = path, .visit = join_visit, .arg = &pid };
	int r = walk(&w, err);

	if (r == 0 && !w.count && fs->layout != CGROUP_NONE)
		return err_set(err, -ENOENT, "join control group %s: there is none", path);
	return r;
}

static int find_visit(struct walk *w, const char *controller, const char *dir, struct err *err)
{
	auto_free char *path = path_join(dir, "cgroup.procs");
	auto_free char *text = NULL;
	struct err ignored;
	uint32_t pid;

	if (w->count || file_read(path, PROCS_MAX, &text, NULL, &ignored) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (parse_u32(text, 1, INT32_MAX, &pid) == 0) {
		*(pid_t *)w->arg = (pid_t)pid;
		w->count++;
	}
	return 0;
}

int cgroup_find_process(const struct cgroup_fs *fs, const char *path, pid_t *ret)
{
	struct err ignored;
	struct walk w = { .fs = fs, .path = path, .visit = find_visit, .arg = ret };

	return walk(&w, &ignored) == 0 && w.count ? 0 : -ENOENT;
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

uint64_t cgroup_memory_limit(const struct cgroup_fs *fs, const char *path)
{
	bool is_v2 = fs->layout == CGROUP_V2;
	auto_free char *dir = xasprintf("%s/%s/%s", fs->root, is_v2 ? "." : "memory", path);

	return read_u64(dir, is_v2 ? "memory.max" : "memory.limit_in_bytes");
}

static uint64_t less(uint64_t total, uint64_t part)
{
	return total > part ? total - part : 0;
}

/* v1 says "none" by a number that no machine has. */
static uint64_t limit_of(uint64_t bytes)
{
	return bytes < UINT64_C(1) << 62 ? bytes : 0;
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
		s->memory_limit_bytes = limit_of(read_u64(dir, "memory.max"));
		s->memory_bytes = less(read_u64(dir, "memory.current"),
				       read_key(dir, "memory.stat", "inactive_file"));
		s->cpu_ns = read_key(dir, "cpu.stat", "usage_usec") * 1000;
		s->oom_kills = read_key(dir, "memory.events", "oom_kill");
	} else if (str_eq(controller, "memory")) {
		s->memory_limit_bytes = limit_of(read_u64(dir, "memory.limit_in_bytes"));
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
		return err_set(err, -ENOENT, "read control group %s: there is none", path);
	stats.has_io = cgroup_read_io(fs, path, &stats.read_bytes, &stats.written_bytes);
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

	if (file_read(path, PROCS_MAX, &text, NULL, &ignored) < 0)
		return 0;
	strv_split(&pids, text, "\n");
	for (size_t i = 0; i < pids.n; i++)
		if (parse_u32(pids.items[i], 1, INT32_MAX, &pid) == 0 &&
		    kill((pid_t)pid, SIGKILL) == 0)
			(*count)++;
	return 0;
}

/* The same processes are in every hierarchy of v1, so the largest number is the one that counts. */
static int kill_visit(struct walk *w, const char *controller, const char *dir, struct err *err)
{
	struct err ignored;
	int count = 0;
	int r = descend(dir, kill_members, &count);

	if (r < 0)
		return err_set(err, r, "read %s: %s", dir, strerror(-r));
	/* On v2 from 5.14 on, at once: gets also what was forked meanwhile. */
	if (!controller)
		write_file(dir, "cgroup.kill", "1", &ignored);
	if (count > w->count)
		w->count = count;
	return 0;
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

	return walk_everywhere(&w, err);
}
