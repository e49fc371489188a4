/* A container's output goes from its program through two pipes to a logger of ours, which the shim
 * starts. Should that be killed, the shim still has the writing ends: a pipe that nobody reads shows
 * as an error to who would write (poll(2)), and can be opened for reading by any process that may
 * look at the shim's descriptors. Until then writers get EPIPE, or end by SIGPIPE if they are not
 * the first process of the container. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/base.h"
#include "loop/child.h"
#include "runtime/containerd/exec/exec.h"
#include "runtime/containerd/output.h"
#include "runtime/containerd/shim.h"

#define NOTE       "output"
#define NOTE_MAX   8192
#define DESCRIPTOR 48 /* "/proc/PID/fd/N" */

enum { N_STREAMS = 2 };

static void add_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		bool is_plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
				(*text >= '0' && *text <= '9') || strchr("/._-~", *text);

		buf_addf(out, is_plain ? "%c" : "%%%02X", (unsigned char)*text);
	}
}

char *output_target(const struct driver *driver, const char *log_path)
{
	return xasprintf("%llu:%s", (unsigned long long)driver->log_max, log_path);
}

char *output_uri(const struct driver *driver, const char *log_path)
{
	auto_buf struct buf uri;

	buf_init(&uri, (size_t)16 << 10);
	if (!log_path)
		return buf_take(&uri);
	auto_free char *target = output_target(driver, log_path);
	buf_add_str(&uri, "binary://");
	add_escaped(&uri, driver->helper);
	buf_add_str(&uri, "?logger=");
	add_escaped(&uri, target);
	return buf_take(&uri);
}

int output_note(const struct driver *driver, const char *dir, const char *log_path, struct err *err)
{
	if (!log_path)
		return 0;
	auto_free char *target = output_target(driver, log_path);
	auto_free char *path = path_join(dir, NOTE);
	return file_replace(path, target, err);
}

static const char *descriptor(pid_t shim, uint32_t number, char out[DESCRIPTOR])
{
	snprintf(out, DESCRIPTOR, "/proc/%d/fd/%u", (int)shim, number);
	return out;
}

/* True if it is an end of a pipe that only writes, and that nobody reads. */
static bool is_unread(pid_t shim, uint32_t number)
{
	char path[DESCRIPTOR];
	char target[16];
	struct stat st;
	ssize_t n = readlink(descriptor(shim, number, path), target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = '\0';
	if (!str_starts(target, "pipe:") || lstat(path, &st) < 0 || st.st_mode & S_IRUSR)
		return false;
	auto_close int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	struct pollfd end = { .fd = fd, .events = POLLOUT };
	return fd >= 0 && poll(&end, 1, 0) == 1 && end.revents & POLLERR;
}

/* Of the shim's descriptors, the lower one first: it opens stdout's pipe before stderr's. */
static size_t find_unread(pid_t shim, uint32_t found[N_STREAMS])
{
	char path[DESCRIPTOR];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)shim);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && n <= N_STREAMS && (e = readdir(dir));) {
		uint32_t number;

		if (parse_u32(e->d_name, 0, INT32_MAX, &number) < 0 || !is_unread(shim, number))
			continue;
		if (n < N_STREAMS)
			found[n] = number;
		n++; /* one too many says that they are not what they seem */
	}
	if (dir)
		closedir(dir);
	if (n == N_STREAMS && found[0] > found[1]) {
		uint32_t first = found[1];

		found[1] = found[0];
		found[0] = first;
	}
	return n;
}

static int spawn_logger(const struct driver *driver, const char *target, const int fds[N_STREAMS],
			struct err *err)
{
	char word[] = "logger";
	char again[] = "again";
	auto_free char *to = xstrdup(target);
	char *argv[] = { driver->helper, word, to, again, NULL };
	const struct child_spec child = { .argv = argv,
					  .keep_fds = fds,
					  .n_keep_fds = N_STREAMS,
					  .is_detached = true };
	struct proc_id proc;

	return child_spawn(&child, &proc, err);
}

static int read_note(const struct driver *driver, const char *instance_id, char **ret,
		     struct err *err)
{
	auto_free char *dir = container_dir(driver, instance_id);
	auto_free char *note = path_join(dir, NOTE);

	return file_read(note, NOTE_MAX, ret, NULL, err);
}

static int open_unread(pid_t shim, uint32_t number, struct err *err)
{
	char path[DESCRIPTOR];
	int fd = open(descriptor(shim, number, path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? err_errno(err, "open %s", path) : fd;
}

/* The other end of pipes that the shim made. */
static int tend_pipes(const struct driver *driver, const char *target, pid_t shim, struct err *err)
{
	uint32_t found[N_STREAMS];

	if (find_unread(shim, found) != N_STREAMS)
		return 0;
	auto_close int out = open_unread(shim, found[0], err);
	if (out < 0)
		return out;
	auto_close int errors = open_unread(shim, found[1], err);
	if (errors < 0)
		return errors;
	int r = spawn_logger(driver, target, (const int[N_STREAMS]){ out, errors }, err);
	return r < 0 ? r : 1;
}

static int tend(const struct driver *driver, const char *instance_id, pid_t shim, struct err *err)
{
	auto_free char *target = NULL;
	int r = read_note(driver, instance_id, &target, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = stdio_tend(driver, instance_id, target, err);
	if (r == -ENOENT)
		r = tend_pipes(driver, target, shim, err);
	if (r > 0)
		log_warning("instance %s: its logger had ended: started again, output may be "
			    "missing",
			    instance_id);
	return r;
}

int output_tend(const struct driver *driver, const char *instance_id, struct err *err)
{
	auto_free char *cgroup = container_cgroup(driver, instance_id);
	struct proc_id shim;
	pid_t pid;

	if (cgroup_find_process(&driver->cgroups, cgroup, &pid) < 0 ||
	    !shim_find(pid, instance_id, &shim))
		return 0;
	return tend(driver, instance_id, shim.pid, err);
}
