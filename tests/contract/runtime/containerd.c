/* The containerd driver against the contract, on a containerd of its own in a folder of its own,
 * with an image made of a static busybox. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/random.h>

#include <cmocka.h>

#include "base/cgroup.h"
#include "exec.h"
#include "fetch.h"
#include "image/image.h"
#include "images.h"
#include "loop/child.h"
#include "suite.h"
#include "wire/containerd/containerd.h"
#include "wire/grpc/grpc.h"

#define IMAGE   "holm.invalid/test:1"
#define TOOL_MS 60000

static const char *const programs[PROGRAM_N] = {
	[PROGRAM_IDLE] = "trap 'exit 0' TERM; busybox sleep 1000 & wait",
	[PROGRAM_DEAF] = "trap '' TERM; while :; do busybox sleep 1000; done",
	[PROGRAM_CLEAN] = "exit 0",
	[PROGRAM_THREE] = "exit 3",
	[PROGRAM_HOG] = "exec busybox tail /dev/zero",
	[PROGRAM_SPIN] = "while :; do :; done",
	[PROGRAM_HELLO] = "trap 'exit 0' TERM; echo hello; busybox sleep 1000 & wait",
	[PROGRAM_ABSENT] = NULL,
};

static void shell(struct strv *ret, const char *script)
{
	strv_fini(ret);
	strv_add(ret, "/bin/busybox");
	strv_add(ret, "sh");
	strv_add(ret, "-c");
	strv_add(ret, script);
}

static bool command(enum program program, struct strv *ret)
{
	if (programs[program])
		shell(ret, programs[program]);
	else
		strv_add(ret, "/no/such/program");
	return true;
}

static struct containerd api(const struct subject *s, struct grpc_conn *conn)
{
	return (struct containerd){ .grpc = conn,
				    .ns = "holm",
				    .snapshotter = "overlayfs",
				    .timeout_ms = 10000 };
}

static char *socket_of(const struct subject *s)
{
	return xasprintf("/run/holm-%.8s/containerd/containerd.sock", s->config.node_id);
}

static struct grpc_conn *connection(const struct subject *s)
{
	auto_free char *path = socket_of(s);

	return grpc_conn_new(path);
}

static void check_gone(const struct subject *s, const char *instance_id)
{
	static const char *const groups[] = { "memory", "pids", "cpu", "unified", "." };
	auto_(grpc_conn_free) struct grpc_conn *conn = connection(s);
	struct containerd c = api(s, conn);
	auto_containerd_records struct containerd_records records = { 0 };
	struct containerd_process process;
	auto_free char *filter = xasprintf("id==\"%s\"", instance_id);
	auto_free char *dir = xasprintf("/run/holm-%.8s/instances/%s", s->config.node_id,
					instance_id);
	struct err err;

	must(containerd_container_list(&c, filter, &records, &err), &err);
	assert_int_equal(records.n, 0);
	assert_int_equal(containerd_task_get(&c, instance_id, &process, &err), -ENOENT);
	assert_int_equal(containerd_snapshot_find(&c, instance_id, &err), -ENOENT);
	assert_false(path_exists(dir));
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		auto_free char *group = xasprintf("/sys/fs/cgroup/%s/%s/%s", groups[i],
						  s->config.cgroup_parent, instance_id);

		assert_false(path_exists(group));
	}
}

/* The output of a shell script in a container; the caller's. */
static char *output_of(const struct subject *s, struct instance *i, const char *script)
{
	struct runtime_status status;
	char *log = NULL;
	struct err err;

	shell(&i->cmd, script);
	start(s, i, &status);
	wait_ended(s, i, &status);
	stop(s, i, NULL);
	wait_log(i, "\n");
	must(file_read(i->log_path, 1 << 20, &log, NULL, &err), &err);
	return log;
}

static void has_what_the_descriptor_says(void **state)
{
	const struct subject *s = *state;
	struct instance i;

	instance_init(&i, s, PROGRAM_CLEAN);
	strv_add(&i.env, "COLOUR=blue");
	i.spec.net = (struct runtime_net){ .hostname = "web-0",
					   .dns = "10.18.0.1",
					   .ip = "10.18.0.2",
					   .search = "shop.test.holm" };
	auto_free char *log =
		output_of(s, &i,
			  "echo $COLOUR $(busybox hostname) $(busybox id -u) $FROM $(busybox pwd);"
			  "busybox cat /etc/resolv.conf; busybox grep web-0 /etc/hosts;"
			  "busybox grep NoNewPrivs /proc/self/status; echo on-stderr >&2");
	static const char *const expected[] = {
		"stdout F blue web-0 101 image /srv\n",
		"stdout F nameserver 10.18.0.1\n",
		"stdout F search shop.test.holm\n",
		"stdout F 10.18.0.2\tweb-0\n",
		"stdout F NoNewPrivs:\t1\n",
		"stderr F on-stderr\n",
	};

	for (size_t k = 0; k < ARRAY_LEN(expected); k++)
		if (!strstr(log, expected[k]))
			fail_msg("no \"%s\" in:\n%s", expected[k], log);
	instance_fini(&i);
}

static void limits_the_number_of_processes(void **state)
{
	const struct subject *s = *state;
	struct instance i;

	instance_init(&i, s, PROGRAM_CLEAN);
	i.spec.pids = 10;
	auto_free char *log = output_of(
		s, &i,
		"n=0; while [ $n -lt 30 ]; do busybox sleep 50 & n=$((n+1)); done; echo all started");
	assert_non_null(strstr(log, "fork"));
	assert_null(strstr(log, "all started"));
	instance_fini(&i);
}

static void joins_the_network_namespace(void **state)
{
	const struct subject *s = *state;
	auto_free char *name = xasprintf("holm-test-%.8s", s->config.node_id);
	auto_free char *path = xasprintf("/run/netns/%s", name);
	char ip[] = "ip", netns[] = "netns", add[] = "add", delete[] = "delete", n[] = "-n";
	char link[] = "link", bridge[] = "bridge", type[] = "type", device[] = "holm-test";
	char *make[] = { ip, netns, add, name, NULL };
	char *fill[] = { ip, n, name, link, add, device, type, bridge, NULL };
	char *drop[] = { ip, netns, delete, name, NULL };
	struct child_spec child = { .argv = make };
	struct instance i;
	struct err err;

	int made = child_run(&child, TOOL_MS, NULL, &err);
	child.argv = fill;
	int filled = child_run(&child, TOOL_MS, NULL, &err);
	instance_init(&i, s, PROGRAM_CLEAN);
	i.spec.net.netns_path = path;
	auto_free char *log = output_of(s, &i, "busybox cat /proc/net/dev");
	instance_fini(&i);
	child.argv = drop;
	assert_int_equal(child_run(&child, TOOL_MS, NULL, &err), 0);
	assert_int_equal(made, 0);
	assert_int_equal(filled, 0);
	assert_non_null(strstr(log, "holm-test"));
}

/* As after a restart of the machine: the record is there, its task is not. */
static void starts_over_a_stale_record(void **state)
{
	const struct subject *s = *state;
	auto_(grpc_conn_free) struct grpc_conn *conn = connection(s);
	struct containerd c = api(s, conn);
	struct runtime_status status;
	uint32_t exit_code;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_DEAF);
	start(s, &i, &status);
	must(proc_kill(&status.proc, SIGKILL, &err), &err);
	wait_ended(s, &i, &status);
	must(containerd_task_delete(&c, i.id, &exit_code, &err), &err);
	status.phase = RUNTIME_ENDED;
	wait_ended(s, &i, &status);
	assert_int_equal(status.end, RUNTIME_END_UNKNOWN);
	start(s, &i, &status);
	assert_int_equal(status.phase, RUNTIME_RUNNING);
	stop(s, &i, NULL);
	instance_fini(&i);
}

/* As a containerd leaves it that is killed while it starts a shim. */
static void starts_over_a_stale_bundle(void **state)
{
	const struct subject *s = *state;
	auto_free char *socket = socket_of(s);
	auto_free char *dir = xstrndup(socket, (size_t)(strrchr(socket, '/') - socket));
	struct runtime_status status;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_IDLE);
	auto_free char *bundle = xasprintf("%s/state/io.containerd.runtime.v2.task/holm/%s/rootfs",
					   dir, i.id);
	must(dir_make(bundle, 0711, &err), &err);
	start(s, &i, &status);
	assert_int_equal(status.phase, RUNTIME_RUNNING);
	stop(s, &i, NULL);
	instance_fini(&i);
}

static void leaves_other_nodes_alone(void **state)
{
	const struct subject *s = *state;
	auto_free char *socket = socket_of(s);
	auto_free char *dir = path_join(s->config.data_dir, "other");
	struct runtime_config config = s->config;
	struct runtime_status status;
	struct subject other = *s;
	struct instance i;
	struct err err;

	config.node_id = "ffffffffffffffffffffffff";
	config.data_dir = dir;
	config.cgroup_parent = "holm-ffffffff";
	config.containerd_address = socket;
	must(s->driver->open(&config, &other.state, &err), &err);
	instance_init(&i, s, PROGRAM_IDLE);
	start(s, &i, &status);
	assert_int_equal(count_listed(&other), 0);
	assert_int_equal(s->driver->stop(other.state, i.id, NULL, NULL, &err), -EPERM);
	assert_int_equal(s->driver->start(other.state, &i.spec, NULL, &status, &err), -EPERM);
	must(s->driver->shutdown(other.state, &err), &err);
	assert_int_equal(count_listed(s), 1);
	assert_true(proc_is_alive(&status.proc));
	stop(s, &i, NULL);
	s->driver->close(other.state);
	instance_fini(&i);
}

static void survives_a_killed_containerd(void **state)
{
	struct subject *s = *state;
	auto_free char *record = xasprintf("%s/containerd/daemon/pid", s->config.data_dir);
	/* What it leaves when that comes in the middle of a removal. */
	auto_free char *bundle = xasprintf("/run/holm-%.8s/containerd/state/"
					   "io.containerd.runtime.v2.task/holm/.removed",
					   s->config.node_id);
	auto_free char *text = NULL;
	struct runtime_status status;
	struct runtime_status after;
	struct proc_id proc;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_IDLE);
	start(s, &i, &status);
	must(dir_make(bundle, 0700, &err), &err);
	must(file_read(record, 200, &text, NULL, &err), &err);
	assert_int_equal(proc_id_parse(text, &proc), 0);
	must(proc_kill(&proc, SIGKILL, &err), &err);
	must(proc_wait(&proc, 10000, &err), &err);
	start(s, &i, &after);
	assert_int_equal(after.proc.pid, status.proc.pid);
	assert_false(path_exists(bundle));
	stop(s, &i, &after);
	assert_int_equal(after.end, RUNTIME_END_STOPPED);
	instance_fini(&i);
}

/* The logger of an instance, by its words; 0: none. */
static pid_t find_logger(const struct instance *i)
{
	DIR *dir = opendir("/proc");
	pid_t found = 0;

	assert_non_null(dir);
	for (struct dirent *e; !found && (e = readdir(dir));) {
		auto_free char *path = xasprintf("/proc/%s/cmdline", e->d_name);
		auto_free char *words = NULL;
		struct err ignored;
		size_t len;
		uint32_t pid;

		if (parse_u32(e->d_name, 1, INT32_MAX, &pid) == 0 &&
		    file_read(path, 1 << 16, &words, &len, &ignored) == 0 &&
		    memmem(words, len, "logger", 7) &&
		    memmem(words, len, i->log_path, strlen(i->log_path)))
			found = (pid_t)pid;
	}
	closedir(dir);
	return found;
}

static void replaces_a_killed_logger(void **state)
{
	const struct subject *s = *state;
	struct runtime_stats stats;
	struct runtime_status status;
	struct proc_id logger;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_IDLE);
	shell(&i.cmd, "trap 'exit 0' TERM; trap '' PIPE; n=0; while :; do n=$((n+1));"
		      "busybox printf \"line $n\\n\" 2>/dev/null; busybox sleep 0.1; done");
	start(s, &i, &status);
	wait_log(&i, "line 1\n");
	must(s->driver->stats(s->state, i.id, &stats, &err), &err);
	pid_t first = find_logger(&i);
	must(proc_identify(first, &logger, &err), &err);
	must(proc_kill(&logger, SIGKILL, &err), &err);
	must(proc_wait(&logger, 10000, &err), &err);
	must(s->driver->stats(s->state, i.id, &stats, &err), &err);
	wait_log(&i, "holm: the logger was ended");
	pid_t second = find_logger(&i);
	assert_true(second > 0 && second != first);
	must(proc_identify(second, &logger, &err), &err);
	must(s->driver->stats(s->state, i.id, &stats, &err), &err); /* nothing to do */
	assert_int_equal(find_logger(&i), second);
	stop(s, &i, &status);
	assert_int_equal(status.end, RUNTIME_END_STOPPED);
	must(proc_wait(&logger, 10000, &err), &err); /* it ends with what it serves */
	instance_fini(&i);
}

/* Of another sub-runtime: what does not depend on images. */
static int run_other(struct subject *s)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(starts_over_a_stale_record, s),
		cmocka_unit_test_prestate(survives_a_killed_containerd, s),
		cmocka_unit_test_prestate(replaces_a_killed_logger, s),
	};

	return suite_run(s, tests, ARRAY_LEN(tests));
}

static int run_all(struct subject *s)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(has_what_the_descriptor_says, s),
		cmocka_unit_test_prestate(limits_the_number_of_processes, s),
		cmocka_unit_test_prestate(joins_the_network_namespace, s),
		cmocka_unit_test_prestate(starts_over_a_stale_record, s),
		cmocka_unit_test_prestate(starts_over_a_stale_bundle, s),
		cmocka_unit_test_prestate(leaves_other_nodes_alone, s),
		cmocka_unit_test_prestate(survives_a_killed_containerd, s),
		cmocka_unit_test_prestate(replaces_a_killed_logger, s),
		cmocka_unit_test_prestate(exec_tells_output_and_exit_code, s),
		cmocka_unit_test_prestate(exec_tells_what_cannot_be_run, s),
		cmocka_unit_test_prestate(exec_has_user_folder_and_environment, s),
		cmocka_unit_test_prestate(exec_ends_in_time, s),
		cmocka_unit_test_prestate(exec_takes_input_and_its_end, s),
		cmocka_unit_test_prestate(exec_has_a_terminal, s),
		cmocka_unit_test_prestate(exec_left_over_is_ended, s),
		cmocka_unit_test_prestate(exec_half_begun_holds_up_nobody, s),
		cmocka_unit_test_prestate(fetch_continues_after_a_break, s),
		cmocka_unit_test_prestate(fetch_refuses_damaged_blobs, s),
		cmocka_unit_test_prestate(fetch_refuses_another_content, s),
		cmocka_unit_test_prestate(fetch_can_be_cancelled, s),
		cmocka_unit_test_prestate(fetch_serves_several_threads, s),
		cmocka_unit_test_prestate(images_are_listed, s),
		cmocka_unit_test_prestate(images_keep_what_runs, s),
		cmocka_unit_test_prestate(images_share_content, s),
		cmocka_unit_test_prestate(images_keep_earlier_ones, s),
		cmocka_unit_test_prestate(images_belong_to_nodes, s),
		cmocka_unit_test_prestate(images_note_their_use, s),
	};

	return suite_run(s, tests, ARRAY_LEN(tests));
}

static int run_tool(const char *dir, const char *words, struct err *err)
{
	auto_strv struct strv argv = { 0 };
	auto_free char *output = NULL;

	strv_split(&argv, words, " ");
	struct child_spec child = { .argv = argv.items, .dir = dir };
	int r = child_run(&child, TOOL_MS, &output, err);
	return r > 0 ? err_set(err, -EIO, "%s: exit code %d: %.300s", words, r, output) : r;
}

static int make_big_image(const char *dir, int tag, struct err *err)
{
	size_t size = (size_t)5 << 20;
	auto_free char *noise = xmalloc(size);
	auto_free char *path = path_join(dir, "noise");
	auto_free char *make = xasprintf("umoci new --image layout:%d", tag);
	auto_free char *fill = xasprintf("umoci insert --image layout:%d noise /noise", tag);

	for (size_t at = 0; at < size; at += 256)
		if (getrandom(noise + at, 256, 0) != 256)
			return err_errno(err, "make noise");
	int r = file_write_atomic(path, noise, size, 0644, err);
	if (r == 0)
		r = run_tool(dir, make, err);
	return r < 0 ? r : run_tool(dir, fill, err);
}

/* A layout of two layers and a user by name. */
static int make_image(const char *dir, struct err *err)
{
	static const char *const steps[] = {
		"umoci init --layout layout",
		"umoci new --image layout:main",
		"umoci insert --image layout:main /bin/busybox /bin/busybox",
		"umoci insert --image layout:main passwd /etc/passwd",
		("umoci config --image layout:main --config.user web --config.env FROM=image "
		 "--config.workingdir /srv"),
	};
	auto_free char *passwd = path_join(dir, "passwd");
	static const char text[] = "root:x:0:0::/:/bin/sh\nweb:x:101:102::/:/bin/sh\n";
	int r = file_write_atomic(passwd, text, strlen(text), 0644, err);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(steps); i++)
		r = run_tool(dir, steps[i], err);
	for (int tag = 1; r == 0 && tag <= FETCH_TAGS + IMAGES_TAGS; tag++)
		r = make_big_image(dir, tag, err);
	return r;
}

static int fetch(struct subject *s, const char *dir, struct err *err)
{
	struct image_config config = { .local_root = xstrdup(dir) };
	auto_free char *ref = xasprintf("oci:%s/layout:main", dir);
	struct image_request request = { .ref = ref };
	struct image_source *source = NULL;
	char digest[DIGEST_SIZE] = "";
	int r = image_source_open(&config, &request, NULL, &source, err);

	if (r == 0) {
		free(source->name);
		source->name = xstrdup(IMAGE);
		if (s->driver->has_image(s->state, IMAGE, digest, err) != -ENOENT)
			r = err_set(err, -EEXIST, "the image is there before it was fetched");
	}
	if (r == 0)
		r = s->driver->fetch(s->state, source, NULL, err);
	if (r == 0)
		r = s->driver->has_image(s->state, IMAGE, digest, err);
	STR_COPY(s->digest, digest);
	if (r == 0 && !str_eq(digest, source->manifest.digest))
		r = err_set(err, -EIO, "the image has digest %s, not %s", digest,
			    source->manifest.digest);
	image_source_close(source);
	free(config.local_root);
	return r;
}

static bool is_installed(const char *path)
{
	return access(path, X_OK) == 0;
}

static const char *why_not(const char *runtime)
{
	if (getuid() != 0)
		return "containers need root";
	if (!is_installed("/usr/bin/containerd") || !is_installed("/usr/sbin/runc"))
		return "containerd or runc is not installed";
	if (str_eq(runtime, "runsc") && !is_installed("/usr/bin/runsc"))
		return "runsc is not installed";
	if (!is_installed("/usr/bin/umoci") || !is_installed("/bin/busybox"))
		return "umoci or a static busybox is not installed";
	return getenv("HOLM_BUILD") ? NULL : "HOLM_BUILD is not set";
}

/* The parent of the instances' groups is the role's, which is played here. */
static int remove_cgroup(const struct subject *s, struct err *err)
{
	struct cgroup_fs fs;
	int r = cgroup_detect("/sys/fs/cgroup", &fs, err);

	return r < 0 ? r : cgroup_remove(&fs, s->config.cgroup_parent, err);
}

static int run(struct subject *s, const char *dir, struct err *err)
{
	int r = make_image(dir, err);

	if (r == 0)
		r = s->driver->open(&s->config, &s->state, err);
	if (r < 0)
		return r;
	r = fetch(s, dir, err);
	if (r == 0)
		r = str_eq(s->runtime, "runc") ? run_all(s) : run_other(s);
	struct err last;
	if (s->driver->shutdown(s->state, &last) < 0) {
		*err = last;
		r = last.code;
	}
	s->driver->close(s->state);
	if (remove_cgroup(s, &last) < 0) {
		*err = last;
		r = last.code;
	}
	auto_free char *state_dir = xasprintf("/run/holm-%.8s", s->config.node_id);
	if (r == 0 && path_exists(state_dir))
		r = err_set(err, -EEXIST, "%s is left over", state_dir);
	return r;
}

int main(int argc, char **argv)
{
	const char *runtime = argc > 1 ? argv[1] : "runc";
	char dir[] = "/tmp/holm-contract-XXXXXX";
	char node_id[ID_SIZE];
	uint8_t random[12];
	struct err err = { 0 };

	if (why_not(runtime)) {
		printf("1..0 # SKIP %s\n", why_not(runtime));
		return 0;
	}
	if (getrandom(random, sizeof(random), 0) != sizeof(random) || !mkdtemp(dir))
		return 1;
	id_format(random, node_id);
	auto_free char *helper = path_join(getenv("HOLM_BUILD"), "src/helper/holm-helper");
	auto_free char *shim = path_join(getenv("HOLM_BUILD"), "src/shim/holm-shim");
	auto_free char *cgroup = xasprintf("holm-%.8s", node_id);
	auto_free char *log_dir = path_join(dir, "logs");
	struct subject s = {
		.name = "containerd",
		.driver = &containerd_driver,
		.config = { .node_id = node_id,
			    .data_dir = dir,
			    .helper_path = helper,
			    .shim_path = shim,
			    .cgroup_parent = cgroup,
			    .log_max_bytes = 1 << 20,
			    .containerd_address = "own" },
		.runtime = runtime,
		.image = IMAGE,
		.command = command,
		.check_gone = check_gone,
		.log_dir = log_dir,
	};
	int r = run(&s, dir, &err);
	if (r < 0)
		printf("not ok - set-up: %s\n", err.msg);
	path_remove(dir, &err);
	return r != 0;
}
