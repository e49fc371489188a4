/* Everything that needs privilege (the tap, the socket) is opened here and inherited. */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/socket.h"
#include "loop/child.h"
#include "runtime/qemu/process.h"
#include "runtime/qemu/user.h"
#include "wire/netlink/netlink.h"

#define PID_FILE_MAX 4096
#define LOCK_STEP_MS 20
#define GLANCE_MS    200 /* somebody who only looks whether it is taken */
#define OUTPUT_MAX   65536
#define TAP_MS       2000 /* for a tap to be free */
#define TAP_STEP_MS  2

void vm_dir_fini(struct vm_dir *dir)
{
	free(dir->path);
	free(dir->vm);
	if (dir->lock >= 0)
		close(dir->lock);
	*dir = (struct vm_dir){ .lock = -1 };
}

static int open_lock(const char *path, int flags, struct err *err)
{
	auto_free char *name = path_join(path, "lock");
	int fd = open(name, O_RDWR | O_CLOEXEC | flags, 0600);

	return fd < 0 ? err_errno(err, "open %s", name) : fd;
}

/* No event tells that a lock of another process is free; it is held for moments, or as long as a
 * machine runs. */
static int lock_within(int fd, unsigned timeout_ms)
{
	for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += LOCK_STEP_MS) {
		if (waited >= timeout_ms)
			return -EBUSY;
		poll(NULL, 0, LOCK_STEP_MS);
	}
	return 0;
}

static int take(const char *path, int take_fd, unsigned timeout_ms, struct vm_dir *ret,
		struct err *err)
{
	auto_close int fd = take_fd;

	if (lock_within(fd, timeout_ms) < 0)
		return err_set(err, -EBUSY, "%s is in use", path);
	*ret = (struct vm_dir){ .path = xstrdup(path),
				.vm = path_join(path, "vm"),
				.lock = TAKE_FD(fd) };
	return 0;
}

int vm_dir_make(const struct qemu *qemu, const char *path, struct vm_dir *ret, struct err *err)
{
	auto_free char *vm = path_join(path, "vm");
	auto_vm_dir struct vm_dir dir = { .lock = -1 };

	if (dir_make(path, 0700, err) < 0 || dir_make(vm, 0700, err) < 0)
		return err->code;
	int fd = open_lock(path, O_CREAT, err);
	if (fd < 0 || take(path, fd, GLANCE_MS, &dir, err) < 0 ||
	    qemu_user_give(qemu, path, &dir.user, err) < 0)
		return err->code;
	*ret = dir;
	dir = (struct vm_dir){ .lock = -1 };
	return 0;
}

int vm_dir_take(const char *path, unsigned timeout_ms, struct vm_dir *ret, struct err *err)
{
	int fd = open_lock(path, 0, err);

	return fd < 0 ? fd : take(path, fd, timeout_ms, ret, err);
}

bool vm_dir_is_taken(const char *path)
{
	struct err err;
	auto_close int fd = open_lock(path, 0, &err);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

/* A child that another thread was forking while the tap was made has it, too, until it has become its
 * program, and nothing tells when that is. */
static int open_tap(const char *name, struct err *err)
{
	auto_close int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	if (strlen(name) >= sizeof(request.ifr_name))
		return err_set(err, -EINVAL, "interface name %s is too long", name);
	STR_COPY(request.ifr_name, name);
	if (fd < 0)
		return err_errno(err, "open /dev/net/tun");
	uint64_t end_ms = clock_monotonic_ms() + TAP_MS;
	while (ioctl(fd, TUNSETIFF, &request) < 0) {
		if (errno != EBUSY || clock_monotonic_ms() >= end_ms)
			return err_errno(err, "open tap %s", name);
		clock_poll(NULL, 0, clock_monotonic_ms() + TAP_STEP_MS);
	}
	return TAKE_FD(fd);
}

/* A tap is found in the namespace of the thread that asks. */
static int open_tap_of(const struct vm_launch *l, struct err *err)
{
	int home;

	if (!l->netns)
		return open_tap(l->tap, err);
	if (netns_enter(l->netns, &home, err) < 0)
		return err->code;
	int fd = open_tap(l->tap, err);
	netns_leave(home);
	return fd;
}

/* Group of /dev/kvm if that lets its members in; 0: none needed or none helps. */
static unsigned kvm_group(void)
{
	struct stat st;

	if (stat("/dev/kvm", &st) < 0 || (st.st_mode & 0060) != 0060)
		return 0;
	return st.st_gid;
}

static const char *share_kind(const struct runtime_mount *mount)
{
	if (mount->is_given)
		return "as";
	return mount->is_read_only ? "ro" : "rw";
}

static void build_command(const struct vm_launch *l, struct strv *argv)
{
	strv_add(argv, l->qemu->helper_path);
	strv_add(argv, "run");
	strv_addf(argv, "dir=%s", l->dir->path);
	strv_addf(argv, "log=%llu:%s", (unsigned long long)l->qemu->log_max_bytes, l->log_path);
	strv_addf(argv, "uid=%u", l->dir->user);
	strv_addf(argv, "gid=%u", l->dir->user);
	strv_add(argv, "events=1");
	if (l->qemu->can_jail)
		strv_add(argv, "jail=1");
	if (l->has_kvm)
		strv_add(argv, "device=/dev/kvm");
	if (l->has_kvm && l->dir->user)
		strv_addf(argv, "group=%u", kvm_group());
	if (l->cgroup)
		strv_addf(argv, "cgroup=%s", l->cgroup);
	for (size_t i = 0; i < l->n_mounts; i++)
		strv_addf(argv, "share=%s:%s", share_kind(&l->mounts[i]), l->mounts[i].source);
	if (l->timeout_ms)
		strv_addf(argv, "timeout_ms=%u", l->timeout_ms);
	if (l->nice)
		strv_addf(argv, "nice=%u", l->nice);
	strv_add(argv, "--");
	for (size_t i = 0; i < l->argv->n; i++)
		strv_add(argv, l->argv->items[i]);
}

/* The order of keep_fds is that of the descriptors from 3: lock, QMP, tap, vhost, state. */
int vm_launch(const struct vm_launch *l, struct proc_id *ret_helper, struct err *err)
{
	auto_strv struct strv argv = { 0 };
	auto_close int qmp = socket_listen(l->dir->path, QEMU_QMP_NAME, SOCK_STREAM, err);
	auto_close int tap = -1;
	auto_close int vhost = -1;
	size_t n = 2;

	static_assert(QEMU_FD_QMP == 4 && QEMU_FD_TAP == 5 && QEMU_FD_VHOST == 6 &&
			      QEMU_FD_VHOST + 1 < QEMU_FD_EVENTS,
		      "in order");
	if (qmp < 0)
		return err->code;
	if (l->tap) {
		tap = open_tap_of(l, err);
		if (tap < 0)
			return err->code;
		n++;
	}
	if (l->tap && l->has_vhost) {
		vhost = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
		if (vhost < 0)
			return err_errno(err, "open /dev/vhost-net");
		n++;
	}
	int fds[] = { l->dir->lock, qmp, tap, vhost, -1 };
	if (l->has_state)
		fds[n++] = l->state;
	build_command(l, &argv);
	auto_free char *own_output = path_join(l->dir->path, "supervisor.log");
	const struct child_spec spec = {
		.argv = argv.items,
		.output_path = own_output,
		.keep_fds = fds,
		.n_keep_fds = n,
		.is_detached = true,
		.join_netns = l->netns,
	};
	return child_spawn(&spec, ret_helper, err);
}

static void read_pid(const char *path, const char *name, struct proc_id *ret)
{
	auto_free char *file = path_join(path, name);
	auto_free char *text = NULL;
	struct err err;

	*ret = (struct proc_id){ 0 };
	if (file_read(file, PID_FILE_MAX, &text, NULL, &err) == 0)
		proc_id_parse(text, ret);
}

void vm_processes_read(const char *path, struct vm_processes *ret)
{
	read_pid(path, "helper.pid", &ret->helper);
	read_pid(path, "vm.pid", &ret->vm);
}

int vm_exit_read(const char *path, struct exit_record *ret, struct err *err)
{
	auto_free char *file = path_join(path, "exit");

	return exit_record_read(file, ret, err);
}

char *vm_supervisor_words(const char *path)
{
	auto_free char *file = path_join(path, "supervisor.log");
	char *text = NULL;
	struct err err;

	return file_read(file, OUTPUT_MAX, &text, NULL, &err) == 0 ? text : xstrdup("");
}

int vm_kill(const char *path, unsigned timeout_ms, struct err *err)
{
	struct vm_processes p;

	vm_processes_read(path, &p);
	if (p.vm.pid &&
	    (proc_kill(&p.vm, SIGKILL, err) < 0 || proc_wait(&p.vm, timeout_ms, err) < 0))
		return err_wrap(err, "kill qemu");
	if (!p.helper.pid || proc_wait(&p.helper, timeout_ms, err) == 0)
		return 0;
	/* It has nothing left to supervise, and cannot write the record of the end. */
	if (proc_kill(&p.helper, SIGKILL, err) < 0 || proc_wait(&p.helper, timeout_ms, err) < 0)
		return err_wrap(err, "kill the supervisor");
	return 0;
}
