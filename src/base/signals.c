/* Signals by name and number. */
#include <signal.h>

#include "base/base.h"
#include "base/signals.h"

static const char *const signal_names[] = {
	[SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",     [SIGQUIT] = "SIGQUIT",
	[SIGILL] = "SIGILL",   [SIGTRAP] = "SIGTRAP",   [SIGABRT] = "SIGABRT",
	[SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",     [SIGKILL] = "SIGKILL",
	[SIGUSR1] = "SIGUSR1", [SIGSEGV] = "SIGSEGV",   [SIGUSR2] = "SIGUSR2",
	[SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM",   [SIGTERM] = "SIGTERM",
	[SIGCONT] = "SIGCONT", [SIGSTOP] = "SIGSTOP",   [SIGXCPU] = "SIGXCPU",
	[SIGXFSZ] = "SIGXFSZ", [SIGWINCH] = "SIGWINCH", [SIGPWR] = "SIGPWR",
	[SIGSYS] = "SIGSYS",
};

const char *signal_name(int sig)
{
	return sig > 0 && (size_t)sig < ARRAY_LEN(signal_names) ? signal_names[sig] : NULL;
}

static int parse_realtime(const char *text, int *ret)
{
	uint32_t offset = 0;

	if (!str_starts(text, "SIGRTMIN"))
		return -EINVAL;
	if (text[8] && (text[8] != '+' || parse_u32(text + 9, 0, 30, &offset) < 0))
		return -EINVAL;
	/* The kernel's number, which is not this process's SIGRTMIN: libc keeps two for itself. */
	*ret = 34 + (int)offset;
	return 0;
}

int signal_parse(const char *text, int *ret)
{
	auto_free char *name = xasprintf("%s%s", str_starts(text, "SIG") ? "" : "SIG", text);
	uint32_t number;

	if (parse_u32(text, 1, 64, &number) == 0) {
		*ret = (int)number;
		return 0;
	}
	for (int sig = 1; sig < (int)ARRAY_LEN(signal_names); sig++) {
		if (signal_names[sig] && str_eq(signal_names[sig], name)) {
			*ret = sig;
			return 0;
		}
	}
	return parse_realtime(name, ret);
}
