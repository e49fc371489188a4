#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/containerd/exec/process.h"

static const char spec[] =
	"{\"ociVersion\":\"1.0.2\",\"process\":{\"terminal\":false,\"user\":{\"uid\":5,\"gid\":6},"
	"\"args\":[\"/server\"],\"env\":[\"PATH=/bin\",\"MODE=a\"],\"cwd\":\"/srv\","
	"\"noNewPrivileges\":true,\"oomScoreAdj\":0},\"root\":{\"path\":\"rootfs\"}}";

static char *build(const struct runtime_exec *exec, const struct oci_user *user)
{
	char *text = NULL;
	struct err err;

	if (exec_process_build(spec, exec, user, &text, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

static void keeps_what_the_first_process_has(void **state)
{
	auto_strv struct strv cmd = { 0 };
	const struct runtime_exec exec = { .cmd = &cmd };

	strv_split(&cmd, "ls /", " ");
	auto_free char *text = build(&exec, NULL);
	assert_string_equal(text, "{\"terminal\":false,\"args\":[\"ls\",\"/\"],"
				  "\"env\":[\"PATH=/bin\",\"MODE=a\"],"
				  "\"user\":{\"uid\":5,\"gid\":6},\"cwd\":\"/srv\","
				  "\"noNewPrivileges\":true,\"oomScoreAdj\":0}");
}

static void has_what_was_asked_for(void **state)
{
	auto_strv struct strv cmd = { 0 };
	auto_strv struct strv env = { 0 };
	const struct oci_user user = { .uid = 7, .gid = 8, .groups = { 9 }, .n_groups = 1 };
	const struct runtime_exec exec = { .cmd = &cmd,
					   .env = &env,
					   .dir = "/tmp",
					   .is_terminal = true,
					   .rows = 24,
					   .columns = 80 };

	strv_add(&cmd, "sh");
	strv_add(&env, "MODE=b");
	auto_free char *text = build(&exec, &user);
	assert_string_equal(text, "{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},"
				  "\"args\":[\"sh\"],"
				  "\"env\":[\"PATH=/bin\",\"MODE=b\",\"TERM=xterm\"],"
				  "\"user\":{\"uid\":7,\"gid\":8,\"additionalGids\":[8,9]},"
				  "\"cwd\":\"/tmp\",\"noNewPrivileges\":true,\"oomScoreAdj\":0}");
}

static void refuses_what_cannot_be(void **state)
{
	auto_strv struct strv cmd = { 0 };
	auto_strv struct strv env = { 0 };
	struct runtime_exec exec = { .cmd = &cmd, .env = &env };
	char *text = NULL;
	struct err err;

	assert_int_equal(exec_process_build(spec, &exec, NULL, &text, &err), -EINVAL);
	strv_add(&cmd, "sh");
	strv_add(&env, "novalue");
	assert_int_equal(exec_process_build(spec, &exec, NULL, &text, &err), -EINVAL);
	strv_fini(&env);
	exec.dir = "relative";
	assert_int_equal(exec_process_build(spec, &exec, NULL, &text, &err), -EINVAL);
	assert_null(text);
}

static void reads_what_runtimes_say(void **state)
{
	static const struct {
		const char *text;
		const char *words;
		int code;
	} cases[] = {
		{ "OCI runtime exec failed: exec failed: unable to start container process: exec: "
		  "\"nosuch\": executable file not found in $PATH: unknown",
		  "exec: \"nosuch\": executable file not found in $PATH", -ENOENT },
		{ "OCI runtime exec failed: exec failed: unable to start container process: exec: "
		  "\"/etc/passwd\": permission denied: unknown",
		  "exec: \"/etc/passwd\": permission denied", -EACCES },
		{ "OCI runtime exec failed: exec failed: unable to start container process: chdir to "
		  "cwd (\"/no\") set in config.json failed: no such file or directory: unknown",
		  "chdir to cwd (\"/no\") set in config.json failed: no such file or directory",
		  -EINVAL },
		{ "cannot exec in a stopped state: unknown", "cannot exec in a stopped state",
		  -ESRCH },
		{ "something else", "something else", -EIO },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *words = exec_failure_words(cases[i].text);

		assert_string_equal(words, cases[i].words);
		assert_int_equal(exec_failure_code(cases[i].text), cases[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_the_first_process_has),
		cmocka_unit_test(has_what_was_asked_for),
		cmocka_unit_test(refuses_what_cannot_be),
		cmocka_unit_test(reads_what_runtimes_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
