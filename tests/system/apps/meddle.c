/* A library that is loaded into holm by LD_PRELOAD and makes it meet what tests cannot wait for: an end
 * before the Nth thing that it does to the world, a clock that was set, a file that cannot be
 * written. Everything is off until the control file says otherwise; holm itself knows nothing of
 * this.
 *
 * What counts as done to the world: what is sent on a socket (containerd, netlink, QMP), what is
 * made durable, and what changes names in the file system, mounts and namespaces. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LIKE  __attribute__((visibility("default")))
#define NAMES 4096

/* Shared with the test; see harness/meddle.py. */
struct control {
	int64_t pid;    /* whose doings are counted, 0: nobody's */
	int64_t left;   /* it ends before this many; 0: never */
	int64_t count;  /* of what was done since that was set */
	int64_t shift;  /* seconds, added to the time of day */
	int64_t error;  /* errno of writing files whose path has `path` in it, 0: none */
	int64_t failed; /* how often that was given */
	char path[64];
	char names[NAMES][16]; /* of what was done */
};

static struct control *control;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("HOLM_MEDDLE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mapped = fd < 0 ? MAP_FAILED
			      : mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				     0);

	if (fd >= 0)
		close(fd);
	if (mapped != MAP_FAILED)
		control = mapped;
}

static void done(const char *name)
{
	if (!control || __atomic_load_n(&control->pid, __ATOMIC_SEQ_CST) != getpid())
		return;
	int64_t n = __atomic_fetch_add(&control->count, 1, __ATOMIC_SEQ_CST);
	if (n < NAMES)
		snprintf(control->names[n], sizeof(control->names[n]), "%s", name);
	if (n + 1 == __atomic_load_n(&control->left, __ATOMIC_SEQ_CST)) {
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	}
}

/* A question changes nothing, nor does what HTTP/2 says beside a call's message. An answer to a client
 * (a unix socket with a name) comes after what it tells. */
static int is_deed(int fd, const void *data, size_t len)
{
	const struct nlmsghdr *netlink = data;
	const unsigned char *bytes = data;
	struct sockaddr_storage own = { 0 };
	socklen_t size = sizeof(own);

	if (getsockname(fd, (struct sockaddr *)&own, &size) < 0)
		return 0;
	if (own.ss_family == AF_NETLINK && len >= sizeof(*netlink))
		return (netlink->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP &&
		       (netlink->nlmsg_type >= RTM_MAX || netlink->nlmsg_type % 4 != 2);
	if (own.ss_family == AF_UNIX && size > sizeof(own.ss_family))
		return 0;
	return own.ss_family != AF_UNIX || len < 4 || bytes[3] == 0 || bytes[3] >= ' ';
}

/* Nonzero if writing to the file shall fail. */
static int fails(int fd)
{
	char link[32];
	char path[512];
	ssize_t n;

	if (!control || !control->error)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	if (!strstr(path, control->path))
		return 0;
	__atomic_fetch_add(&control->failed, 1, __ATOMIC_SEQ_CST);
	errno = (int)control->error;
	return 1;
}

#define REAL(name)                     \
	static __typeof__(name) *real; \
	if (!real)                     \
	real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define SOCKET_CALL(name, args, words)      \
	LIKE ssize_t name args              \
	{                                   \
		REAL(name);                 \
		if (is_deed(fd, data, len)) \
			done(#name);        \
		return real words;          \
	}
#define FILE_CALL(type, name, args, words) \
	LIKE type name args                \
	{                                  \
		REAL(name);                \
		if (fails(fd))             \
			return -1;         \
		return real words;         \
	}
#define NAME_CALL(name, args, words) \
	LIKE int name args           \
	{                            \
		REAL(name);          \
		done(#name);         \
		return real words;   \
	}

SOCKET_CALL(send, (int fd, const void *data, size_t len, int flags), (fd, data, len, flags))
SOCKET_CALL(sendto,
	    (int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
	     socklen_t n),
	    (fd, data, len, flags, to, n))
FILE_CALL(ssize_t, pwrite, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
FILE_CALL(ssize_t, pwrite64, (int fd, const void *data, size_t len, off64_t at),
	  (fd, data, len, at))
FILE_CALL(int, ftruncate, (int fd, off_t len), (fd, len))
FILE_CALL(int, ftruncate64, (int fd, off64_t len), (fd, len))
NAME_CALL(rename, (const char *from, const char *to), (from, to))
NAME_CALL(unlink, (const char *path), (path))
NAME_CALL(unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
NAME_CALL(rmdir, (const char *path), (path))
NAME_CALL(symlink, (const char *to, const char *path), (to, path))
NAME_CALL(mount,
	  (const char *from, const char *to, const char *type, unsigned long flags,
	   const void *data),
	  (from, to, type, flags, data))
NAME_CALL(umount2, (const char *path, int flags), (path, flags))
NAME_CALL(unshare, (int flags), (flags))
NAME_CALL(setns, (int fd, int kind), (fd, kind))

LIKE ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	REAL(sendmsg);
	if (msg->msg_iovlen && is_deed(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len))
		done("sendmsg");
	return real(fd, msg, flags);
}

LIKE int mkdir(const char *path, mode_t mode)
{
	REAL(mkdir);
	if (access(path, F_OK) != 0)
		done("mkdir");
	return real(path, mode);
}

LIKE ssize_t write(int fd, const void *data, size_t len)
{
	REAL(write);
	if (is_deed(fd, data, len))
		done("write");
	if (fails(fd))
		return -1;
	return real(fd, data, len);
}

LIKE int fdatasync(int fd)
{
	REAL(fdatasync);
	done("fdatasync");
	return fails(fd) ? -1 : real(fd);
}

LIKE int fsync(int fd)
{
	REAL(fsync);
	done("fsync");
	return fails(fd) ? -1 : real(fd);
}

/* As holm calls it, with four arguments. */
LIKE int clone(int (*run)(void *arg), void *stack, int flags, void *arg, ...)
{
	REAL(clone);
	done("clone");
	return real(run, stack, flags, arg);
}

LIKE int clock_gettime(clockid_t clock, struct timespec *ret)
{
	REAL(clock_gettime);
	int r = real(clock, ret);

	if (r == 0 && control && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret->tv_sec += control->shift;
	return r;
}

LIKE time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

LIKE int gettimeofday(struct timeval *ret, void *zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}
