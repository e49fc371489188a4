/* Drains two pipes into one log. Nothing but their end stops it: a logger that dies blocks or
 * kills the container it serves. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "base/base.h"
#include "helper/audience.h"
#include "helper/log_file.h"
#include "helper/logger.h"

#define FD_OUT       3
#define FD_ERR       4
#define FD_THIRD     5 /* to be closed when ready, or the socket of those who attach */
#define AGAIN        "holm: the logger was ended and started again: output may be missing\n"
#define PIPE_SIZE    (256 * 1024)
#define PARTIAL_MS   500  /* a line without its end is written after this */
#define LAST_IDLE_MS 2000 /* asked to end: leave after this long without output */

enum { POLL_SIGNAL = LOG_STREAM_N, POLL_AUDIENCE, POLL_N = POLL_AUDIENCE + AUDIENCE_FDS };

struct logger {
	struct log_file *log;
	struct audience audience;
	struct pollfd fds[POLL_N]; /* streams by number, then signals, then those who are attached */
	bool is_ending;            /* the shim asked us to end */
	char chunk[LOG_CHUNK];
};

static int open_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void read_signal(struct logger *l)
{
	struct signalfd_siginfo info;

	if (read(l->fds[POLL_SIGNAL].fd, &info, sizeof(info)) > 0)
		l->is_ending = true;
}

static void read_stream(struct logger *l, enum log_stream stream)
{
	ssize_t n = read(l->fds[stream].fd, l->chunk, sizeof(l->chunk));

	if (n > 0) { /* the log first: a slow client is waited for */
		log_file_write(l->log, stream, l->chunk, (size_t)n);
		audience_tell(&l->audience, stream, l->chunk, (size_t)n);
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		l->fds[stream].fd = -1;
	}
}

static int idle_ms(const struct logger *l)
{
	if (log_file_has_partial(l->log))
		return PARTIAL_MS;
	return l->is_ending ? LAST_IDLE_MS : -1;
}

/* Nothing came for idle_ms(): false when there is nothing left to wait for. */
static bool on_idle(struct logger *l)
{
	if (!log_file_has_partial(l->log))
		return false;
	log_file_flush_partial(l->log);
	return true;
}

static void drain(struct logger *l)
{
	while (l->fds[LOG_STREAM_OUT].fd >= 0 || l->fds[LOG_STREAM_ERR].fd >= 0) {
		int n = poll(l->fds, POLL_N, idle_ms(l));

		if (n == 0 && !on_idle(l))
			return;
		for (int i = 0; n > 0 && i < POLL_AUDIENCE; i++) {
			if (l->fds[i].fd < 0 || !l->fds[i].revents)
				continue;
			if (i == POLL_SIGNAL)
				read_signal(l);
			else
				read_stream(l, (enum log_stream)i);
		}
		if (n > 0)
			audience_look(&l->audience);
	}
}

int logger_main(const char *target, bool is_again, bool is_attachable)
{
	uint64_t max;
	const char *path;

	if (log_file_parse(target, &max, &path) < 0)
		return 2;
	struct logger *l = NEW(struct logger);
	l->fds[LOG_STREAM_OUT] = (struct pollfd){ .fd = FD_OUT, .events = POLLIN };
	l->fds[LOG_STREAM_ERR] = (struct pollfd){ .fd = FD_ERR, .events = POLLIN };
	l->fds[POLL_SIGNAL] = (struct pollfd){ .fd = open_signals(), .events = POLLIN };
	l->log = log_file_new(path, max);
	audience_init(&l->audience, &l->fds[POLL_AUDIENCE], is_attachable ? FD_THIRD : -1);
	fcntl(FD_OUT, F_SETPIPE_SZ, PIPE_SIZE);
	fcntl(FD_ERR, F_SETPIPE_SZ, PIPE_SIZE);
	if (is_again)
		log_file_write(l->log, LOG_STREAM_ERR, AGAIN, strlen(AGAIN));
	else if (!is_attachable)
		close(FD_THIRD);
	drain(l);
	l->log = log_file_free(l->log);
	free(l);
	return 0;
}
