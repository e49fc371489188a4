/* The helper as containerd 1.6 calls a shim's program, before a script that stands for the shim. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/base.h"
#include "helper/shim.h"

#define ID       "0123456789abcdef01234567"
#define TEXT_MAX 4096

/* Tells what it was given and stays; "delete" it answers. */
static const char script[] = "#!/bin/sh\n"
			     "echo x >>starts\n"
			     "for last; do :; done\n"
			     "[ \"$last\" != delete ] || { echo \"cleaned $*\"; exit 3; }\n"
			     "[ \"$1\" != -debug ] || { echo \"debug $*\"; exit 0; }\n"
			     "{ echo $$; echo \"$*\"; echo \"$GOMAXPROCS\"\n"
			     "  cut -d' ' -f5 /proc/$$/stat; cat /proc/$$/oom_score_adj\n"
			     "  for fd in 0 1 2 3; do readlink /proc/$$/fd/$fd; done\n"
			     "} 4>&- >said\n"
			     "exec sleep 1000\n";

struct place {
	char dir[64];
	char *address; /* containerd's */
	char *socket;  /* the shim's */
	pid_t pid;     /* of the script */
};

static int setup(void **state)
{
	struct place *p = NEW(struct place);
	struct err err;

	STR_COPY(p->dir, "/tmp/holm-shim-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	auto_free char *program = path_join(p->dir, "containerd-shim-runc-v2");
	auto_free char *fifo = path_join(p->dir, "said");
	assert_int_equal(file_replace(program, script, &err), 0);
	assert_int_equal(chmod(program, 0700), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	p->address = path_join(p->dir, "c.sock");
	p->socket = xasprintf("%s/s/" ID, p->dir);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err;

	if (p->pid)
		kill(p->pid, SIGKILL);
	assert_int_equal(path_remove(p->dir, &err), 0);
	free(p->address);
	free(p->socket);
	free(p);
	return 0;
}

/* Exit status; its output, both streams in one as containerd reads them, and waits for their end. */
static int call(const struct place *p, const char *path, const char *const *words, char **ret)
{
	auto_free char *program = path_join(getenv("HOLM_BUILD"), "src/helper/holm-helper");
	char *argv[16] = { program };
	auto_buf struct buf text;
	char part[256];
	int ends[2];
	int status;
	ssize_t n;

	for (size_t i = 0; words[i]; i++)
		argv[i + 1] = (char *)words[i];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		if (chdir(p->dir) == 0 && setenv("PATH", path, 1) == 0 &&
		    setenv("GOMAXPROCS", "2", 1) == 0)
			execv(program, argv);
		_exit(127);
	}
	close(ends[1]);
	buf_init(&text, TEXT_MAX);
	while ((n = read(ends[0], part, sizeof(part) - 1)) > 0) {
		part[n] = '\0';
		buf_add_str(&text, part);
	}
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	*ret = buf_take(&text);
	return WEXITSTATUS(status);
}

static char *path_of(const struct place *p)
{
	return xasprintf("%s:/usr/bin:/bin", p->dir);
}

static int start(const struct place *p, char **ret)
{
	const char *const words[] = {
		"-namespace",          "holm", "-address", p->address, "-publish-binary",
		"/nowhere/containerd", "-id",  ID,         "start",    NULL
	};
	auto_free char *path = path_of(p);

	return call(p, path, words, ret);
}

/* What the script tells, once it has told it. */
static void hear(struct place *p, struct strv *ret)
{
	auto_free char *fifo = path_join(p->dir, "said");
	auto_free char *text = NULL;
	uint32_t pid = 0;
	struct err err;

	assert_int_equal(file_read(fifo, TEXT_MAX, &text, NULL, &err), 0);
	strv_split(ret, text, "\n");
	assert_true(ret->n > 0 && parse_u32(ret->items[0], 1, INT32_MAX, &pid) == 0);
	p->pid = (pid_t)pid;
}

static bool can_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	STR_COPY(addr.sun_path, path);
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
}

static void assert_file(const struct place *p, const char *name, const char *wanted)
{
	auto_free char *path = path_join(p->dir, name);
	auto_free char *text = NULL;
	struct err err;

	assert_int_equal(file_read(path, TEXT_MAX, &text, NULL, &err), 0);
	assert_string_equal(text, wanted);
}

static void the_shim_gets_a_socket_and_its_words(void **state)
{
	struct place *p = *state;
	auto_free char *wanted = xasprintf("unix://%s", p->socket);
	auto_free char *words = xasprintf("-namespace holm -id " ID " -address %s", p->address);
	auto_free char *told = NULL;
	auto_strv struct strv said = { 0 };
	struct err err;
	struct stat st;

	assert_int_equal(file_write_value("/proc/self/oom_score_adj", "700", &err), 0);
	assert_int_equal(start(p, &told), 0);
	assert_string_equal(told, wanted);
	assert_file(p, "address", wanted);
	hear(p, &said);
	assert_int_equal(said.n, 9);
	assert_string_equal(said.items[1], words);
	assert_string_equal(said.items[2], "4");
	assert_string_equal(said.items[3], said.items[0]); /* leads a group of its own */
	assert_string_equal(said.items[4], "701");
	assert_string_equal(said.items[5], "/dev/null");
	assert_string_equal(said.items[7], "/dev/null");
	assert_true(str_starts(said.items[8], "socket:"));
	assert_true(can_connect(p->socket));
	assert_int_equal(stat(p->socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void one_that_is_there_is_no_second(void **state)
{
	struct place *p = *state;
	auto_free char *first = NULL;
	auto_free char *second = NULL;
	auto_strv struct strv said = { 0 };

	assert_int_equal(start(p, &first), 0);
	hear(p, &said);
	assert_int_equal(start(p, &second), 0);
	assert_string_equal(second, first);
	assert_file(p, "starts", "x\n");
}

static void the_socket_of_a_dead_one_is_replaced(void **state)
{
	struct place *p = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_free char *dir = path_join(p->dir, "s");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_free char *told = NULL;
	auto_strv struct strv said = { 0 };

	STR_COPY(addr.sun_path, p->socket);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	assert_false(can_connect(p->socket));
	assert_int_equal(start(p, &told), 0);
	hear(p, &said);
	assert_true(can_connect(p->socket));
}

static void all_else_is_for_the_program(void **state)
{
	struct place *p = *state;
	const char *const clean[] = { "-namespace", "holm", "-id",    ID,
				      "-bundle",    p->dir, "delete", NULL };
	const char *const debug[] = { "-debug", "-namespace", "holm", "-id", ID, "start", NULL };
	auto_free char *path = path_of(p);
	auto_free char *cleaned = NULL;
	auto_free char *debugged = NULL;
	auto_free char *wanted = xasprintf("cleaned -namespace holm -id " ID " -bundle %s delete\n",
					   p->dir);

	assert_int_equal(call(p, path, clean, &cleaned), 3);
	assert_string_equal(cleaned, wanted);
	assert_int_equal(call(p, path, debug, &debugged), 0);
	assert_string_equal(debugged, "debug -debug -namespace holm -id " ID " start\n");
}

static void a_program_beside_containerd_is_found(void **state)
{
	struct place *p = *state;
	auto_free char *containerd = path_join(p->dir, "containerd");
	const char *const words[] = { "-publish-binary", containerd, "delete", NULL };
	auto_free char *told = NULL;

	assert_int_equal(call(p, "/nowhere", words, &told), 3);
	assert_true(str_starts(told, "cleaned"));
}

static void a_lacking_program_is_told(void **state)
{
	struct place *p = *state;
	const char *const words[] = { "-namespace", "holm", "delete", NULL };
	auto_free char *told = NULL;

	assert_int_equal(call(p, "/nowhere", words, &told), 1);
	assert_non_null(strstr(told, "find containerd-shim-runc-v2: "));
}

static bool is_start(const char *line)
{
	auto_strv struct strv words = { 0 };
	struct shim_start call;

	strv_split(&words, line, " ");
	if (!shim_start_parse((int)words.n, words.items, &call))
		return false;
	assert_string_equal(call.id, "i");
	assert_string_equal(call.address, "/a/b");
	return true;
}

static void what_is_not_a_plain_start_is_none(void **state)
{
	assert_true(is_start("h -id i -namespace n -publish-binary b -address /a/b start"));
	assert_false(is_start("h -id i -namespace n -publish-binary b -address /a/b"));
	assert_false(is_start("h -id i -namespace n -publish-binary b -address /a/b delete"));
	assert_false(is_start("h -id i -namespace n -socket b -address /a/b start"));
	assert_false(is_start("h -id ../i -namespace n -publish-binary b -address /a/b start"));
	assert_false(is_start("h -id i -namespace n -publish-binary b -address ab start"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_shim_gets_a_socket_and_its_words, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_that_is_there_is_no_second, setup, teardown),
		cmocka_unit_test_setup_teardown(the_socket_of_a_dead_one_is_replaced, setup,
						teardown),
		cmocka_unit_test_setup_teardown(all_else_is_for_the_program, setup, teardown),
		cmocka_unit_test_setup_teardown(a_program_beside_containerd_is_found, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_lacking_program_is_told, setup, teardown),
		cmocka_unit_test(what_is_not_a_plain_start_is_none),
	};

	return cmocka_run_group_tests_name("helper/shim", tests, NULL, NULL);
}
