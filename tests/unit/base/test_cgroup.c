/* Control groups: plain folders stand in for each layout; once on the real v1. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/cgroup.h"

#define REAL_ROOT "/sys/fs/cgroup"
#define GROUP     "holm-test/one"

struct stand_in {
	char root[32];
	struct cgroup_fs fs;
};

static int setup(void **state)
{
	struct stand_in *s = NEW(struct stand_in);

	STR_COPY(s->root, "/tmp/holm-test-cgroup.XXXXXX");
	assert_non_null(mkdtemp(s->root));
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stand_in *s = *state;
	struct err err;

	assert_int_equal(path_remove(s->root, &err), 0);
	free(s);
	return 0;
}

/* Makes a file, as the kernel does when a group is made. */
static void put(struct stand_in *s, const char *name, const char *text)
{
	auto_free char *path = path_join(s->root, name);
	auto_free char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct err err;

	assert_int_equal(dir_make(dir, 0755, &err), 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), 0);
}

/* What was written; empties the file, as writing to a stand-in does not cut it off. */
static void assert_file(struct stand_in *s, const char *name, const char *expected)
{
	auto_free char *path = path_join(s->root, name);
	auto_free char *text = NULL;
	struct err err = { 0 };

	if (file_read(path, 4096, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	if (!str_eq(text, expected))
		fail_msg("%s: %s instead of %s", name, text, expected);
	assert_int_equal(truncate(path, 0), 0);
}

static void detect(struct stand_in *s, enum cgroup_layout layout)
{
	struct err err = { 0 };

	assert_int_equal(cgroup_detect(s->root, &s->fs, &err), 0);
	assert_int_equal(s->fs.layout, layout);
}

static void make_v1(struct stand_in *s)
{
	put(s, "memory/" GROUP "/memory.limit_in_bytes", "");
	put(s, "memory/" GROUP "/memory.memsw.limit_in_bytes", "");
	put(s, "memory/" GROUP "/cgroup.procs", "");
	put(s, "cpu/" GROUP "/cpu.cfs_period_us", "");
	put(s, "cpu/" GROUP "/cpu.cfs_quota_us", "");
	put(s, "cpu/" GROUP "/cgroup.procs", "");
	put(s, "pids/" GROUP "/pids.max", "");
	put(s, "pids/" GROUP "/cgroup.procs", "");
	put(s, "cpuacct/" GROUP "/cpuacct.usage", "123456789\n");
	put(s, "cpuacct/" GROUP "/cgroup.procs", "");
}

static void make_v2(struct stand_in *s, const char *controllers)
{
	put(s, "cgroup.controllers", controllers);
	put(s, "cgroup.subtree_control", "");
	put(s, "holm-test/cgroup.subtree_control", "");
	put(s, GROUP "/cgroup.subtree_control", "none");
	put(s, GROUP "/cgroup.procs", "");
	put(s, GROUP "/memory.max", "");
	put(s, GROUP "/memory.swap.max", "");
	put(s, GROUP "/cpu.max", "");
	put(s, GROUP "/pids.max", "");
}

static void layouts_are_told_apart(void **state)
{
	struct stand_in *s = *state;
	struct cgroup_fs fs;
	struct err err;
	char long_root[300];

	detect(s, CGROUP_NONE);
	put(s, "cpu/x", "");
	detect(s, CGROUP_V1); /* memory may be switched off */
	put(s, "memory/x", "");
	detect(s, CGROUP_V1);
	put(s, "unified/cgroup.controllers", "");
	detect(s, CGROUP_HYBRID);
	put(s, "cgroup.controllers", "memory\n");
	detect(s, CGROUP_V2);
	memset(long_root, 'a', sizeof(long_root) - 1);
	long_root[sizeof(long_root) - 1] = '\0';
	assert_int_equal(cgroup_detect(long_root, &fs, &err), -ENAMETOOLONG);
}

static const struct cgroup_limits limits = { .memory_bytes = 64 << 20,
					     .cpu_millis = 1500,
					     .pids = 100 };

static void weighs_as_much_as_several(void **state)
{
	struct stand_in *s = *state;
	struct err err = { 0 };

	make_v1(s);
	detect(s, CGROUP_V1);
	assert_int_equal(cgroup_weigh(&s->fs, "holm-test", 2, &err),
			 0); /* by a kernel that cannot */
	put(s, "cpu/holm-test/cpu.shares", "");
	assert_int_equal(cgroup_weigh(&s->fs, "holm-test", 2, &err), 0);
	assert_file(s, "cpu/holm-test/cpu.shares", "2048");
	assert_int_equal(cgroup_weigh(&s->fs, "holm-test", 1000, &err), 0);
	assert_file(s, "cpu/holm-test/cpu.shares", "262144");
	make_v2(s, "cpu memory pids\n");
	detect(s, CGROUP_V2);
	put(s, "holm-test/cpu.weight", "");
	assert_int_equal(cgroup_weigh(&s->fs, "holm-test", 2, &err), 0);
	assert_file(s, "holm-test/cpu.weight", "200");
	assert_int_equal(cgroup_weigh(&s->fs, "holm-test", 1000, &err), 0);
	assert_file(s, "holm-test/cpu.weight", "10000");
}

static void limits_of_v1(void **state)
{
	struct stand_in *s = *state;
	const struct cgroup_limits none = { 0 };
	const struct cgroup_limits tiny = { .cpu_millis = 1 };
	struct err err = { 0 };

	make_v1(s);
	detect(s, CGROUP_V1);
	assert_int_equal(cgroup_make(&s->fs, GROUP, &limits, &err), 0);
	assert_file(s, "memory/" GROUP "/memory.limit_in_bytes", "67108864");
	assert_file(s, "memory/" GROUP "/memory.memsw.limit_in_bytes", "67108864");
	assert_file(s, "cpu/" GROUP "/cpu.cfs_period_us", "100000");
	assert_file(s, "cpu/" GROUP "/cpu.cfs_quota_us", "150000");
	assert_file(s, "pids/" GROUP "/pids.max", "100");
	assert_int_equal(cgroup_make(&s->fs, GROUP, &tiny, &err), 0);
	assert_file(s, "cpu/" GROUP "/cpu.cfs_quota_us", "1000");
	/* Made again without limits, the old ones go. */
	assert_int_equal(cgroup_make(&s->fs, GROUP, &none, &err), 0);
	assert_file(s, "memory/" GROUP "/memory.limit_in_bytes", "-1");
	assert_file(s, "memory/" GROUP "/memory.memsw.limit_in_bytes", "-1");
	assert_file(s, "cpu/" GROUP "/cpu.cfs_quota_us", "-1");
	assert_file(s, "pids/" GROUP "/pids.max", "max");
}

static void limits_of_v2(void **state)
{
	struct stand_in *s = *state;
	const struct cgroup_limits none = { 0 };
	struct err err = { 0 };

	make_v2(s, "cpuset cpu io memory pids\n");
	detect(s, CGROUP_V2);
	assert_int_equal(cgroup_make(&s->fs, GROUP, &limits, &err), 0);
	assert_file(s, GROUP "/memory.max", "67108864");
	assert_file(s, GROUP "/memory.swap.max", "0");
	assert_file(s, GROUP "/cpu.max", "150000 100000");
	assert_file(s, GROUP "/pids.max", "100");
	assert_file(s, "cgroup.subtree_control", "+pidsry"); /* over "+cpu" over "+memory" */
	assert_file(s, "holm-test/cgroup.subtree_control", "+pidsry");
	assert_file(s, GROUP "/cgroup.subtree_control", "none"); /* it has no groups below */
	assert_int_equal(cgroup_make(&s->fs, GROUP, &none, &err), 0);
	assert_file(s, GROUP "/memory.max", "max");
	assert_file(s, GROUP "/memory.swap.max", "max");
	assert_file(s, GROUP "/cpu.max", "max 100000");
	assert_file(s, GROUP "/pids.max", "max");
}

static void a_limit_without_controller_is_an_error(void **state)
{
	struct stand_in *s = *state;
	const struct cgroup_limits cpu = { .cpu_millis = 1000 };
	const struct cgroup_limits pids = { .pids = 1 };
	struct err err = { 0 };

	/* "cpuset" is not "cpu". */
	make_v2(s, "cpuset memory pids\n");
	detect(s, CGROUP_V2);
	assert_int_equal(cgroup_make(&s->fs, GROUP, &cpu, &err), -ENOTSUP);
	assert_true(str_starts(err.msg, "limit control group: no cpu controller in /tmp/"));
	/* There, but the group above does not pass it on: no file. */
	assert_int_equal(cgroup_make(&s->fs, "holm-test/two", &pids, &err), -ENOTSUP);
	assert_true(str_ends(err.msg, "/holm-test/two: there is no pids.max"));
	const struct cgroup_limits none = { 0 };
	assert_int_equal(cgroup_make(&s->fs, "holm-test/two", &none, &err), 0);
}

static void a_limit_without_hierarchy_is_an_error(void **state)
{
	struct stand_in *s = *state;
	struct err err = { 0 };

	put(s, "cpu/" GROUP "/cpu.cfs_period_us", "");
	detect(s, CGROUP_V1);
	assert_int_equal(cgroup_make(&s->fs, GROUP, &limits, &err), -ENOTSUP);
	assert_true(str_starts(err.msg, "limit control group: no memory controller in /tmp/"));
}

static void joins_every_hierarchy(void **state)
{
	struct stand_in *s = *state;
	struct err err = { 0 };

	make_v1(s);
	put(s, "unified/cgroup.controllers", "");
	detect(s, CGROUP_HYBRID);
	assert_int_equal(cgroup_join(&s->fs, GROUP, 4711, &err), 0);
	assert_file(s, "memory/" GROUP "/cgroup.procs", "4711");
	assert_file(s, "cpu/" GROUP "/cgroup.procs", "4711");
	assert_file(s, "pids/" GROUP "/cgroup.procs", "4711");
	assert_file(s, "cpuacct/" GROUP "/cgroup.procs", "4711");
	assert_int_equal(cgroup_join(&s->fs, "holm-test/two", 4711, &err), -ENOENT);
	s->fs.layout = CGROUP_NONE;
}

static void joins_itself_as_a_thread(void **state)
{
	struct stand_in *s = *state;
	struct err err = { 0 };

	make_v1(s);
	put(s, "memory/" GROUP "/tasks", "");
	put(s, "cpu/" GROUP "/tasks", "");
	put(s, "pids/" GROUP "/tasks", "");
	put(s, "cpuacct/" GROUP "/tasks", "");
	detect(s, CGROUP_V1);
	assert_int_equal(cgroup_join(&s->fs, GROUP, 0, &err), 0);
	assert_file(s, "memory/" GROUP "/tasks", "0");
	assert_file(s, "pids/" GROUP "/tasks", "0");
	assert_file(s, "memory/" GROUP "/cgroup.procs", "");
}

static void stats_of_v1(void **state)
{
	struct stand_in *s = *state;
	struct cgroup_stats stats = { 0 };
	struct err err = { 0 };

	make_v1(s);
	detect(s, CGROUP_V1);
	put(s, "memory/" GROUP "/memory.usage_in_bytes", "5000000\n");
	put(s, "memory/" GROUP "/memory.stat",
	    "cache 1\ninactive_file 1000000\ntotal_inactive_file 2000000\n");
	put(s, "memory/" GROUP "/memory.oom_control",
	    "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
	put(s, "pids/" GROUP "/pids.current", "7\n");
	put(s, "memory/" GROUP "/memory.limit_in_bytes", "9223372036854771712\n");
	assert_int_equal(cgroup_stats(&s->fs, GROUP, &stats, &err), 0);
	assert_int_equal(stats.memory_limit_bytes, 0);
	assert_false(stats.has_io);
	put(s, "memory/" GROUP "/memory.limit_in_bytes", "67108864\n");
	put(s, "blkio/" GROUP "/blkio.throttle.io_service_bytes_recursive",
	    "8:0 Read 4096\n8:0 Write 100\n8:0 Sync 1\n8:0 Total 4196\n"
	    "8:16 Read 4\n8:16 Write 0\nTotal 4200\n");
	assert_int_equal(cgroup_stats(&s->fs, GROUP, &stats, &err), 0);
	assert_int_equal(stats.memory_limit_bytes, 64 << 20);
	assert_true(stats.has_io);
	assert_int_equal(stats.read_bytes, 4100);
	assert_int_equal(stats.written_bytes, 100);
	assert_int_equal(stats.memory_bytes, 3000000);
	assert_int_equal(stats.cpu_ns, 123456789);
	assert_int_equal(stats.pids, 7);
	assert_int_equal(stats.oom_kills, 3);
	assert_int_equal(cgroup_stats(&s->fs, "holm-test/two", &stats, &err), -ENOENT);
	assert_int_equal(stats.pids, 7);
}

static void stats_of_v2(void **state)
{
	struct stand_in *s = *state;
	struct cgroup_stats stats = { 0 };
	struct err err = { 0 };

	make_v2(s, "memory cpu pids\n");
	detect(s, CGROUP_V2);
	put(s, GROUP "/memory.current", "5000000\n");
	put(s, GROUP "/memory.stat", "anon 1\ninactive_file 6000000\n");
	put(s, GROUP "/memory.events", "low 0\noom 4\noom_kill 2\n");
	put(s, GROUP "/cpu.stat", "usage_usec 1500\nuser_usec 1000\n");
	put(s, GROUP "/pids.current", "7\n");
	put(s, GROUP "/memory.max", "max\n");
	put(s, GROUP "/io.stat", "8:0 rbytes=4096 wbytes=100 rios=1\n8:16 rbytes=4 wbytes=0\n");
	assert_int_equal(cgroup_stats(&s->fs, GROUP, &stats, &err), 0);
	assert_int_equal(stats.memory_limit_bytes, 0);
	assert_true(stats.has_io);
	assert_int_equal(stats.read_bytes, 4100);
	assert_int_equal(stats.written_bytes, 100);
	assert_int_equal(stats.memory_bytes, 0); /* the two files are not read at one instant */
	assert_int_equal(stats.cpu_ns, 1500000);
	assert_int_equal(stats.pids, 7);
	assert_int_equal(stats.oom_kills, 2);
}

static void limit_in_force_and_controllers(void **state)
{
	struct stand_in *s = *state;

	make_v1(s);
	put(s, "memory/a/b/memory.limit_in_bytes", "67108864\n");
	detect(s, CGROUP_V1);
	assert_true(cgroup_memory_limit(&s->fs, "a/b") == 64 << 20);
	assert_true(cgroup_memory_limit(&s->fs, "a/c") == 0);
	assert_true(cgroup_has_controller(&s->fs, "memory"));
	assert_false(cgroup_has_controller(&s->fs, "hugetlb"));
}

static void limit_in_force_and_controllers_of_v2(void **state)
{
	struct stand_in *s = *state;

	make_v2(s, "cpu memory\n");
	put(s, "a/b/memory.max", "67108864\n");
	put(s, "a/c/memory.max", "max\n");
	detect(s, CGROUP_V2);
	assert_true(cgroup_memory_limit(&s->fs, "a/b") == 64 << 20);
	assert_true(cgroup_memory_limit(&s->fs, "a/c") == 0);
	assert_true(cgroup_has_controller(&s->fs, "memory"));
	assert_false(cgroup_has_controller(&s->fs, "pids"));
}

/* Groups that a container made inside its own go with it. */
static void removes_groups_inside_it(void **state)
{
	struct stand_in *s = *state;
	struct err err;

	make_v1(s);
	detect(s, CGROUP_V1);
	auto_free char *inner = xasprintf("%s/pids/a/b/of/its/own", s->fs.root);
	auto_free char *other = xasprintf("%s/named/a/b/c", s->fs.root);
	auto_free char *group = xasprintf("%s/pids/a/b", s->fs.root);
	auto_free char *other_group = xasprintf("%s/named/a/b", s->fs.root);
	assert_int_equal(dir_make(inner, 0755, &err), 0);
	assert_int_equal(dir_make(other, 0755, &err), 0);
	assert_int_equal(cgroup_remove(&s->fs, "a/b", &err), 0);
	assert_false(path_exists(group));
	assert_false(path_exists(other_group));
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

static void assert_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void kills_what_is_in_the_group_and_below(void **state)
{
	struct stand_in *s = *state;
	pid_t a = start_child();
	pid_t b = start_child();
	char text[64];
	struct err err = { 0 };

	make_v1(s);
	detect(s, CGROUP_V1);
	snprintf(text, sizeof(text), "%d\n", a);
	put(s, "memory/" GROUP "/cgroup.procs", text);
	put(s, "pids/" GROUP "/cgroup.procs", text);
	snprintf(text, sizeof(text), "%d\n", b);
	put(s, "memory/" GROUP "/below/cgroup.procs", text);
	put(s, "pids/" GROUP "/below/cgroup.procs", text);
	/* Two processes, though each is found in two hierarchies. */
	assert_int_equal(cgroup_kill(&s->fs, GROUP, &err), 2);
	assert_killed(a);
	assert_killed(b);
	assert_int_equal(cgroup_kill(&s->fs, "holm-test/two", &err), 0);
}

static void v2_kills_at_once(void **state)
{
	struct stand_in *s = *state;
	struct err err = { 0 };

	make_v2(s, "memory\n");
	put(s, GROUP "/cgroup.kill", "");
	detect(s, CGROUP_V2);
	assert_int_equal(cgroup_kill(&s->fs, GROUP, &err), 0);
	assert_file(s, GROUP "/cgroup.kill", "1");
}

static void removing_what_is_not_there_is_success(void **state)
{
	struct stand_in *s = *state;
	auto_free char *below = path_join(s->root, "memory/" GROUP "/below");
	auto_free char *group = path_join(s->root, "memory/" GROUP);
	auto_free char *root = path_join(s->root, "memory");
	struct err err = { 0 };

	assert_int_equal(dir_make(below, 0755, &err), 0);
	detect(s, CGROUP_V1);
	assert_int_equal(cgroup_remove(&s->fs, GROUP, &err), 0);
	assert_false(path_exists(group));
	assert_true(path_exists(root));
	assert_int_equal(cgroup_remove(&s->fs, GROUP, &err), 0);
}

static void without_any_layout_there_is_nothing_to_do(void **state)
{
	struct stand_in *s = *state;
	const struct cgroup_limits none = { 0 };
	struct cgroup_stats stats;
	struct err err = { 0 };

	detect(s, CGROUP_NONE);
	assert_int_equal(cgroup_make(&s->fs, GROUP, &none, &err), 0);
	assert_int_equal(cgroup_make(&s->fs, GROUP, &limits, &err), -ENOTSUP);
	assert_int_equal(cgroup_join(&s->fs, GROUP, 1, &err), 0);
	assert_int_equal(cgroup_stats(&s->fs, GROUP, &stats, &err), -ENOENT);
	assert_int_equal(cgroup_kill(&s->fs, GROUP, &err), 0);
	assert_int_equal(cgroup_remove(&s->fs, GROUP, &err), 0);
}

static void skip_because(const char *reason)
{
	print_message("# %s\n", reason);
	skip();
}

/* Reads a file of the memory hierarchy. */
static void assert_real(const char *group, const char *name, const char *expected)
{
	auto_free char *path = xasprintf(REAL_ROOT "/memory/%s/%s", group, name);
	auto_free char *text = NULL;
	struct err err = { 0 };

	if (file_read(path, 4096, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(text, expected);
}

static void the_kernel_agrees_on_v1(void **state)
{
	auto_free char *parent = xasprintf("holm-test-%d", getpid());
	auto_free char *group = path_join(parent, "one");
	struct cgroup_limits more = limits;
	struct cgroup_limits less = limits;
	struct cgroup_stats stats;
	struct cgroup_fs fs;
	struct err err = { 0 };

	if (geteuid() != 0)
		skip_because("control groups are made by root alone");
	assert_int_equal(cgroup_detect(REAL_ROOT, &fs, &err), 0);
	if (fs.layout != CGROUP_V1 && fs.layout != CGROUP_HYBRID)
		skip_because("this machine has no v1 controllers");
	more.memory_bytes *= 2;
	less.memory_bytes /= 2;
	assert_int_equal(cgroup_make(&fs, group, &limits, &err), 0);
	assert_int_equal(cgroup_make(&fs, group, &more, &err), 0);
	assert_real(group, "memory.limit_in_bytes", "134217728\n");
	assert_int_equal(cgroup_make(&fs, group, &less, &err), 0);
	assert_real(group, "memory.limit_in_bytes", "33554432\n");
	pid_t pid = start_child();
	assert_int_equal(cgroup_join(&fs, group, pid, &err), 0);
	assert_int_equal(cgroup_stats(&fs, group, &stats, &err), 0);
	assert_int_equal(stats.pids, 1);
	assert_true(stats.memory_bytes < less.memory_bytes);
	assert_int_equal(cgroup_remove(&fs, parent, &err), -EBUSY);
	assert_int_equal(cgroup_kill(&fs, parent, &err), 1);
	assert_killed(pid);
	assert_int_equal(cgroup_kill(&fs, parent, &err), 0);
	assert_int_equal(cgroup_remove(&fs, parent, &err), 0);
	assert_int_equal(cgroup_stats(&fs, group, &stats, &err), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(layouts_are_told_apart),
		TEST(limits_of_v1),
		TEST(limits_of_v2),
		TEST(a_limit_without_controller_is_an_error),
		TEST(a_limit_without_hierarchy_is_an_error),
		TEST(weighs_as_much_as_several),
		TEST(joins_every_hierarchy),
		TEST(joins_itself_as_a_thread),
		TEST(stats_of_v1),
		TEST(stats_of_v2),
		TEST(limit_in_force_and_controllers),
		TEST(limit_in_force_and_controllers_of_v2),
		TEST(removes_groups_inside_it),
		TEST(kills_what_is_in_the_group_and_below),
		TEST(v2_kills_at_once),
		TEST(removing_what_is_not_there_is_success),
		TEST(without_any_layout_there_is_nothing_to_do),
		cmocka_unit_test(the_kernel_agrees_on_v1),
	};

	return cmocka_run_group_tests_name("base/cgroup", tests, NULL, NULL);
}
