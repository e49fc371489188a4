/* A container whose shim has ended by accident. It still answers what it was asked, so it is not ended at
 * once: Holm, which sees the shim end as well, leads requests to others first and then has it stop. What is
 * still there when that time is over gets its stop signal, whether anybody looks after it or not. */
#include <signal.h>
#include <sys/socket.h>

#include "base/base.h"
#include "base/proc.h"
#include "base/signals.h"
#include "base/socket.h"
#include "json/json.h"
#include "shim/start.h"

#define DRAIN_MS    1800 /* together with what follows: containerd waits 5 s */
#define GRACE_MS    1000
#define CONFIG_MAX  (4u << 20)
#define CGROUP_MAX  65536
#define STOP_SIGNAL "org.opencontainers.image.stopSignal"

/* Its number may be another process's by now; that one is in no control group of this name. */
static bool is_of(const struct proc_id *proc, const char *id)
{
	auto_free char *path = xasprintf("/proc/%d/cgroup", (int)proc->pid);
	auto_free char *text = NULL;
	struct err ignored;

	return file_read(path, CGROUP_MAX, &text, NULL, &ignored) == 0 && strstr(text, id);
}

/* When it starts, containerd has those containers ended whose shims it does not find, one after the other,
 * and answers nobody before. */
static bool is_listening(const char *address)
{
	const char *slash = address ? strrchr(address, '/') : NULL;
	struct err ignored;

	if (!slash)
		return false;
	auto_free char *dir = xstrndup(address, (size_t)(slash - address));
	auto_close int fd = socket_connect(dir, slash + 1, SOCK_STREAM, &ignored);
	return fd >= 0;
}

static int stop_signal(const char *bundle)
{
	auto_free char *path = path_join(bundle, "config.json");
	auto_free char *text = NULL;
	auto_(json_free) struct json *root = NULL;
	const struct json *annotations = NULL;
	const char *name = NULL;
	size_t len = 0;
	struct err ignored;
	int sig = SIGTERM;

	if (file_read(path, CONFIG_MAX, &text, &len, &ignored) == 0 &&
	    json_parse(text, len, &root, &ignored) == 0)
		annotations = json_get(root, "annotations");
	if (annotations)
		name = json_get_str(annotations, STOP_SIGNAL);
	if (name)
		signal_parse(name, &sig);
	return sig;
}

void orphan_end(const char *id, const char *bundle, const char *address)
{
	auto_free char *path = path_join(bundle, PID_FILE);
	struct proc_id proc;
	struct err ignored;
	pid_t pid = 0;

	if (oci_read_pid(path, &pid, &ignored) < 0 || proc_identify(pid, &proc, &ignored) < 0 ||
	    !is_of(&proc, id) || !is_listening(address))
		return;
	if (proc_wait(&proc, DRAIN_MS, &ignored) == 0)
		return;
	if (proc_kill(&proc, stop_signal(bundle), &ignored) == 0)
		proc_wait(&proc, GRACE_MS, &ignored);
}
