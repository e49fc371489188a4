/* Asking for passwords. */
#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "base/base.h"
#include "base/clock.h"
#include "cli/password.h"

/* One line, without its end. */
static int read_line(const struct cli_call *call, FILE *from, struct secret *ret)
{
	char *line = xcalloc(1, PASSWORD_LINE_MAX + 2);
	const char *got = fgets(line, (int)PASSWORD_LINE_MAX + 2, from);
	size_t len = got ? strcspn(line, "\r\n") : 0;

	secret_set(ret, line, len);
	explicit_bzero(line, PASSWORD_LINE_MAX + 2);
	free(line);
	if (!len)
		return cli_error(call, CLI_USAGE, "holm %s: no password was given",
				 call->command->name);
	if (len > PASSWORD_LINE_MAX)
		return cli_error(call, CLI_USAGE, "holm %s: a password of more than %zu bytes",
				 call->command->name, PASSWORD_LINE_MAX);
	return CLI_OK;
}

/* True once a line was typed, false if a signal came before. */
static bool await_line(FILE *tty, int signal_fd)
{
	struct pollfd fds[] = { { .fd = fileno(tty), .events = POLLIN },
				{ .fd = signal_fd, .events = POLLIN } };

	return clock_poll(fds, ARRAY_LEN(fds), UINT64_MAX) > 0 && !fds[1].revents;
}

/* What is typed is not shown. A signal has its effect when the terminal is again as it was. */
static int read_hidden(const struct cli_call *call, FILE *tty, const struct termios *before,
		       const char *label, struct secret *ret)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct termios silent = *before;
	int code = CLI_FAILED;
	sigset_t set, others;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, &others);
	auto_close int signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fileno(tty), TCSAFLUSH, &silent);
	fputs(label, tty);
	fflush(tty);
	if (await_line(tty, signal_fd))
		code = read_line(call, tty, ret);
	tcsetattr(fileno(tty), TCSAFLUSH, before);
	fputc('\n', tty);
	fflush(tty);
	sigprocmask(SIG_SETMASK, &others, NULL);
	return code;
}

static int ask(const struct cli_call *call, const char *label, struct secret *ret)
{
	FILE *tty = fopen("/dev/tty", "r+e");
	struct termios before;

	if (!tty || tcgetattr(fileno(tty), &before) < 0) {
		if (tty)
			fclose(tty);
		return cli_error(call, CLI_USAGE,
				 "holm %s: there is no terminal to ask for the password: use "
				 "--password-stdin",
				 call->command->name);
	}
	int code = read_hidden(call, tty, &before, label, ret);
	fclose(tty);
	return code;
}

int password_read(const struct cli_call *call, const char *label, struct secret *ret)
{
	return cli_value(call, "password-stdin") ? read_line(call, stdin, ret)
						 : ask(call, label, ret);
}
