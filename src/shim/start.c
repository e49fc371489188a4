#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/base.h"
#include "shim/start.h"

#define PROGRAM      "containerd-shim-runc-v2"
#define SOCKET_FD    3 /* of the process that stays */
#define OOM_MAX      1000
#define TERMINAL_MAX 5 /* what stdio.c adds to the socket's path */
#define OOM_TEXT     16
#define SCHED_CORE   "SCHED_CORE" /* containerd wants core scheduling */
#define ADDRESS      "address"    /* file in the bundle */
#define SCHEME       "unix://"

/* What containerd 1.6 asks for: -namespace N -address A -publish-binary B -id I [-debug] start. */
struct start {
	const char *ns;
	const char *address; /* containerd's socket */
	const char *id;
};

const char *start_option(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++)
		if (str_eq(argv[i], name))
			return argv[i + 1];
	return NULL;
}

char *start_socket_path(const char *address, const char *id)
{
	return xasprintf("%.*s/s/%s", (int)(strrchr(address, '/') - address), address, id);
}

/* Where containerd would find it: in PATH, or beside itself. NULL. */
static char *find_program(const char *containerd)
{
	auto_strv struct strv dirs = { 0 };
	const char *slash = containerd ? strrchr(containerd, '/') : NULL;
	const char *path = getenv("PATH");

	strv_split(&dirs, path ? path : "", ":");
	if (slash)
		strv_addf(&dirs, "%.*s", (int)(slash - containerd), containerd);
	for (size_t i = 0; i < dirs.n; i++) {
		auto_free char *program = path_join(dirs.items[i], PROGRAM);

		if (access(program, X_OK) == 0)
			return TAKE(program);
	}
	return NULL;
}

static int become(char *program, char **argv)
{
	argv[0] = program;
	execv(program, argv);
	fprintf(stderr, "start %s: %s\n", program, strerror(errno));
	return 1;
}

static bool answers(const struct sockaddr_un *addr)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0;
}

/* -EADDRINUSE: a shim is there already. One that is not there any more may have left its socket. */
static int listen_at(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_free char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = dir_make(dir, 0700, err);

	if (r < 0)
		return r;
	STR_COPY(addr.sun_path, path);
	/* The mode of what bind() makes. */
	if (fd < 0 || fchmod(fd, 0600) < 0)
		return err_errno(err, "make socket");
	r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (r < 0 && errno == EADDRINUSE) {
		if (answers(&addr))
			return err_set(err, -EADDRINUSE, "a shim is there already");
		unlink(path);
		r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	}
	if (r < 0 || listen(fd, SOMAXCONN) < 0)
		return err_errno(err, "listen at %s", path);
	return TAKE_FD(fd);
}

/* A process group of its own, no files but the socket. */
static int spawn(const struct start *call, int fd, pid_t *ret, struct err *err)
{
	auto_free char *program = realpath("/proc/self/exe", NULL);
	char *argv[] = {
		program,          (char *)"-namespace", (char *)call->ns,      (char *)"-id",
		(char *)call->id, (char *)"-address",   (char *)call->address, NULL
	};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r = program ? 0 : errno;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	for (int i = 0; r == 0 && i <= STDERR_FILENO; i++)
		r = posix_spawn_file_actions_addopen(&files, i, "/dev/null", O_RDWR, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, fd, SOCKET_FD);
	if (r == 0)
		r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	if (r == 0)
		r = posix_spawn(ret, program, &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return r ? err_set(err, -r, "start %s: %s", program, strerror(r)) : 0;
}

/* One more than containerd's: should memory be lacking, the shim ends before it. */
static int set_oom_score(pid_t pid, struct err *err)
{
	auto_free char *from = xasprintf("/proc/%d/oom_score_adj", (int)getppid());
	auto_free char *to = xasprintf("/proc/%d/oom_score_adj", (int)pid);
	auto_free char *text = NULL;
	char score[OOM_TEXT];
	uint32_t size = 0;
	int r = file_read(from, OOM_TEXT, &text, NULL, err);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	bool is_below = *text == '-';
	if (parse_u32(text + is_below, 0, OOM_MAX, &size) < 0)
		return err_set(err, -EIO, "read %s: %s is no number", from, text);
	int value = is_below ? -(int)size : (int)size;
	snprintf(score, sizeof(score), "%d", value < OOM_MAX ? value + 1 : value);
	r = file_write_value(to, score, err);
	return r == -EACCES || r == -EPERM ? 0 : r; /* not ours to set, in a user namespace */
}

static int start(const struct start *call, const char *path, struct err *err)
{
	auto_free char *address = xasprintf(SCHEME "%s", path);
	pid_t pid = 0;
	auto_close int fd = listen_at(path, err);
	bool is_there = fd == -EADDRINUSE;

	if (fd < 0 && !is_there)
		return fd;
	/* The shim reads there what it is to remove at its end. */
	int r = file_replace_public(ADDRESS, address, err);
	if (r == 0 && !is_there)
		r = spawn(call, fd, &pid, err);
	if (pid)
		r = set_oom_score(pid, err);
	if (r == 0 && (fputs(address, stdout) < 0 || fflush(stdout) != 0))
		r = err_errno(err, "tell the address");
	if (r < 0 && pid)
		kill(pid, SIGKILL);
	if (r < 0 && !is_there)
		unlink(path);
	return r;
}

/* For what we do not do: core scheduling, and paths that are too long for a socket. */
static int leave_it_to_program(int argc, char **argv)
{
	auto_free char *program = find_program(start_option(argc, argv, "-publish-binary"));

	if (program)
		return become(program, argv);
	fprintf(stderr, "find " PROGRAM ": it is neither in PATH nor beside containerd\n");
	return 1;
}

int start_main(int argc, char **argv)
{
	const struct start call = { .ns = start_option(argc, argv, "-namespace"),
				    .address = start_option(argc, argv, "-address"),
				    .id = start_option(argc, argv, "-id") };
	auto_free char *path = NULL;
	struct err err;

	if (!call.ns || !call.address || !call.id || !strchr(call.address, '/') ||
	    strchr(call.id, '/')) {
		fprintf(stderr, "usage: holm-shim -namespace N -address A -id I start\n");
		return 2;
	}
	path = start_socket_path(call.address, call.id);
	if (getenv(SCHED_CORE) ||
	    strlen(path) + TERMINAL_MAX >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return leave_it_to_program(argc, argv);
	if (start(&call, path, &err) == 0)
		return 0;
	fprintf(stderr, "start shim of %s: %s\n", call.id, err.msg);
	return 1;
}
