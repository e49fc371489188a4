/* Saving the state of a guest that runs: QEMU writes it into a file of ours, since its sandbox lets it
 * start nothing that could, and runs on. The state is taken while the guest runs, so that a copy runs
 * as soon as it is loaded. */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "runtime/qemu/process.h"
#include "runtime/qemu/snapshot.h"
#include "runtime/qemu/snapshot_files.h"
#include "wire/netlink/netlink.h"
#include "wire/qmp/qmp.h"

#define READY_MS   15000 /* from launch to the first connection */
#define ATTEMPT_MS 250   /* of one connection */
#define PAUSE_MS   10    /* between refused ones: nothing tells that a guest listens now */
#define ANSWER_MS  5000
#define SAVE_MS    30000
#define STEP_MS    2
#define PIECE      ((size_t)1 << 20)
/* Of devices and of QEMU's own form, beside the memory. */
#define STATE_EXTRA_MIB 64

static int open_socket(const struct runtime_spec *spec, struct err *err)
{
	int home;

	if (netns_enter(spec->net.netns_path, &home, err) < 0)
		return err->code;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		fd = err_errno(err, "create socket");
	netns_leave(home);
	return fd;
}

/* 1 if the guest took a connection, 0 if not (yet). */
static int try_port(const struct runtime_spec *spec, struct err *err)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(spec->ready_port) };
	auto_close int fd = open_socket(spec, err);
	int error = 0;
	socklen_t len = sizeof(error);
	uint32_t ip;

	if (fd < 0)
		return fd;
	if (parse_ipv4(spec->net.ip, &ip) < 0)
		return err_set(err, -EINVAL, "%s is no IPv4 address", spec->net.ip);
	addr.sin_addr.s_addr = htonl(ip);
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return 1;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	if (errno != EINPROGRESS || poll(&p, 1, ATTEMPT_MS) <= 0)
		return 0;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
}

static int await_answer(const struct snapshot_source *s, struct err *err)
{
	uint64_t end_ms = clock_monotonic_ms() + READY_MS;
	int r;

	while ((r = try_port(s->spec, err)) == 0) {
		if (cancel_is_set(s->cancel))
			return err_set(err, -ECANCELED, "cancelled");
		if (!proc_is_alive(s->helper))
			return err_set(err, -ESRCH, "it has ended");
		if (clock_monotonic_ms() >= end_ms)
			return err_set(err, -ETIMEDOUT, "it did not answer on port %u within %d s",
				       s->spec->ready_port, READY_MS / 1000);
		poll(NULL, 0, PAUSE_MS);
	}
	return r < 0 ? r : 0;
}

static int run(struct qmp *qmp, const char *name, const char *arguments, struct err *err)
{
	const struct qmp_command command = { name, arguments, ANSWER_MS };

	return qmp_execute(qmp, &command, NULL, err);
}

static int await_saved(struct qmp *qmp, struct err *err)
{
	uint64_t end_ms = clock_monotonic_ms() + SAVE_MS;

	for (;;) {
		auto_(json_free) struct json *data = NULL;
		auto_free char *text = NULL;
		uint64_t now_ms = clock_monotonic_ms();

		if (now_ms >= end_ms)
			return err_set(err, -ETIMEDOUT, "not done within %d s", SAVE_MS / 1000);
		if (qmp_await_event(qmp, "MIGRATION", (unsigned)(end_ms - now_ms), &text, err) <
			    0 ||
		    json_parse(text, strlen(text), &data, err) < 0)
			return err->code;
		const char *status = json_get_str(data, "status");
		if (str_eq(status, "completed"))
			return 0;
		if (str_eq(status, "failed"))
			return err_set(err, -EREMOTEIO, "qemu failed to write it");
	}
}

static int write_state(struct qmp *qmp, int fd, struct err *err)
{
	int r = run(qmp, "migrate-set-capabilities",
		    "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}", err);

	if (r == 0)
		r = run(qmp, "migrate-set-parameters", "{\"max-bandwidth\":1000000000000}", err);
	if (r == 0)
		r = qmp_give_fd(qmp, "state", fd, ANSWER_MS, err);
	if (r == 0)
		r = run(qmp, "migrate", "{\"uri\":\"fd:state\"}", err);
	return r < 0 ? r : await_saved(qmp, err);
}

/* A saved guest has been halted, one whose save failed may have been. Nothing tells when QEMU takes
 * the last step of a save, in which it lets no guest go on. */
static int resume(struct qmp *qmp, struct err *err)
{
	uint64_t end_ms = clock_monotonic_ms() + ANSWER_MS;
	char status[QMP_STATUS_SIZE];
	struct err ignored;

	for (;;) {
		if (qmp_query_status(qmp, ANSWER_MS, status, err) < 0)
			return err->code = -EIO;
		if (str_eq(status, "running"))
			return 0;
		if (clock_monotonic_ms() >= end_ms)
			return err_set(err, -EIO, "the guest does not run on but is %s", status);
		if (str_eq(status, "finish-migrate"))
			poll(NULL, 0, STEP_MS);
		else
			run(qmp, "cont", NULL, &ignored);
	}
}

static int save_to(const struct snapshot_source *s, int fd, struct err *err)
{
	auto_(qmp_close) struct qmp *qmp = NULL;
	auto_free char *mark = path_join(s->path, SNAPSHOT_HALTED_MARK);
	struct err why, ignored;

	if (qmp_open(s->path, QEMU_QMP_NAME, ANSWER_MS, &qmp, err) < 0 ||
	    file_replace(mark, "", err) < 0)
		return err->code;
	int r = write_state(qmp, fd, &why);
	if (r < 0)
		run(qmp, "migrate_cancel", NULL, &ignored);
	if (resume(qmp, err) < 0)
		return err->code;
	unlink(mark);
	if (r < 0)
		err_copy(err, &why);
	return r == -EIO ? err->code = -EREMOTEIO : r;
}

void snapshot_recover(const char *path)
{
	auto_(qmp_close) struct qmp *qmp = NULL;
	auto_free char *mark = path_join(path, SNAPSHOT_HALTED_MARK);
	struct err err;

	if (!path_exists(mark))
		return;
	if (qmp_open(path, QEMU_QMP_NAME, ANSWER_MS, &qmp, &err) < 0 || resume(qmp, &err) < 0)
		log_warning("%s: its state was being saved: %s", path, err.msg);
	else
		unlink(mark);
}

/* What QEMU wrote, which it may still have open, into a file that it never had. */
static int copy_state(int from, int to, uint64_t max, struct err *err)
{
	auto_free char *piece = xmalloc(PIECE);
	uint64_t size = 0;
	ssize_t n;

	while ((n = pread(from, piece, PIECE, (off_t)size)) > 0) {
		size += (uint64_t)n;
		if (size > max)
			return err_set(err, -EFBIG, "state is larger than %llu bytes",
				       (unsigned long long)max);
		int r = fd_write_all(to, piece, (size_t)n);
		if (r < 0)
			return err_set(err, r, "write the state: %s", strerror(-r));
	}
	return n < 0 ? err_errno(err, "read the state") : 0;
}

static int create(const char *path, struct err *err)
{
	unlink(path);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? err_errno(err, "create %s", path) : fd;
}

static int save_files(const struct qemu *qemu, const struct snapshot_source *s,
		      const char *unfinished, const char *copy, struct err *err)
{
	auto_free char *state = snapshot_file(qemu, s->key, ".state");
	uint64_t memory_mib = s->spec->memory_mib ? s->spec->memory_mib : QEMU_MEMORY_DEFAULT_MIB;
	auto_close int fd = create(unfinished, err);
	auto_close int kept = fd < 0 ? -1 : create(copy, err);
	int r = kept < 0 ? err->code : save_to(s, fd, err);

	if (r == 0)
		r = copy_state(fd, kept, (memory_mib + STATE_EXTRA_MIB) << 20, err);
	if (r == 0 && rename(copy, state) < 0)
		r = err_errno(err, "rename %s", copy);
	return r < 0 ? r : snapshot_record(qemu, s->key, kept, s->spec->image, err);
}

static int save_locked(const struct qemu *qemu, const struct snapshot_source *s, struct err *err)
{
	auto_free char *dir = snapshot_dir(qemu);
	auto_free char *record = snapshot_file(qemu, s->key, ".json");
	auto_free char *unfinished = snapshot_file(qemu, s->key, ".new");
	auto_free char *copy = snapshot_file(qemu, s->key, ".copy");

	if (path_exists(record))
		return err_set(err, -EALREADY, "it is there already");
	if (dir_make(dir, 0700, err) < 0)
		return err->code;
	int r = save_files(qemu, s, unfinished, copy, err);
	unlink(unfinished);
	unlink(copy);
	return r;
}

int snapshot_save(struct qemu *qemu, const struct snapshot_source *source, struct err *err)
{
	int r = await_answer(source, err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&qemu->snapshot_lock);
	r = save_locked(qemu, source, err);
	pthread_mutex_unlock(&qemu->snapshot_lock);
	return r;
}
