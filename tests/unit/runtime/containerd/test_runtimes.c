/* OCI runtimes by a file of the node, and what is kept of having tried them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "loop/child.h"
#include "runtime/containerd/caps.h"

struct place {
	char dir[64];
	char *config;
	char *program;
	struct oci_runtimes runtimes;
};

static void write_text(const char *path, const char *text, mode_t mode)
{
	struct err err;

	assert_int_equal(file_write_atomic(path, text, strlen(text), mode, &err), 0);
}

static int setup(void **state)
{
	struct place *p = NEW(struct place);

	STR_COPY(p->dir, "/tmp/holm-runtimes-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->config = path_join(p->dir, "runtimes.json");
	p->program = path_join(p->dir, "my runtime");
	write_text(p->program, "#!/bin/sh\nfor word; do echo \"[$word]\"; done\n", 0755);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err;

	oci_runtimes_fini(&p->runtimes);
	assert_int_equal(path_remove(p->dir, &err), 0);
	free(p->config);
	free(p->program);
	free(p);
	return 0;
}

static int load(struct place *p, const char *text, struct err *err)
{
	oci_runtimes_fini(&p->runtimes);
	write_text(p->config, text, 0644);
	return oci_runtimes_load(p->config, p->dir, &p->runtimes, err);
}

static const struct oci_runtime *load_one(struct place *p, const char *flags)
{
	auto_free char *text =
		xasprintf("{\"runtimes\":[{\"name\":\"mine\",\"path\":\"%s\",\"flags\":[%s]}]}",
			  p->program, flags);
	struct err err = { 0 };

	if (load(p, text, &err) < 0)
		fail_msg("%s", err.msg);
	const struct oci_runtime *r = oci_runtimes_find(&p->runtimes, "mine");
	assert_non_null(r);
	return r;
}

static void has_its_path(void **state)
{
	struct place *p = *state;
	const struct oci_runtime *r = load_one(p, "");
	auto_strv struct strv words = { 0 };

	assert_string_equal(r->path, p->program);
	assert_string_equal(r->binary, p->program);
	assert_int_equal(r->proof, PROOF_NONE);
	oci_runtime_words(r, &words);
	assert_int_equal(words.n, 1);
	assert_null(oci_runtimes_find(&p->runtimes, "yours"));
}

/* Whatever is in a flag, a shell hands it on as it is. */
static void is_called_with_its_flags(void **state)
{
	struct place *p = *state;
	const struct oci_runtime *r = load_one(p, "\"--a=b c\",\"it's $HOME `x`\"");
	auto_free char *output = path_join(p->dir, "output");
	auto_free char *text = NULL;
	char create[] = "create";
	char *argv[] = { r->binary, create, NULL };
	char *env[] = { NULL };
	struct child_spec child = { .argv = argv,
				    .env = env,
				    .output_path = output,
				    .is_detached = true };
	struct proc_id proc;
	struct err err;

	assert_int_equal(child_spawn(&child, &proc, &err), 0);
	assert_int_equal(proc_wait(&proc, 10000, &err), 0);
	assert_int_equal(file_read(output, 4096, &text, NULL, &err), 0);
	assert_string_equal(text, "[--a=b c]\n[it's $HOME `x`]\n[create]\n");
}

static void changes_one_that_is_known(void **state)
{
	struct place *p = *state;
	auto_free char *text = xasprintf("{\"runtimes\":[{\"name\":\"runc\",\"path\":\"%s\"}]}",
					 p->program);
	auto_strv struct strv words = { 0 };
	struct err err;

	assert_int_equal(load(p, text, &err), 0);
	const struct oci_runtime *r = oci_runtimes_find(&p->runtimes, "docker");
	assert_string_equal(r->path, p->program);
	assert_string_equal(r->binary, p->program);
	assert_ptr_equal(r, oci_runtimes_find(&p->runtimes, NULL));
	oci_runtime_words(r, &words);
	assert_string_equal(words.items[0], "docker");
	assert_string_equal(words.items[1], "runc");
}

static void refuses_a_wrong_file(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "", "" },
		{ "[]", "expected an object" },
		{ "{\"runtime\":[]}", "runtimes: required, but missing" },
		{ "{\"runtimes\":[{\"path\":\"/x\"}]}", "runtimes[0].name: required" },
		{ "{\"runtimes\":[{\"name\":\"a/b\",\"path\":\"/x\"}]}", "expected small letters" },
		{ "{\"runtimes\":[{\"name\":\"\",\"path\":\"/x\"}]}", "expected small letters" },
		{ "{\"runtimes\":[{\"name\":\"docker\",\"path\":\"/x\"}]}", "the name is taken" },
		{ "{\"runtimes\":[{\"name\":\"a\",\"path\":\"x\"}]}", "path x is not absolute" },
		{ "{\"runtimes\":[{\"name\":\"holm-no-such\"}]}",
		  "runtime holm-no-such: no such program is installed" },
		{ "{\"runtimes\":[{\"name\":\"a\",\"path\":\"/x\",\"flag\":[]}]}",
		  "unknown field, did you mean flags" },
	};
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };

		assert_true(load(p, cases[i].text, &err) < 0);
		if (!strstr(err.msg, cases[i].message) || !str_starts(err.msg, p->config))
			fail_msg("%s: %s", cases[i].text, err.msg);
	}
}

static void no_file_is_no_flaw(void **state)
{
	struct place *p = *state;
	struct err err;

	assert_int_equal(oci_runtimes_load(p->config, p->dir, &p->runtimes, &err), 0);
	oci_runtimes_fini(&p->runtimes);
	assert_int_equal(oci_runtimes_load(NULL, p->dir, &p->runtimes, &err), 0);
}

/* True if it need not be tried again. */
static bool is_kept(struct place *p, const char *cache, const char *flags, const char *around)
{
	struct oci_runtime *r = (struct oci_runtime *)load_one(p, flags);

	caps_cache_read(cache, around, &p->runtimes);
	return r->proof == PROOF_WORKS && strv_has(&r->can, "exec");
}

static void a_proof_holds_as_long_as_nothing_changes(void **state)
{
	struct place *p = *state;
	auto_free char *cache = path_join(p->dir, "probes.json");
	struct oci_runtime *r = (struct oci_runtime *)load_one(p, "");

	assert_false(is_kept(p, cache, "", "v1"));
	r = (struct oci_runtime *)load_one(p, "");
	r->proof = PROOF_WORKS;
	strv_add(&r->can, "exec");
	caps_cache_write(cache, "v1", &p->runtimes);
	assert_true(is_kept(p, cache, "", "v1"));
	assert_false(is_kept(p, cache, "", "v2"));
	assert_false(is_kept(p, cache, "\"--x\"", "v1"));
	write_text(p->program, "#!/bin/sh\nexit 1\n", 0755);
	assert_false(is_kept(p, cache, "", "v1"));
	write_text(cache, "{\"probes\":", 0644);
	assert_false(is_kept(p, cache, "", "v1"));
}

static void a_failure_is_not_kept(void **state)
{
	struct place *p = *state;
	auto_free char *cache = path_join(p->dir, "probes.json");
	struct oci_runtime *r = (struct oci_runtime *)load_one(p, "");

	r->proof = PROOF_BROKEN;
	strv_add(&r->can, "exec");
	caps_cache_write(cache, "v1", &p->runtimes);
	assert_false(is_kept(p, cache, "", "v1"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(has_its_path),
		TEST(is_called_with_its_flags),
		TEST(changes_one_that_is_known),
		TEST(refuses_a_wrong_file),
		TEST(no_file_is_no_flaw),
		TEST(a_proof_holds_as_long_as_nothing_changes),
		TEST(a_failure_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
