/* By /proc/PID/stat. */
#include <dirent.h>
#include <signal.h>

#include "base/base.h"
#include "base/proc.h"
#include "runtime/containerd/exec/session.h"

#define STAT_MAX   4096
#define ROUNDS_MAX 10

/* Field 6 of /proc/PID/stat (proc(5)), counted from behind the name, which may hold anything. */
static bool is_in_session(uint32_t pid, pid_t leader)
{
	auto_free char *text = NULL;
	auto_strv struct strv fields = { 0 };
	char path[32];
	uint32_t session;
	struct err err;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (file_read(path, STAT_MAX, &text, NULL, &err) < 0 || !strrchr(text, ')'))
		return false;
	strv_split(&fields, strrchr(text, ')') + 1, " ");
	return fields.n > 3 && parse_u32(fields.items[3], 1, INT32_MAX, &session) == 0 &&
	       (pid_t)session == leader;
}

static unsigned kill_members(pid_t leader)
{
	DIR *dir = opendir("/proc");
	unsigned n = 0;
	uint32_t pid;
	struct proc_id proc;
	struct err err;

	if (!dir)
		return 0;
	for (struct dirent *e; (e = readdir(dir));)
		if (parse_u32(e->d_name, 1, INT32_MAX, &pid) == 0 &&
		    proc_identify((pid_t)pid, &proc, &err) == 0 && is_in_session(pid, leader))
			n += proc_kill(&proc, SIGKILL, &err) == 0;
	closedir(dir);
	return n;
}

/* Again for what one of them has started meanwhile. */
void session_kill(pid_t leader)
{
	for (int i = 0; i < ROUNDS_MAX && kill_members(leader); i++)
		continue;
}
