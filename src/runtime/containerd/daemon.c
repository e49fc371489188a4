/* Which containerd: the system's if it answers, else one of our own, which outlives us and is found
 * again by its socket. Once there is one of our own it stays the one: it has the instances. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/base.h"
#include "base/clock.h"
#include "loop/child.h"
#include "runtime/containerd/driver.h"
#include "runtime/containerd/shim.h"
#include "wire/grpc/grpc.h"

#define SYSTEM_SOCKET "/run/containerd/containerd.sock"
#define ANSWER_MS     2000
#define BOOT_MS       20000
#define LOOK_MS       20
#define TRUST_MS      1000 /* after an answer, while the process lives */
#define END_MS        15000
#define SWEEP         "holm-sweep" /* key of a snapshot */
#define BUNDLES       "io.containerd.runtime.v2.task/" NAMESPACE
#define NODE_PREFIX   8 /* digits of the node's id in names of the host */
#define MOUNTS_MAX    ((size_t)16 << 20)

/* Of the time, at most, that the collector runs. containerd's own 0.02 lets the disk space of what was
 * removed wait for fifty times what the last collections took: minutes, where the disk is slow. */
#define COLLECTOR_SHARE "0.2"

static bool answers(const char *socket)
{
	auto_(grpc_conn_free) struct grpc_conn *conn = grpc_conn_new(socket);
	struct containerd c = { .grpc = conn, .ns = NAMESPACE, .timeout_ms = ANSWER_MS };
	auto_free char *version = NULL;
	struct err err;

	return containerd_version(&c, &version, &err) == 0;
}

static char *record_path(const struct driver *d)
{
	return path_join(d->daemon_dir, "pid");
}

static int read_record(const struct driver *d, struct proc_id *ret)
{
	auto_free char *path = record_path(d);
	auto_free char *text = NULL;
	struct err err;
	int r = file_read(path, PROC_ID_TEXT_MAX, &text, NULL, &err);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	r = proc_id_parse(text, ret);
	return r < 0 || proc_is_alive(ret) ? r : -ESRCH;
}

/* Who listens at our socket, should the record be lost. */
static int find_listener(const struct driver *d, struct proc_id *ret)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	struct err err;

	STR_COPY(addr.sun_path, d->socket);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	return proc_identify(peer.pid, ret, &err);
}

/* The process that we, or an earlier run of us, started. */
static bool find_process(const struct driver *d, struct proc_id *ret)
{
	return read_record(d, ret) == 0 || find_listener(d, ret) == 0;
}

/* Without the plug-ins for Kubernetes and for file systems that we do not use. */
static int write_config(const struct driver *d, const char *path, struct err *err)
{
	auto_free char *text = xasprintf(
		"version = 2\n"
		"root = \"%s/root\"\n"
		"state = \"%s/state\"\n"
		"oom_score = -500\n"
		"disabled_plugins = [\"io.containerd.grpc.v1.cri\", "
		"\"io.containerd.snapshotter.v1.aufs\", \"io.containerd.snapshotter.v1.btrfs\", "
		"\"io.containerd.snapshotter.v1.devmapper\", \"io.containerd.snapshotter.v1.zfs\", "
		"\"io.containerd.internal.v1.opt\", \"io.containerd.internal.v1.restart\", "
		"\"io.containerd.tracing.processor.v1.otlp\", \"io.containerd.internal.v1.tracing\"]\n"
		"[plugins.\"io.containerd.gc.v1.scheduler\"]\n"
		"  pause_threshold = " COLLECTOR_SHARE "\n"
		"[debug]\n"
		"  level = \"warn\"\n"
		"[grpc]\n"
		"  address = \"%s\"\n",
		d->daemon_dir, d->state_dir, d->socket);

	return file_write_atomic(path, text, strlen(text), 0644, err);
}

static int wait_answer(const struct driver *d, const struct proc_id *proc, struct err *err)
{
	uint64_t end = clock_monotonic_ms() + BOOT_MS;

	while (clock_monotonic_ms() < end) {
		if (answers(d->socket))
			return 0;
		if (!proc_is_alive(proc))
			return err_set(err, -ECHILD,
				       "start containerd: it ended at once, see %s/log",
				       d->daemon_dir);
		clock_poll(NULL, 0, clock_monotonic_ms() + LOOK_MS);
	}
	return err_set(err, -ETIMEDOUT, "start containerd: process %d does not answer within %d s",
		       (int)proc->pid, BOOT_MS / 1000);
}

static int spawn(struct driver *d, struct proc_id *ret, struct err *err)
{
	auto_free char *config = path_join(d->daemon_dir, "config.toml");
	auto_free char *log = path_join(d->daemon_dir, "log");
	auto_free char *record = record_path(d);
	char program[] = "containerd";
	char option[] = "--config";
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *argv[] = { program, option, config, NULL };
	char *env[] = { path, NULL };
	struct child_spec child = { .argv = argv,
				    .env = env,
				    .output_path = log,
				    .is_detached = true };
	char text[PROC_ID_TEXT_MAX];
	int r = write_config(d, config, err);

	if (r == 0)
		r = child_spawn(&child, ret, err);
	if (r < 0)
		return err_wrap(err, "start containerd");
	proc_id_format(ret, text);
	return file_write_atomic(record, text, strlen(text), 0644, err);
}

static int remove_bundle(const char *top, const char *instance_id, struct err *err)
{
	auto_free char *path = xasprintf("%s/" BUNDLES "/%s", top, instance_id);
	auto_free char *rootfs = path_join(path, "rootfs");

	while (umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	return path_remove(path, err);
}

/* One that is killed between making a bundle and noting its shim leaves it, and no container of that name
 * could be started any more ("file exists"). */
int daemon_remove_bundle(const struct driver *d, const char *instance_id, struct err *err)
{
	if (!d->is_own)
		return 0;
	auto_free char *state = path_join(d->state_dir, "state");
	auto_free char *root = path_join(d->daemon_dir, "root");
	int r = remove_bundle(state, instance_id, err);

	return r < 0 ? r : remove_bundle(root, instance_id, err);
}

/* A containerd that is killed while it removes a container's bundle leaves it under a hidden name, which
 * the next one passes over (containerd 1.6, runtime/v2/bundle.go, manager.go). */
static void sweep_bundles(const char *top)
{
	auto_free char *path = path_join(top, BUNDLES);
	DIR *dir = opendir(path);
	struct err err;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] != '.' || str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		auto_free char *bundle = path_join(path, e->d_name);
		if (path_remove(bundle, &err) < 0)
			log_warning("%s", err.msg);
	}
	closedir(dir);
}

static int start_own(struct driver *d, struct proc_id *ret, struct err *err)
{
	auto_free char *state = path_join(d->state_dir, "state");
	auto_free char *root = path_join(d->daemon_dir, "root");

	atomic_store(&d->answered_ms, 0); /* that was another one */
	sweep_bundles(state);
	sweep_bundles(root);
	return spawn(d, ret, err);
}

/* One that was killed leaves folders of snapshots that it was just removing; containerd looks for such
 * when the collector runs after the next removal: this is one. */
static void sweep_snapshots(const struct driver *d)
{
	auto_(grpc_conn_free) struct grpc_conn *conn = grpc_conn_new(d->socket);
	struct containerd c = { .grpc = conn,
				.ns = NAMESPACE,
				.snapshotter = SNAPSHOTTER,
				.timeout_ms = CALL_MS };
	const struct containerd_snapshot none = { .key = SWEEP, .parent = "" };
	auto_containerd_mounts struct containerd_mounts mounts = { 0 };
	struct err err;
	int r = containerd_snapshot_prepare(&c, &none, &mounts, &err);

	if (r == 0 || r == -EEXIST)
		r = containerd_snapshot_remove(&c, SWEEP, &err);
	if (r < 0)
		log_warning("sweep folders of snapshots: %s", err.msg);
}

/* Of two that start at once, one waits here and then finds the other's. */
static int lock_daemon(const struct driver *d, struct err *err)
{
	auto_free char *path = path_join(d->daemon_dir, "lock");
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_errno(err, "lock %s", path);
	return TAKE_FD(fd);
}

/* One that hangs holds up every operation. Containers do not depend on it. */
static int end_hung(const struct proc_id *proc, struct err *err)
{
	log_warning("containerd, process %d, does not answer for %d s: killing it", (int)proc->pid,
		    BOOT_MS / 1000);
	int r = proc_kill(proc, SIGKILL, err);
	return r < 0 ? r : proc_wait(proc, END_MS, err);
}

static int ensure_own(struct driver *d, struct err *err)
{
	auto_close int lock = lock_daemon(d, err);
	struct proc_id proc;
	int r = 0;

	if (lock < 0)
		return lock;
	if (answers(d->socket))
		return 0;
	if (find_process(d, &proc)) {
		if (wait_answer(d, &proc, err) == 0)
			return 0;
		if (proc_is_alive(&proc))
			r = end_hung(&proc, err);
	}
	if (r == 0)
		r = start_own(d, &proc, err);
	if (r == 0)
		r = wait_answer(d, &proc, err);
	if (r == 0)
		sweep_snapshots(d);
	return r;
}

static int open_own(struct driver *d, struct err *err)
{
	d->is_own = true;
	d->socket = path_join(d->state_dir, "containerd.sock");
	d->runtime_root = path_join(d->state_dir, "runtime");
	int r = dir_make(d->daemon_dir, 0711, err);
	if (r == 0)
		r = dir_make(d->state_dir, 0711, err);
	return r < 0 ? r : ensure_own(d, err);
}

/* By one that still lives: a question for each operation would be a tenth of a start's calls. */
static bool answered_lately(struct driver *d)
{
	struct proc_id proc;

	return clock_monotonic_ms() - atomic_load(&d->answered_ms) < TRUST_MS &&
	       read_record(d, &proc) == 0;
}

/* holm-shim speaks as containerd 1.6 does. */
void daemon_note_version(struct driver *d, const char *version)
{
	atomic_store(&d->takes_shim, str_starts(version, "1.6."));
}

/* Whoever starts a containerd of their own has to look after it; systemd does so for the system's.
 * If it cannot be helped, the operation at hand tells. */
void daemon_revive(struct driver *d, struct grpc_conn *conn)
{
	struct containerd c = { .grpc = conn, .ns = NAMESPACE, .timeout_ms = ANSWER_MS };
	auto_free char *version = NULL;
	struct err err;

	if (!d->is_own || answered_lately(d))
		return;
	int r = containerd_version(&c, &version, &err);
	if (r == 0) {
		atomic_store(&d->answered_ms, clock_monotonic_ms());
		daemon_note_version(d, version);
	}
	if ((r == -ECONNREFUSED || r == -ECONNRESET || r == -ETIMEDOUT) && ensure_own(d, &err) < 0)
		log_debug("%s", err.msg);
}

/* A shim that ends while there is no containerd ends unseen. */
void daemon_revive_dead(struct driver *d)
{
	struct proc_id proc;
	struct err err;

	if (d->is_own && read_record(d, &proc) == -ESRCH && ensure_own(d, &err) < 0)
		log_debug("%s", err.msg);
}

static int open_other(struct driver *d, const char *socket, struct err *err)
{
	if (!answers(socket))
		return err_set(err, -ECONNREFUSED, "connect to containerd: nobody answers at %s",
			       socket);
	d->socket = xstrdup(socket);
	return 0;
}

int daemon_open(struct driver *d, const char *address, struct err *err)
{
	d->daemon_dir = path_join(d->dir, "daemon");
	d->state_dir = xasprintf("/run/holm-%.*s/containerd", NODE_PREFIX, d->node_id);
	d->instances_dir = xasprintf("/run/holm-%.*s/instances", NODE_PREFIX, d->node_id);
	int r = dir_make(d->instances_dir, 0711, err);
	if (r < 0)
		return r;
	if (address && !str_eq(address, "own"))
		return open_other(d, address, err);
	if (!address && !path_exists(d->daemon_dir) && answers(SYSTEM_SOCKET))
		return open_other(d, SYSTEM_SOCKET, err);
	return open_own(d, err);
}

/* Bundles of containers whose shim died keep their mounts. */
static int unmount_below(const char *dir, struct err *err)
{
	auto_free char *text = NULL;
	auto_strv struct strv lines = { 0 };
	int r = file_read("/proc/self/mountinfo", MOUNTS_MAX, &text, NULL, err);

	if (r < 0)
		return r;
	strv_split(&lines, text, "\n");
	for (size_t i = lines.n; i-- > 0;) {
		auto_strv struct strv words = { 0 };

		strv_split(&words, lines.items[i], " ");
		if (words.n > 4 && path_is_below(words.items[4], dir) &&
		    umount2(words.items[4], MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
			return err_errno(err, "unmount %s", words.items[4]);
	}
	return 0;
}

static int end_process(const struct driver *d, struct err *err)
{
	struct proc_id proc;
	struct err none;

	if (!find_process(d, &proc))
		return 0;
	int r = proc_kill(&proc, SIGTERM, err);
	if (r == 0 && proc_wait(&proc, END_MS, &none) == 0)
		return 0;
	if (r == 0)
		r = proc_kill(&proc, SIGKILL, err);
	return r < 0 ? r : proc_wait(&proc, END_MS, err);
}

static int end_own(struct driver *d, struct err *err)
{
	auto_close int lock = lock_daemon(d, err);

	if (lock < 0)
		return lock;
	client_drop_idle(d);
	int r = end_process(d, err);
	if (r == 0) /* of starts that were broken off: the containers are gone */
		r = shim_kill_of(d->socket, err);
	if (r == 0)
		r = unmount_below(d->state_dir, err);
	return r < 0 ? r : path_remove(d->state_dir, err);
}

int daemon_shutdown(struct driver *d, struct err *err)
{
	int r = d->is_own ? end_own(d, err) : 0;

	if (r == 0)
		r = path_remove(d->instances_dir, err);
	auto_free char *parent = xstrndup(d->state_dir,
					  (size_t)(strrchr(d->state_dir, '/') - d->state_dir));
	/* Others of this node may have folders beside them. */
	if (r == 0 && rmdir(parent) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
		return err_errno(err, "remove folder %s", parent);
	return r;
}
