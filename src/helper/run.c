/* Drains the program's output, waits for its end, tells how it ended. Nothing else ends it: the
 * machine's shutdown reaches the program itself, and then us through it. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/exit_record.h"
#include "base/proc.h"
#include "base/socket.h"
#include "helper/audience.h"
#include "helper/console.h"
#include "helper/events.h"
#include "helper/log_file.h"
#include "helper/program.h"
#include "helper/run.h"

#define PARTIAL_MS   500  /* a line without its end is written after this */
#define LAST_WORD_MS 1000 /* for output still in the pipes once the program has ended */
#define CGROUP_ROOT  "/sys/fs/cgroup"
#define ID_MAX       (UINT32_MAX - 1)

static_assert(CONSOLE_TAIL_SIZE <= EXIT_TAIL_MAX, "a whole tail fits into the record");

enum {
	WATCH_END = LOG_STREAM_N,
	WATCH_EVENTS,
	WATCH_AUDIENCE,
	WATCH_N = WATCH_AUDIENCE + AUDIENCE_FDS
};

struct run {
	const char *dir;
	struct log_file *log;
	bool has_spoken;
	struct pollfd
		fds[WATCH_N]; /* streams by number, then the end, then events, then those who are attached */
	struct audience audience;
	struct program program;
	struct console_filter filter;
	struct console_tail tails[LOG_STREAM_N];
	struct events events;
	uint64_t deadline_ms; /* 0: none */
	struct exit_record record;
	bool has_ended;
	char chunk[LOG_CHUNK];
	char text[LOG_CHUNK]; /* of it, for the log */
};

static uint64_t wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static const char *value_of(const char *word, const char *key)
{
	size_t n = strlen(key);

	return strncmp(word, key, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static int parse_number(const char *word, struct run_options *o)
{
	const struct {
		const char *key;
		uint32_t *value;
		uint32_t max;
	} numbers[] = {
		{ "uid", &o->uid, ID_MAX },     { "gid", &o->gid, ID_MAX },
		{ "group", &o->group, ID_MAX }, { "timeout_ms", &o->timeout_ms, 3600 * 1000 },
		{ "jail", &o->is_jailed, 1 },   { "events", &o->has_events, 1 },
		{ "nice", &o->nice, 19 },
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		const char *value = value_of(word, numbers[i].key);

		if (value)
			return parse_u32(value, 0, numbers[i].max, numbers[i].value);
	}
	return -EINVAL;
}

static int parse_word(const char *word, struct run_options *o)
{
	const char *value;

	if ((value = value_of(word, "dir"))) {
		o->dir = value;
		return *value == '/' ? 0 : -EINVAL;
	}
	if ((value = value_of(word, "log")))
		return log_file_parse(value, &o->log_max, &o->log_path);
	if ((value = value_of(word, "cgroup_root"))) {
		o->cgroup_root = value;
		return *value == '/' ? 0 : -EINVAL;
	}
	if ((value = value_of(word, "device"))) {
		o->device = value;
		return *value == '/' ? 0 : -EINVAL;
	}
	if ((value = value_of(word, "share")))
		return o->n_shares < SHARES_MAX ? share_parse(value, &o->shares[o->n_shares++])
						: -EINVAL;
	if ((value = value_of(word, "cgroup"))) {
		o->cgroup = value;
		return *value ? 0 : -EINVAL;
	}
	return parse_number(word, o);
}

int run_options_parse(char **words, struct run_options *ret, struct err *err)
{
	struct run_options o = { .cgroup_root = CGROUP_ROOT };

	while (*words && !str_eq(*words, "--")) {
		if (parse_word(*words, &o) < 0)
			return err_set(err, -EINVAL, "run: \"%s\" is not understood", *words);
		words++;
	}
	if (!*words || !words[1] || !o.dir || !o.log_path)
		return err_set(err, -EINVAL, "run: dir, log and a program behind -- are needed");
	o.argv = words + 1;
	*ret = o;
	return 0;
}

static int write_pid(const struct run_options *options, const char *name, pid_t pid,
		     struct err *err)
{
	auto_free char *path = path_join(options->dir, name);
	char text[PROC_ID_TEXT_MAX];
	struct proc_id id;

	if (proc_identify(pid, &id, err) < 0)
		return err->code;
	return file_replace(path, proc_id_format(&id, text), err);
}

/* Failing that, its host would think that the guest has not booted: worth a word in the log. */
static void mark_first_byte(struct run *run)
{
	static const char words[] = "holm: the mark of the first byte cannot be written\n";
	auto_free char *path = path_join(run->dir, "spoken");
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	run->has_spoken = true;
	if (fd < 0)
		log_file_write(run->log, LOG_STREAM_ERR, words, strlen(words));
}

static void log_chunk(struct run *run, enum log_stream stream, size_t len)
{
	memcpy(run->text, run->chunk, len);
	if (stream == LOG_STREAM_OUT)
		len = console_filter(&run->filter, run->text, len);
	if (!len)
		return;
	if (stream == LOG_STREAM_OUT && !run->has_spoken)
		mark_first_byte(run);
	log_file_write(run->log, stream, run->text, len);
	console_tail_add(&run->tails[stream], run->text, len);
}

static void read_stream(struct run *run, enum log_stream stream)
{
	ssize_t n = read(run->fds[stream].fd, run->chunk, sizeof(run->chunk));

	if (n > 0) { /* the log first: a slow client is waited for */
		log_chunk(run, stream, (size_t)n);
		audience_tell(&run->audience, stream, run->chunk, (size_t)n);
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		run->fds[stream].fd = -1;
	}
}

static void read_end(struct run *run)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)run->program.pid, &info, WEXITED | WNOHANG) < 0 || !info.si_pid)
		return;
	run->has_ended = true;
	run->fds[WATCH_END].fd = -1;
	run->record.ended_ms = wall_ms();
	if (info.si_code == CLD_EXITED)
		run->record.code = info.si_status;
	else
		run->record.signal = info.si_status;
	run->deadline_ms = clock_monotonic_ms() + LAST_WORD_MS;
}

/* The deadline is the program's time limit, or, after its end, the time for its last words: false
 * when there is nothing left to do. */
static bool on_deadline(struct run *run)
{
	if (run->has_ended)
		return false;
	run->record.is_timeout = true;
	run->deadline_ms = 0;
	kill(run->program.pid, SIGKILL);
	return true;
}

static int wait_ms(const struct run *run)
{
	uint64_t now = clock_monotonic_ms();
	int left = -1;

	if (run->deadline_ms)
		left = now < run->deadline_ms ? (int)(run->deadline_ms - now) : 0;
	if (log_file_has_partial(run->log) && (left < 0 || left > PARTIAL_MS))
		left = PARTIAL_MS;
	return left;
}

static bool is_open(const struct run *run)
{
	return run->fds[LOG_STREAM_OUT].fd >= 0 || run->fds[LOG_STREAM_ERR].fd >= 0;
}

static void supervise(struct run *run)
{
	while (!run->has_ended || is_open(run)) {
		int n = poll(run->fds, WATCH_N, wait_ms(run));

		if (n == 0 && log_file_has_partial(run->log))
			log_file_flush_partial(run->log);
		for (int i = 0; n > 0 && i < WATCH_AUDIENCE; i++) {
			if (run->fds[i].fd < 0 || !run->fds[i].revents)
				continue;
			if (i == WATCH_END)
				read_end(run);
			else if (i == WATCH_EVENTS)
				run->fds[i].fd = events_read(&run->events) ? run->events.fd : -1;
			else
				read_stream(run, (enum log_stream)i);
		}
		if (n > 0)
			audience_look(&run->audience);
		if (run->deadline_ms && clock_monotonic_ms() >= run->deadline_ms &&
		    !on_deadline(run))
			return;
	}
}

/* So that none of our own descriptors gets a number that the program could inherit. */
static void occupy_descriptors(void)
{
	auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	for (int fd = 0; fd < PROGRAM_SHARES_END; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			dup3(null, fd, O_CLOEXEC);
	if (null < PROGRAM_SHARES_END)
		TAKE_FD(null);
}

/* They are the program's once it is forked, under the numbers that it knows them by. */
static int open_shares(const struct run_options *options, struct err *err)
{
	for (size_t i = 0; i < options->n_shares; i++) {
		int number = PROGRAM_SHARES_FROM + (int)i;
		auto_close int fd = share_open(&options->shares[i], options->uid, options->gid,
					       err);

		if (fd < 0)
			return err_wrap(err, "share");
		if (dup3(fd, number, O_CLOEXEC) < 0)
			return err_errno(err, "duplicate descriptor");
	}
	return 0;
}

/* To the program for those who attach, see run.h. */
static int make_input(const struct run_options *options, struct err *err)
{
	auto_free char *input = path_join(options->dir, PROGRAM_INPUT);

	return mkfifo(input, 0600) < 0 && errno != EEXIST ? err_errno(err, "create %s", input) : 0;
}

/* And from it. */
static int open_door(struct run *run, const struct run_options *options, struct err *err)
{
	int listener = socket_listen(options->dir, RUN_SOCKET, SOCK_SEQPACKET, err);

	if (listener < 0)
		return listener;
	audience_init(&run->audience, &run->fds[WATCH_AUDIENCE], listener);
	return 0;
}

/* The program's descriptors are closed here once it has them: its end of a connection has to end
 * with it. */
static void leave_to_program(const struct run_options *options)
{
	for (int fd = PROGRAM_FDS_FROM; fd < PROGRAM_FDS_END; fd++)
		close(fd);
	for (size_t i = 0; i < options->n_shares; i++)
		close(PROGRAM_SHARES_FROM + (int)i);
}

static int begin(struct run *run, const struct run_options *options, int *ret_gate, struct err *err)
{
	auto_close int events = -1;

	if (options->nice)
		setpriority(PRIO_PROCESS, 0, (int)options->nice);
	if (make_input(options, err) < 0 || open_shares(options, err) < 0 ||
	    (options->has_events && events_open(&run->events, &events, err) < 0) ||
	    program_fork(options, events, &run->program, ret_gate, err) < 0)
		return err->code;
	return 0;
}

/* What has to be there before the program runs, and need not be before it is forked: it has enough to do
 * until then. */
static int write_down(struct run *run, const struct run_options *options, struct err *err)
{
	if (write_pid(options, "helper.pid", getpid(), err) < 0 ||
	    open_door(run, options, err) < 0 ||
	    write_pid(options, "vm.pid", run->program.pid, err) < 0) {
		kill(run->program.pid, SIGKILL);
		return err->code;
	}
	return 0;
}

static int start(struct run *run, const struct run_options *options, struct err *err)
{
	int gate;

	if (begin(run, options, &gate, err) < 0 || write_down(run, options, err) < 0)
		return err->code;
	program_release(gate);
	leave_to_program(options);
	if (options->timeout_ms)
		run->deadline_ms = clock_monotonic_ms() + options->timeout_ms;
	run->fds[LOG_STREAM_OUT] = (struct pollfd){ .fd = run->program.output, .events = POLLIN };
	run->fds[LOG_STREAM_ERR] = (struct pollfd){ .fd = run->program.errors, .events = POLLIN };
	run->fds[WATCH_END] = (struct pollfd){ .fd = run->program.pidfd, .events = POLLIN };
	run->fds[WATCH_EVENTS] = (struct pollfd){ .fd = run->events.fd, .events = POLLIN };
	return 0;
}

static int leave_record(struct run *run, const struct run_options *options, struct err *err)
{
	auto_free char *path = path_join(options->dir, "exit");
	const struct console_tail *out = &run->tails[LOG_STREAM_OUT];
	const struct console_tail *errors = &run->tails[LOG_STREAM_ERR];

	events_read(&run->events);
	STR_COPY(run->record.cause, run->events.cause);
	run->record.output = xstrndup(out->data, out->len);
	run->record.errors = xstrndup(errors->data, errors->len);
	int r = exit_record_write(path, &run->record, err);
	exit_record_fini(&run->record);
	return r;
}

/* A supervisor that could not start its program says so like a program that failed. */
static void note_failure(struct run *run, const struct err *failure)
{
	auto_free char *line = xasprintf("%s\n", failure->msg);

	run->record.code = PROGRAM_FAILED;
	run->record.ended_ms = wall_ms();
	log_file_write(run->log, LOG_STREAM_ERR, line, strlen(line));
	console_tail_add(&run->tails[LOG_STREAM_ERR], line, strlen(line));
}

int run_main(char **words)
{
	struct run_options options;
	struct err err;
	sigset_t all;

	if (run_options_parse(words, &options, &err) < 0) {
		fprintf(stderr, "holm-helper: %s\n", err.msg);
		return 2;
	}
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	occupy_descriptors();
	auto_free struct run *run = NEW(struct run);
	run->dir = options.dir;
	run->events.fd = -1;
	run->log = log_file_new(options.log_path, options.log_max);
	if (start(run, &options, &err) < 0)
		note_failure(run, &err);
	else
		supervise(run);
	run->log = log_file_free(run->log);
	return leave_record(run, &options, &err) < 0;
}
