/* Identity of processes. A pidfd pins one process; the start time tells whether it is the one that
 * was meant. */
#include <signal.h>
#include <sys/syscall.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/proc.h"

#define BOOT_ID_PATH   "/proc/sys/kernel/random/boot_id"
#define STAT_START_AT  22 /* number of the field, from 1; see proc(5) */
#define STAT_STATE_AT  3
#define STAT_MAX_BYTES 4096

void proc_boot_id(char out[BOOT_ID_SIZE])
{
	auto_free char *text = NULL;
	struct err err;

	/* Without /proc nothing can be identified, and nothing else here works either. */
	if (file_read(BOOT_ID_PATH, 64, &text, NULL, &err) < 0) {
		log_error("%s", err.msg);
		abort();
	}
	text[strcspn(text, "\n")] = '\0';
	str_copy(out, BOOT_ID_SIZE, text);
}

/* Field `number` > 2 of a stat line, up to its end; the command before may hold anything. */
static char *stat_field(char *line, unsigned number)
{
	char *p = strrchr(line, ')');

	for (unsigned i = 2; p && i < number; i++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p;
}

static int read_stat(pid_t pid, char **ret, struct err *err)
{
	char path[32];
	struct err cause = { 0 };

	if (pid <= 0)
		return err_set(err, -ESRCH, "look up process %d: no such process", pid);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int r = file_read(path, STAT_MAX_BYTES, ret, NULL, &cause);
	if (r == -ENOENT || r == -ESRCH)
		return err_set(err, -ESRCH, "look up process %d: no such process", pid);
	return r < 0 ? err_copy(err, &cause) : 0;
}

int proc_identify_by(pid_t pid, char *stat, struct proc_id *ret, struct err *err)
{
	const char *state = stat_field(stat, STAT_STATE_AT);
	char *start = stat_field(stat, STAT_START_AT);
	uint64_t start_time;

	if (!state || !start)
		return err_set(err, -EPROTO, "look up process %d: cannot read its stat file", pid);
	if (*state == 'Z' || *state == 'X')
		return err_set(err, -ESRCH, "look up process %d: it has ended", pid);
	start[strcspn(start, " ")] = '\0';
	if (parse_u64(start, 0, UINT64_MAX, &start_time) < 0)
		return err_set(err, -EPROTO, "look up process %d: cannot read its stat file", pid);
	*ret = (struct proc_id){ .pid = pid, .start_time = start_time };
	proc_boot_id(ret->boot_id);
	return 0;
}

int proc_identify(pid_t pid, struct proc_id *ret, struct err *err)
{
	auto_free char *line = NULL;
	int r = read_stat(pid, &line, err);

	return r < 0 ? r : proc_identify_by(pid, line, ret, err);
}

/* 0, -ESRCH when the process is another or none, or why that cannot be told. */
static int check_identity(const struct proc_id *id, struct err *err)
{
	struct proc_id now;
	int r = proc_identify(id->pid, &now, err);

	if (r < 0)
		return r;
	if (now.start_time != id->start_time || !str_eq(now.boot_id, id->boot_id))
		return err_set(err, -ESRCH, "look up process %d: the number is another one's now",
			       id->pid);
	return 0;
}

bool proc_is_alive(const struct proc_id *id)
{
	struct err err;
	int r = check_identity(id, &err);

	/* When it cannot be told (no descriptor left, say), taking it for dead would do harm: what
	 * runs would be started a second time. */
	return r == 0 || (r != -ESRCH && (kill(id->pid, 0) == 0 || errno == EPERM));
}

int proc_open(const struct proc_id *id, struct err *err)
{
	if (id->pid <= 0)
		return err_set(err, -ESRCH, "look up process %d: no such process", id->pid);
	auto_close int fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
	if (fd < 0)
		return err_errno(err, "open process %d", id->pid);
	/* Checked after opening: from here on the number cannot pass to another process unseen. */
	int r = check_identity(id, err);
	return r < 0 ? r : TAKE_FD(fd);
}

int proc_kill(const struct proc_id *id, int sig, struct err *err)
{
	struct err cause = { 0 };
	auto_close int fd = proc_open(id, &cause);

	if (fd == -ESRCH)
		return 0;
	if (fd < 0)
		return err_copy(err, &cause);
	if (syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) < 0 && errno != ESRCH)
		return err_errno(err, "signal process %d", id->pid);
	return 0;
}

int proc_wait(const struct proc_id *id, unsigned timeout_ms, struct err *err)
{
	struct err cause = { 0 };
	auto_close int fd = proc_open(id, &cause);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t end_ms = clock_monotonic_ms() + timeout_ms;

	if (fd == -ESRCH)
		return 0;
	if (fd < 0)
		return err_copy(err, &cause);
	int r = clock_poll(&p, 1, end_ms);
	if (r < 0)
		return err_set(err, r, "wait for process %d: %s", id->pid, strerror(-r));
	if (r == 0)
		return err_set(err, -ETIMEDOUT, "wait for process %d: still running after %u ms",
			       id->pid, timeout_ms);
	return 0;
}

const char *proc_id_format(const struct proc_id *id, char out[PROC_ID_TEXT_MAX])
{
	snprintf(out, PROC_ID_TEXT_MAX, "%d %llu %s", id->pid, (unsigned long long)id->start_time,
		 id->boot_id);
	return out;
}

static bool is_boot_id(const char *s)
{
	return strlen(s) == BOOT_ID_SIZE - 1 && strspn(s, "0123456789abcdef-") == BOOT_ID_SIZE - 1;
}

int proc_id_parse(const char *text, struct proc_id *ret)
{
	auto_strv struct strv words = { 0 };
	struct proc_id id = { 0 };
	uint32_t pid;

	if (strlen(text) >= PROC_ID_TEXT_MAX)
		return -EINVAL;
	strv_split(&words, text, " \n");
	if (words.n != 3 || parse_u32(words.items[0], 1, INT32_MAX, &pid) < 0 ||
	    parse_u64(words.items[1], 0, UINT64_MAX, &id.start_time) < 0 ||
	    !is_boot_id(words.items[2]))
		return -EINVAL;
	id.pid = (pid_t)pid;
	STR_COPY(id.boot_id, words.items[2]);
	*ret = id;
	return 0;
}
