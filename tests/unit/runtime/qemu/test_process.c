/* Ending the processes of a unikernel, whatever state they are in. */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "runtime/qemu/process.h"
#include "wire/netlink/netlink.h"

#define HELD_MS 100

static pid_t start_stopped(const char *dir, const char *name)
{
	auto_free char *path = path_join(dir, name);
	char text[PROC_ID_TEXT_MAX];
	struct proc_id proc;
	struct err err;
	pid_t pid = fork();

	if (pid == 0) {
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	assert_int_equal(proc_identify(pid, &proc, &err), 0);
	proc_id_format(&proc, text);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), 0);
	return pid;
}

static void a_hung_supervisor_is_no_obstacle(void **state)
{
	char dir[] = "/tmp/holm-test-XXXXXX";
	struct err err;
	int status;

	assert_non_null(mkdtemp(dir));
	pid_t vm = start_stopped(dir, "vm.pid");
	pid_t helper = start_stopped(dir, "helper.pid");
	assert_int_equal(vm_kill(dir, 100, &err), 0);
	assert_int_equal(waitpid(vm, &status, 0), vm);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(waitpid(helper, &status, 0), helper);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(path_remove(dir, &err), 0);
}

/* As a child has it that is forked while the tap is made and has not become its program yet. */
static pid_t hold_tap(const char *netns, const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct err err;
	int home;

	assert_int_equal(netns_enter(netns, &home, &err), 0);
	assert_int_equal(netlink_tap_add(name, 0, &err), 0);
	auto_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	STR_COPY(request.ifr_name, name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	netns_leave(home);
	pid_t pid = fork();
	if (pid == 0) {
		poll(NULL, 0, HELD_MS);
		_exit(0);
	}
	return pid;
}

static void waits_for_a_tap_that_is_held(void **state)
{
	char path[] = "/tmp/holm-test-XXXXXX";
	char helper[] = "/bin/true";
	char netns[32];
	struct qemu qemu = { .helper_path = helper, .log_max_bytes = 1 << 20 };
	auto_strv struct strv argv = { 0 };
	struct proc_id proc;
	struct err err = { 0 };
	int status;

	assert_non_null(mkdtemp(path));
	auto_close int fd = netns_new(&err);
	auto_close int lock = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(netns, sizeof(netns), "/proc/self/fd/%d", fd);
	const struct vm_dir dir = { .path = path, .lock = lock };
	const struct vm_launch launch = { .qemu = &qemu,
					  .dir = &dir,
					  .argv = &argv,
					  .log_path = "/tmp/log",
					  .tap = "tap0",
					  .netns = netns };
	pid_t holder = hold_tap(netns, "tap0");
	if (vm_launch(&launch, &proc, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(waitpid(holder, &status, 0), holder);
	assert_int_equal(path_remove(path, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hung_supervisor_is_no_obstacle),
		cmocka_unit_test(waits_for_a_tap_that_is_held),
	};

	return cmocka_run_group_tests_name("runtime/qemu/process", tests, NULL, NULL);
}
