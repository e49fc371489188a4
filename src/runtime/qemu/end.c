/* Exit codes by the table in Unikraft's and QEMU's behaviour: 83 is written by a guest that powers
 * off, 85 by one that crashes (also in its boot), 0 is QEMU told to end or a guest without that
 * device, everything else is QEMU's own. On arm64 every end of a guest is 0. */
#include <signal.h>

#include "runtime/qemu/end.h"

#define LINE_KEPT  160 /* bytes of a line in a reason */
#define LINES_TOLD 2   /* of a console, where nothing else tells how it ended */

/* Words of a cause, and of the lines around one that tell nothing. */
static const char *const causes[] = {
	"Unhandled", "Assertion", "returned error", "panic",         "PANIC",         "Panic",
	"BUG",       "exception", "Exception",      "out of memory", "Out of memory", "Could not",
	"Cannot",    "ailed",     " fault",         "FAULT"
};
static const char *const levels[] = { "CRIT:", "ERR:" };
/* What only a guest that goes down prints. */
static const char *const deaths[] = { "CRIT:", "Assertion failure", "Init function at" };

static bool has_any(const char *line, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

/* "[    0.120698] ERR:  [libukboot] <boot.c @  385> Init function …" */
static const char *without_prefix(const char *line)
{
	const char *end = strstr(line, "> ");

	return *line == '[' && end && has_any(line, levels, ARRAY_LEN(levels)) ? end + 2 : line;
}

static char *tidy(const char *line)
{
	line += strspn(line, " \t");
	return xstrndup(line, LINE_KEPT);
}

static bool is_frame(const char *line)
{
	return line[strspn(line, " *-=#")] == '\0';
}

/* Last line of the vector that has one of the words. */
static const char *find_last(const struct strv *lines, const char *const *words, size_t n)
{
	for (size_t i = lines->n; i-- > 0;)
		if (has_any(lines->items[i], words, n) &&
		    !is_frame(without_prefix(lines->items[i])))
			return lines->items[i];
	return NULL;
}

/* "… returned error -12": Unikraft's numbers are Linux's, but for -1, which is any. */
static char *explain(char *take_line)
{
	static const char mark[] = "returned error -";
	const char *number = strstr(take_line, mark);
	uint32_t code;

	if (!number || parse_u32(number + strlen(mark), 2, 133, &code) < 0)
		return take_line;
	char *told = xasprintf("%s (%s)", take_line, strerror((int)code));
	free(take_line);
	return told;
}

char *qemu_crash_cause(const char *console)
{
	auto_strv struct strv lines = { 0 };
	const char *found;

	strv_split(&lines, console, "\n");
	found = find_last(&lines, causes, ARRAY_LEN(causes));
	if (!found)
		found = find_last(&lines, levels, 1);
	return found ? explain(tidy(without_prefix(found))) : NULL;
}

char *qemu_last_line(const char *text)
{
	auto_strv struct strv lines = { 0 };

	strv_split(&lines, text, "\n");
	return lines.n ? tidy(lines.items[lines.n - 1]) : NULL;
}

static void set(struct runtime_status *status, enum runtime_end end, int exit_code,
		const char *detail)
{
	status->end = end;
	status->exit_code = exit_code;
	STR_COPY(status->detail, detail);
}

/* `fmt` without and with a reason. */
static void set_reason(struct runtime_status *status, const char *what, const char *reason)
{
	size_t n = strlen(status->detail);

	snprintf(status->detail + n, sizeof(status->detail) - n, "%s%s%s", what, reason ? ": " : "",
		 reason ? reason : "");
}

static void classify_signal(const struct exit_record *record, const struct qemu_end_facts *facts,
			    struct runtime_status *status)
{
	auto_free char *line = qemu_last_line(record->errors);
	char what[64];

	if (facts->was_out_of_memory) {
		set(status, RUNTIME_END_OOM, 128 + record->signal, "out of memory");
		return;
	}
	snprintf(what, sizeof(what), "qemu ended by signal %d (%s)", record->signal,
		 strsignal(record->signal));
	bool is_own = record->signal == SIGABRT || record->signal == SIGSEGV ||
		      record->signal == SIGSYS;
	set(status, is_own ? RUNTIME_END_FAILURE : RUNTIME_END_CRASH, 128 + record->signal, "");
	set_reason(status, what, is_own ? line : NULL);
}

/* The last lines of a console, the last one at the end; NULL if there are none. */
static char *last_lines(const char *console)
{
	auto_strv struct strv lines = { 0 };
	auto_strv struct strv last = { 0 };

	strv_split(&lines, console, "\r\n");
	for (size_t i = lines.n > LINES_TOLD ? lines.n - LINES_TOLD : 0; i < lines.n; i++)
		strv_take(&last, tidy(lines.items[i]));
	return last.n ? strv_join(&last, " | ") : NULL;
}

/* Only its own words can tell what happened. */
static void classify_mute(const struct exit_record *record, struct runtime_status *status)
{
	bool has_crashed = has_any(record->output, deaths, ARRAY_LEN(deaths));
	auto_free char *words = has_crashed ? qemu_crash_cause(record->output)
					    : last_lines(record->output);

	set(status, has_crashed ? RUNTIME_END_CRASH : RUNTIME_END_CLEAN, 0, "");
	set_reason(status, has_crashed ? "ended, by its console in a crash" : "ended", words);
}

/* What QEMU itself says; false if that tells no more than its exit code. The machines have no button for a
 * reset: a guest that has one does it by three faults in a row, or on purpose. */
static bool classify_cause(const struct exit_record *record, struct runtime_status *status)
{
	auto_free char *words = NULL;

	if (str_starts(record->cause, "host-")) {
		set(status, RUNTIME_END_CRASH, 0, "");
		set_reason(status, "ended from outside", record->cause);
		return true;
	}
	if (!str_eq(record->cause, "guest-reset") && !str_eq(record->cause, "guest-panic"))
		return false;
	words = qemu_crash_cause(record->output);
	if (!words)
		words = last_lines(record->output);
	set(status, RUNTIME_END_CRASH, 0, "");
	set_reason(status,
		   str_eq(record->cause, "guest-panic") ? "crashed"
							: "reset itself, or was by a triple fault",
		   words);
	return true;
}

/* QEMU ends with 0 on SIGTERM too, and says so. */
static void classify_zero(const struct exit_record *record, const struct qemu_end_facts *facts,
			  struct runtime_status *status)
{
	const char *mark = strstr(record->errors, "terminating on signal");

	if (!mark && classify_cause(record, status))
		return;
	if (!mark && facts->is_mute) {
		classify_mute(record, status);
		return;
	}
	if (!mark) {
		set(status, RUNTIME_END_CLEAN, 0, "powered off");
		return;
	}
	auto_free char *line = qemu_last_line(mark);
	set(status, RUNTIME_END_CRASH, 0, "");
	set_reason(status, "ended from outside", line);
}

/* "main returned 3": Unikraft tells it at its level of information, and it is no part of the exit
 * code. NULL if it was 0, or is not told. */
static char *returned(const char *console)
{
	static const char *const mark[] = { "main returned " };
	auto_strv struct strv lines = { 0 };
	uint32_t code;

	strv_split(&lines, console, "\r\n");
	const char *line = find_last(&lines, mark, 1);
	if (!line)
		return NULL;
	const char *number = strstr(line, mark[0]) + strlen(mark[0]);
	return parse_u32(number + (*number == '-'), 1, INT32_MAX, &code) < 0
		       ? NULL
		       : xasprintf("main returned %s", number);
}

static void classify_code(const struct exit_record *record, const struct qemu_end_facts *facts,
			  struct runtime_status *status)
{
	auto_free char *cause = NULL;
	char what[64];

	switch (record->code) {
	case QEMU_EXIT_CLEAN:
		cause = returned(record->output);
		set(status, RUNTIME_END_CLEAN, 0, "");
		set_reason(status, "exit code 0", cause);
		return;
	case QEMU_EXIT_CRASH:
		cause = qemu_crash_cause(record->output);
		set(status, RUNTIME_END_CRASH, QEMU_EXIT_CRASH, "");
		set_reason(status, "crashed (guest exit 85)", cause);
		return;
	case QEMU_EXIT_STOPPED:
		classify_zero(record, facts, status);
		return;
	default:
		cause = qemu_last_line(record->errors);
		snprintf(what, sizeof(what), "qemu failed (exit code %d)", record->code);
		set(status, RUNTIME_END_FAILURE, record->code, "");
		set_reason(status, what, cause);
	}
}

/* It did so before it could be stopped; or a stop was broken off, and it went on until then. */
static bool is_guests_own(const struct exit_record *record)
{
	return !record->signal &&
	       (record->code == QEMU_EXIT_CLEAN || record->code == QEMU_EXIT_CRASH ||
		str_starts(record->cause, "guest-"));
}

void qemu_end_classify(const struct exit_record *record, const struct qemu_end_facts *facts,
		       struct runtime_status *status)
{
	if (facts->was_stopped && !is_guests_own(record))
		set(status, RUNTIME_END_STOPPED, 0, "stopped");
	else if (record->is_timeout)
		set(status, RUNTIME_END_FAILURE, 0, "ended at its time limit");
	else if (facts->was_off && record->signal == SIGKILL)
		classify_zero(record, facts, status);
	else if (record->signal)
		classify_signal(record, facts, status);
	else
		classify_code(record, facts, status);
}
