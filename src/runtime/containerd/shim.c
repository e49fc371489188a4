/* The shim of one container. containerd waits for a hung one, and so would everybody; once it has
 * ended, containerd cleans up behind it and kills the container. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>

#include "base/base.h"
#include "runtime/containerd/shim.h"

#define CMDLINE_MAX 4096
#define END_MS      5000

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
