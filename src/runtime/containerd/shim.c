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
#define LOOKS_MAX   5
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

static bool is_shim(const char *words, size_t len)
{
	const char *slash = strrchr(words, '/');

	const char *name = slash ? slash + 1 : words;

	return (str_starts(name, "containerd-shim") || str_eq(name, "holm-shim")) &&
	       has_option(words, len, "-namespace", NAMESPACE);
}

bool shim_is_of(const char *words, size_t len, const char *instance_id)
{
	return is_shim(words, len) && has_option(words, len, "-id", instance_id);
}

bool shim_is_at(const char *words, size_t len, const char *address)
{
	return is_shim(words, len) && has_option(words, len, "-address", address);
}

/* Which shims: of an instance, or of a containerd. */
struct which {
	bool (*is_it)(const char *words, size_t len, const char *name);
	const char *name;
};

/* Identified before its words are read: what is killed is what was looked at. */
static bool identify(pid_t pid, const struct which *which, struct proc_id *ret)
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
	return which->is_it(words, (size_t)n, which->name);
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
	const struct which which = { shim_is_of, instance_id };

	for (int i = 0; i < PARENTS_MAX && pid > 1; i++) {
		pid = parent_of(pid);
		if (pid > 1 && identify(pid, &which, ret))
			return true;
	}
	return false;
}

static void remove_if_dead(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	STR_COPY(addr.sun_path, path);
	if (!path_exists(addr.sun_path))
		return;
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 &&
	    errno == ECONNREFUSED)
		unlink(addr.sun_path);
}

/* The shim's own name for it is a digest (runtime/v2/shim, SocketAddress), our helper's is the id
 * (helper/shim.c). */
void shim_remove_socket(const char *address, const char *instance_id)
{
	auto_free char *name = xasprintf("%s/" NAMESPACE "/%s", address, instance_id);
	auto_free char *dir = xstrndup(address, (size_t)(strrchr(address, '/') - address));
	auto_free char *ours = xasprintf("%s/s/%s", dir, instance_id);
	auto_free char *theirs = NULL;
	char digest[DIGEST_TEXT_MAX];

	digest_of(name, strlen(name), digest);
	theirs = path_join(SOCKETS, strchr(digest, ':') + 1);
	remove_if_dead(ours);
	remove_if_dead(theirs);
}

/* How many there were. */
static int kill_all(const struct which *which, struct err *err)
{
	DIR *dir = opendir("/proc");
	struct proc_id proc;
	int n = 0;
	int r = 0;

	if (!dir)
		return err_errno(err, "list /proc");
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		uint32_t pid;

		if (parse_u32(e->d_name, 1, INT32_MAX, &pid) < 0 ||
		    !identify((pid_t)pid, which, &proc))
			continue;
		log_warning("%s: its shim, process %u, is killed", which->name, pid);
		r = proc_kill(&proc, SIGKILL, err);
		if (r == 0)
			r = proc_wait(&proc, END_MS, err);
		n++;
	}
	closedir(dir);
	return r < 0 ? r : n;
}

/* One that is just being started has a helper, which may start it between two looks. */
static int kill_until_none(const struct which *which, struct err *err)
{
	int r = 1;

	for (int i = 0; r > 0 && i < LOOKS_MAX; i++)
		r = kill_all(which, err);
	return r < 0 ? r : 0;
}

int shim_kill(const char *instance_id, struct err *err)
{
	return kill_until_none(&(struct which){ shim_is_of, instance_id }, err);
}

int shim_kill_of(const char *address, struct err *err)
{
	return kill_until_none(&(struct which){ shim_is_at, address }, err);
}
