/* One poll(2) for all of it. Signals come by descriptor, so that every way out passes the end, where
 * the terminal is restored. */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "cli/session/detach.h"
#include "cli/session/pump.h"
#include "cli/session/terminal.h"
#include "wire/frame/frame.h"
#include "wire/http_client/http_client.h"

#define PIECE        ((size_t)16 << 10)
#define PENDING_MAX  ((size_t)1 << 20) /* beyond, the other side waits */
#define HELD_MAX     (PENDING_MAX + FRAME_FEED_MAX)
#define WRITE_MAX    4096 /* what a pipe takes at once when it is writable (pipe(7), PIPE_BUF) */
#define END_OF_INPUT "\x04"

enum slot { SLOT_SESSION, SLOT_SIGNAL, SLOT_IN, SLOT_OUT, SLOT_ERR, SLOT_N };

struct outlet {
	int fd;
	struct buf pending;
};

struct state {
	const struct pump *pump;
	struct terminal terminal;
	bool is_terminal; /* the program's */
	struct detach detach;
	int signal_fd;
	sigset_t before;
	int in; /* -1: over */
	struct buf to_send;
	struct outlet out;
	struct outlet err;
	struct frame_reader frames;
	bool is_over; /* END has come, or the session ends otherwise */
	int code;
	char *words; /* of END */
};

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };

static void finish(struct state *s, int code)
{
	if (s->is_over)
		return;
	s->is_over = true;
	s->code = code;
}

static void tell_size(struct state *s)
{
	uint32_t rows;
	uint32_t columns;

	if (s->is_terminal && terminal_size(&rows, &columns))
		frame_put_size(&s->to_send, rows, columns);
}

static void be_terminal(struct state *s)
{
	s->is_terminal = true;
	if (s->in >= 0)
		terminal_make_raw(&s->terminal, s->in);
	tell_size(s);
}

static void init(struct state *s, const struct pump *pump)
{
	sigset_t set;

	*s = (struct state){ .pump = pump, .in = pump->in, .terminal = { .fd = -1 } };
	buf_init(&s->to_send, HELD_MAX);
	buf_init(&s->out.pending, HELD_MAX);
	buf_init(&s->err.pending, HELD_MAX);
	s->out.fd = pump->out;
	s->err.fd = pump->err;
	frame_reader_init(&s->frames);
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, &s->before);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	signal(SIGPIPE, SIG_IGN);
	if (pump->is_terminal)
		be_terminal(s);
}

static void fini(struct state *s)
{
	terminal_restore(&s->terminal);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	buf_fini(&s->to_send);
	buf_fini(&s->out.pending);
	buf_fini(&s->err.pending);
	frame_reader_fini(&s->frames);
	free(s->words);
}

static void flush_session(struct state *s)
{
	while (s->to_send.len) {
		ssize_t n = http_client_session_write(s->pump->session, s->to_send.data,
						      s->to_send.len);

		if (n == -EAGAIN)
			return;
		if (n < 0) {
			/* The end may have come before. */
			buf_reset(&s->to_send);
			return;
		}
		buf_drop(&s->to_send, (size_t)n);
	}
}

static void take_output(struct state *s, const struct frame *frame)
{
	if (!s->pump->take) {
		buf_add(&s->out.pending, frame->data, frame->len);
		return;
	}
	int r = s->pump->take(s->pump->arg, frame->data, frame->len);
	if (r < 0)
		finish(s, CLI_FAILED);
}

static void take_end(struct state *s, const struct frame *frame)
{
	const char *words = "";
	int code = CLI_FAILED;

	if (!frame_get_end(frame, &code, &words))
		words = "the node sent no proper end";
	if (!s->is_over)
		s->words = xstrdup(words);
	finish(s, code);
}

static void take_frame(struct state *s, const struct frame *frame)
{
	switch (frame->type) {
	case FRAME_OUTPUT:
		take_output(s, frame);
		break;
	case FRAME_ERRORS:
		buf_add(&s->err.pending, frame->data, frame->len);
		break;
	case FRAME_END:
		take_end(s, frame);
		break;
	case FRAME_BEGUN:
		if (s->pump->is_attached && frame->len)
			be_terminal(s);
		break;
	case FRAME_INPUT:
	case FRAME_INPUT_END:
	case FRAME_SIZE:
	case FRAME_SIGNAL:
		break;
	}
}

static void take_frames(struct state *s)
{
	struct frame frame;
	struct err err;
	int r;

	while ((r = frame_next(&s->frames, &frame, &err)) > 0)
		take_frame(s, &frame);
	if (r < 0) {
		s->words = xstrdup(err.msg);
		finish(s, CLI_FAILED);
	}
}

static bool is_held_up(const struct state *s)
{
	return s->out.pending.len > PENDING_MAX || s->err.pending.len > PENDING_MAX;
}

static void receive(struct state *s)
{
	char piece[PIECE];
	ssize_t n;

	while (!s->is_over && !is_held_up(s) &&
	       (n = http_client_session_read(s->pump->session, piece, sizeof(piece))) != -EAGAIN) {
		if (n <= 0) {
			s->words = xstrdup("the connection to holm was lost");
			finish(s, CLI_UNREACHABLE);
			return;
		}
		frame_feed(&s->frames, piece, (size_t)n);
		take_frames(s);
	}
}

static void put_input(struct state *s, const char *data, size_t len)
{
	char piece[PIECE + 1];

	if (s->pump->is_attached && s->is_terminal) {
		len = detach_feed(&s->detach, data, len, piece);
		data = piece;
	}
	frame_put(&s->to_send, FRAME_INPUT, data, len);
	if (s->detach.is_done)
		finish(s, PUMP_DETACHED);
}

static void read_input(struct state *s)
{
	char piece[PIECE];
	ssize_t n = read(s->in, piece, sizeof(piece));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		put_input(s, piece, (size_t)n);
		return;
	}
	s->in = -1;
	if (s->pump->is_terminal)
		frame_put(&s->to_send, FRAME_INPUT, END_OF_INPUT, strlen(END_OF_INPUT));
	frame_put(&s->to_send, FRAME_INPUT_END, NULL, 0);
}

/* The program is told of the signal, and then by the closed connection that we have gone. */
static void take_signal(struct state *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		tell_size(s);
		return;
	}
	if (!s->pump->is_attached)
		frame_put_signal(&s->to_send, (int)info.ssi_signo);
	flush_session(s);
	finish(s, 128 + (int)info.ssi_signo);
}

/* At most what is taken without waiting. A reader that has gone ends the session. */
static void write_out(struct state *s, struct outlet *o)
{
	size_t len = o->pending.len < WRITE_MAX ? o->pending.len : WRITE_MAX;
	ssize_t n = write(o->fd, o->pending.data, len);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		buf_reset(&o->pending);
		finish(s, 128 + SIGPIPE);
		return;
	}
	buf_drop(&o->pending, (size_t)n);
}

static short wanted(const struct buf *pending)
{
	return pending->len ? POLLOUT : 0;
}

static void wait_ready(struct state *s, struct pollfd fds[SLOT_N])
{
	bool takes_input = s->in >= 0 && s->to_send.len < PENDING_MAX && !s->is_over;
	bool is_reading = !s->is_over && !is_held_up(s);

	short events = (short)((is_reading ? POLLIN : 0) | wanted(&s->to_send));

	/* While nothing is wanted of it, its end would be told again and again. */
	fds[SLOT_SESSION] = (struct pollfd){
		.fd = s->is_over || !events ? -1 : http_client_session_fd(s->pump->session),
		.events = events,
	};
	fds[SLOT_SIGNAL] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
	fds[SLOT_IN] = (struct pollfd){ .fd = takes_input ? s->in : -1, .events = POLLIN };
	fds[SLOT_OUT] = (struct pollfd){ .fd = s->out.pending.len ? s->out.fd : -1,
					 .events = POLLOUT };
	fds[SLOT_ERR] = (struct pollfd){ .fd = s->err.pending.len ? s->err.fd : -1,
					 .events = POLLOUT };
	if (poll(fds, SLOT_N, -1) < 0)
		for (size_t i = 0; i < SLOT_N; i++)
			fds[i].revents = 0;
}

static void turn(struct state *s)
{
	struct pollfd fds[SLOT_N];

	wait_ready(s, fds);
	if (fds[SLOT_SIGNAL].revents)
		take_signal(s);
	if (fds[SLOT_IN].revents)
		read_input(s);
	if (fds[SLOT_OUT].revents)
		write_out(s, &s->out);
	if (fds[SLOT_ERR].revents)
		write_out(s, &s->err);
	/* Always: what TLS holds, or was left while the output was full, shows in no descriptor. */
	receive(s);
	flush_session(s);
}

int pump_run(const struct pump *pump)
{
	struct state s;

	init(&s, pump);
	/* What came by http's head is in no descriptor. */
	flush_session(&s);
	receive(&s);
	while (!s.is_over || s.out.pending.len || s.err.pending.len) {
		turn(&s);
		/* After a signal of the user's nothing is printed any more. */
		if (s.is_over && s.code > 128 && !s.words)
			break;
	}
	int code = s.code;
	auto_free char *words = TAKE(s.words);
	fini(&s);
	if (!str_is_empty(words))
		cli_error(pump->call, CLI_FAILED, "%s", words);
	return code;
}
