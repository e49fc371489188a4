/* The shim of one container. containerd waits for a hung one, and so would everybody; once it has
 * ended, containerd cleans up behind it and kills the container. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/base.h"
#include "runtime/containerd/shim.h"
#include "wire/digest/digest.h"

#define CMDLINE_MAX 4096
#define END_MS      5000
#define STAT_MAX    4096
#define PARENTS_MAX 8 /* between a process of the container and the shim */
#define SOCKETS     "/run/containerd/s"

static bool has_option(const char *words, size_t len, const char *option, const char *value)
{
	bool is_next = false;

	for (size_t at = 0; at < len; at += strlen(words + at) + 1) {
		if (is_next && str_eq(words + at, value))
			return true;
		is_next = str_eq(words + at, option);
	}
	return false;
}

bool shim_is_of(const char *words, size_t len, const char *instance_id)
{
	const char *slash = strrchr(words, '/');

	return str_starts(slash ? slash + 1 : words, "containerd-shim") &&
	       has_option(words, len, "-namespace", NAMESPACE) &&
	       has_option(words, len, "-id", instance_id);
}

/* Identified before its words are read: what is killed is what was looked at. */
static bool identify(pid_t pid, const char *instance_id, struct proc_id *ret)
{
	char path[32];
	char words[CMDLINE_MAX];
	struct err err;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (proc_identify(pid, ret, &err) < 0)
		return false;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, words, sizeof(words) - 1);
	if (n <= 0)
		return false;
	words[n] = '\0';
	return shim_is_of(words, (size_t)n, instance_id);
}

static pid_t parent_of(pid_t pid)
{
	char path[32];
	auto_free char *text = NULL;
	uint32_t parent = 0;
	struct err ignored;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(path, STAT_MAX, &text, NULL, &ignored) < 0)
		return 0;
	/* "PID (NAME) STATE PARENT …", with anything in the name (proc(5)). */
	const char *behind = strrchr(text, ')');
	if (!behind || strlen(behind) < 4)
		return 0;
	auto_free char *number = xstrndup(behind + 4, strcspn(behind + 4, " "));
	return parse_u32(number, 1, INT32_MAX, &parent) < 0 ? 0 : (pid_t)parent;
}

bool shim_find(pid_t pid, const char *instance_id, struct proc_id *ret)
{
	for (int i = 0; i < PARENTS_MAX && pid > 1; i++) {
		pid = parent_of(pid);
		if (pid > 1 && identify(pid, instance_id, ret))
			return true;
	}
	return false;
}

/* containerd's name for it is a digest (runtime/v2/shim, SocketAddress). */
void shim_remove_socket(const char *address, const char *instance_id)
{
	auto_free char *name = xasprintf("%s/" NAMESPACE "/%s", address, instance_id);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char digest[DIGEST_TEXT_MAX];

	digest_of(name, strlen(name), digest);
	snprintf(addr.sun_path, sizeof(addr.sun_path), SOCKETS "/%s", strchr(digest, ':') + 1);
	if (!path_exists(addr.sun_path))
		return;
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 &&
	    errno == ECONNREFUSED)
		unlink(addr.sun_path);
}

int shim_kill(const char *instance_id, struct err *err)
{
	DIR *dir = opendir("/proc");
	struct proc_id proc;
	int r = 0;

	if (!dir)
		return err_errno(err, "list /proc");
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		uint32_t pid;

		if (parse_u32(e->d_name, 1, INT32_MAX, &pid) < 0 ||
		    !identify((pid_t)pid, instance_id, &proc))
			continue;
		log_warning("instance %s: its shim, process %u, does not answer: killing it",
			    instance_id, pid);
		r = proc_kill(&proc, SIGKILL, err);
		if (r == 0)
			r = proc_wait(&proc, END_MS, err);
	}
	closedir(dir);
	return r;
}
