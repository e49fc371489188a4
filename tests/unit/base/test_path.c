/* Files and folders. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/base.h"

static int setup(void **state)
{
	*state = xstrdup("/tmp/holm-test-path.XXXXXX");
	assert_non_null(mkdtemp(*state));
	return 0;
}

static int teardown(void **state)
{
	struct err err = { 0 };

	if (path_remove(*state, &err) < 0)
		fail_msg("%s", err.msg);
	assert_false(path_exists(*state));
	free(*state);
	return 0;
}

static void write_text(const char *path, const char *text)
{
	struct err err = { 0 };

	if (file_write_atomic(path, text, strlen(text), 0640, &err) < 0)
		fail_msg("%s", err.msg);
}

static void a_file_is_replaced_whole(void **state)
{
	auto_free char *path = path_join(*state, "f");
	auto_free char *text = NULL;
	auto_free char *again = NULL;
	struct err err = { 0 };
	struct stat st;
	size_t len = 0;

	write_text(path, "one, long");
	write_text(path, "two");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(file_read(path, 3, &text, &len, &err), 0);
	assert_string_equal(text, "two");
	assert_int_equal(len, 3);
	assert_int_equal(file_read(path, 2, &again, &len, &err), -EFBIG);
	assert_null(again);
	/* Nothing else is left in the folder. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(*state), 0);
	assert_int_equal(mkdir(*state, 0700), 0);
}

static void a_failed_write_leaves_the_old(void **state)
{
	auto_free char *dir = path_join(*state, "d");
	auto_free char *file = path_join(dir, "f");
	struct err err = { 0 };

	assert_int_equal(dir_make(file, 0700, &err), 0);
	assert_int_equal(file_write_atomic(file, "x", 1, 0600, &err), -EISDIR);
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(rmdir(dir), 0); /* the temporary file is gone too */
	assert_int_equal(file_write_atomic(file, "x", 1, 0600, &err), -ENOENT);
}

static void what_a_killed_writer_left_is_used_up(void **state)
{
	auto_free char *path = path_join(*state, "f");
	auto_free char *text = NULL;
	struct err err = { 0 };
	pid_t pid = fork();

	if (pid == 0) {
		const struct rlimit limit = { 4096, 4096 };
		static char data[8192];

		setrlimit(RLIMIT_FSIZE, &limit);
		signal(SIGXFSZ, SIG_DFL); /* kills it in the middle */
		file_write_atomic(path, data, sizeof(data), 0600, &err);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	write_text(path, "whole");
	assert_int_equal(file_read(path, 100, &text, NULL, &err), 0);
	assert_string_equal(text, "whole");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(*state), 0); /* nothing else is there */
	assert_int_equal(mkdir(*state, 0700), 0);
}

#define N_WRITERS 4
#define N_ROUNDS  200

static void *write_often(void *path)
{
	char text[8192];
	struct err err = { 0 };

	for (int i = 0; i < N_ROUNDS; i++) {
		size_t len = 1 + (size_t)i * 37 % sizeof(text);

		memset(text, 'a' + i % 26, len);
		if (file_write_atomic(path, text, len, 0600, &err) < 0)
			return xstrdup(err.msg);
	}
	return NULL;
}

static void writers_at_once_leave_one_s_text_whole(void **state)
{
	auto_free char *path = path_join(*state, "f");
	pthread_t threads[N_WRITERS];
	struct err err = { 0 };

	write_text(path, "first");
	for (int i = 0; i < N_WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_often, path), 0);
	for (int i = 0; i < N_ROUNDS; i++) {
		auto_free char *text = NULL;

		assert_int_equal(file_read(path, 8192, &text, NULL, &err), 0);
		if (!str_eq(text, "first") && strspn(text, (char[]){ *text, '\0' }) != strlen(text))
			fail_msg("a mixture: %.100s", text);
	}
	for (int i = 0; i < N_WRITERS; i++) {
		void *failure;

		assert_int_equal(pthread_join(threads[i], &failure), 0);
		if (failure)
			fail_msg("%s", (char *)failure);
	}
}

static void the_kernel_s_files_are_read(void **state)
{
	auto_free char *text = NULL;
	struct err err = { 0 };

	assert_int_equal(file_read("/proc/self/status", 1 << 16, &text, NULL, &err), 0);
	assert_non_null(strstr(text, "Pid:"));
	assert_int_equal(file_read("/proc/self", 100, &text, NULL, &err), -EISDIR);
	assert_int_equal(file_read("/nowhere", 100, &text, NULL, &err), -ENOENT);
	assert_string_equal(err.msg, "open /nowhere: No such file or directory");
}

static void a_value_is_for_an_existing_file(void **state)
{
	auto_free char *path = path_join(*state, "f");
	auto_free char *text = NULL;
	struct err err = { 0 };

	assert_int_equal(file_write_value(path, "1", &err), -ENOENT);
	write_text(path, "");
	assert_int_equal(file_write_value(path, "1", &err), 0);
	assert_int_equal(file_read(path, 10, &text, NULL, &err), 0);
	assert_string_equal(text, "1");
}

static void folders_are_made_on_the_way(void **state)
{
	auto_free char *deep = path_join(*state, "a//b/c/");
	auto_free char *file = path_join(*state, "a/f");
	auto_free char *below = path_join(file, "x");
	struct err err = { 0 };
	struct stat st;

	assert_int_equal(dir_make(deep, 0710, &err), 0);
	assert_int_equal(dir_make(deep, 0700, &err), 0);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0710);
	write_text(file, "");
	assert_int_equal(dir_make(file, 0700, &err), -ENOTDIR);
	assert_int_equal(dir_make(below, 0700, &err), -ENOTDIR);
	assert_int_equal(dir_make("/", 0700, &err), 0);
	assert_int_equal(dir_make("", 0700, &err), 0);
}

static void links_are_removed_not_followed(void **state)
{
	auto_free char *keep = path_join(*state, "keep");
	auto_free char *kept = path_join(keep, "f");
	auto_free char *tree = path_join(*state, "tree/sub");
	auto_free char *link = path_join(tree, "link");
	auto_free char *top = path_join(*state, "tree");
	struct err err = { 0 };

	assert_int_equal(dir_make(keep, 0700, &err), 0);
	assert_int_equal(dir_make(tree, 0700, &err), 0);
	write_text(kept, "x");
	assert_int_equal(symlink(keep, link), 0);
	assert_int_equal(path_remove(top, &err), 0);
	assert_false(path_exists(top));
	assert_true(path_exists(kept));
	assert_int_equal(path_remove(top, &err), 0);
	assert_int_equal(path_remove("/proc/self/nothing/x", &err), 0);
}

/* In a mount namespace of its own: the result of removing a tree in which `keep` is mounted. */
static int remove_around_mount(const char *keep, const char *inside, const char *tree)
{
	struct err err = { 0 };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount(keep, inside, NULL, MS_BIND, NULL) < 0)
			_exit(100);
		_exit(-path_remove(tree, &err));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void mounts_are_not_entered(void **state)
{
	auto_free char *keep = path_join(*state, "keep");
	auto_free char *kept = path_join(keep, "f");
	auto_free char *tree = path_join(*state, "tree");
	auto_free char *inside = path_join(tree, "inside");
	struct err err = { 0 };

	assert_int_equal(dir_make(keep, 0700, &err), 0);
	assert_int_equal(dir_make(inside, 0700, &err), 0);
	write_text(kept, "x");
	/* A bind mount has the same device number as what is around it. */
	int r = remove_around_mount(keep, inside, tree);
	if (r == 100) {
		print_message("# no right to mount\n");
		skip();
	}
	assert_int_equal(r, EXDEV);
	assert_true(path_exists(kept));
}

static void below_means_below(void **state)
{
	assert_true(path_is_below("/a/b", "/a"));
	assert_true(path_is_below("/a/b", "/a/"));
	assert_true(path_is_below("/a/b", "/"));
	assert_true(path_is_below("/a/..b", "/a"));
	assert_false(path_is_below("/a", "/a"));
	assert_false(path_is_below("/ab", "/a"));
	assert_false(path_is_below("/a/../b", "/a"));
	assert_false(path_is_below("/a/b/..", "/a"));
	assert_false(path_is_below("a/b", "a"));
	assert_false(path_is_below("", "/"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_replaced_whole),
		TEST(a_failed_write_leaves_the_old),
		TEST(what_a_killed_writer_left_is_used_up),
		TEST(writers_at_once_leave_one_s_text_whole),
		TEST(the_kernel_s_files_are_read),
		TEST(a_value_is_for_an_existing_file),
		TEST(folders_are_made_on_the_way),
		TEST(links_are_removed_not_followed),
		TEST(mounts_are_not_entered),
		TEST(below_means_below),
	};

	return cmocka_run_group_tests_name("base/path", tests, NULL, NULL);
}
