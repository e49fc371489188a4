/* Secrets and configuration on the node: kept sealed, given at the start, gone after the end. */
#include <sys/stat.h>

#include "base/base64.h"
#include "kit.h"
#include "worker/private.h"

#define WORD  "correct horse"
#define NEWER "battery staple"
#define WANTS                                                                             \
	",\"secrets\":[{\"name\":\"db\",\"file\":\"/run/secrets/db\",\"mode\":\"0400\"}," \
	"{\"name\":\"db\",\"file\":\"/etc/db\",\"mode\":\"0440\"},"                       \
	"{\"name\":\"db\",\"env\":\"DB\"}]"

/* What the runtime was given at the last start. */
static struct {
	char *env; /* joined by spaces */
	char *mounts;
	unsigned n;
} given;

static int start(void *state, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
		 struct runtime_status *ret, struct err *err)
{
	auto_strv struct strv mounts = { 0 };

	for (size_t i = 0; i < spec->n_mounts; i++) {
		assert_true(spec->mounts[i].is_read_only);
		assert_true(path_exists(spec->mounts[i].source));
		strv_addf(&mounts, "%s", spec->mounts[i].target);
	}
	free(given.env);
	free(given.mounts);
	given.env = strv_join(spec->env, " ");
	given.mounts = strv_join(&mounts, " ");
	given.n++;
	return fake_driver.start(state, spec, ctx, ret, err);
}

static struct runtime_driver driver;

static int set_up(void **state)
{
	driver = fake_driver;
	driver.start = start;
	kit_setup(state);
	struct kit *kit = *state;
	kit_crash(kit);
	kit->driver = &driver;
	kit_boot(kit);
	kit_run(kit, 1000);
	return 0;
}

static int tear_down(void **state)
{
	free(given.env);
	free(given.mounts);
	memset(&given, 0, sizeof(given));
	return kit_teardown(state);
}

static void send(struct kit *kit, const char *name, uint64_t revision, const char *word)
{
	auto_free char *body = base64_format(word, strlen(word));
	auto_free char *payload = xasprintf("{\"kind\":\"secret\",\"name\":\"%s\","
					    "\"revision\":%lu,\"body\":\"%s\"}",
					    name, revision, body);

	kit_say(kit, "control/value", payload);
	kit_run(kit, 100);
}

static void deploy(struct kit *kit, const char *id, const char *spec)
{
	const struct wish wish = { .id = id, .spec = spec };

	kit_deploy(kit, &wish);
}

static char *path_of(struct kit *kit, const char *id, const char *path)
{
	return xasprintf("%s/%s/%s", kit->secrets_dir, id, path);
}

static void assert_file(struct kit *kit, const char *path, const char *word)
{
	auto_free char *full = path_of(kit, ID_1, path);
	auto_free char *text = NULL;
	struct err err;

	if (file_read(full, 1 << 20, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(text, word);
}

static bool has_files(struct kit *kit, const char *id)
{
	auto_free char *dir = path_of(kit, id, ".");

	return path_exists(dir);
}

struct search {
	const char *word;
	size_t n;
	size_t n_values;
};

static int look(void *arg, const char *kind, const char *id, const char *body, struct err *err)
{
	struct search *search = arg;

	search->n += strstr(body, search->word) != NULL;
	search->n_values += str_eq(kind, "value");
	return 0;
}

static struct search on_disk(struct kit *kit, const char *word)
{
	struct search search = { .word = word };
	void *store;
	struct err err;

	assert_int_equal(store_mem.open(store_mem_where(kit->disk), &store, &err), 0);
	assert_int_equal(store_mem.load(store, look, &search, &err), 0);
	store_mem.close(store);
	return search;
}

static void an_instance_gets_files_and_environment(void **state)
{
	struct kit *kit = *state;

	send(kit, "db", 1, WORD);
	deploy(kit, ID_1, ",\"environment\":[\"A=1\"]" WANTS);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_string_equal(given.env, "A=1 DB=" WORD);
	assert_string_equal(given.mounts, "/run/secrets /etc/db");
	assert_file(kit, "secrets/db", WORD);
	assert_file(kit, "files/2", WORD);
	auto_free char *single = path_of(kit, ID_1, "files/2");
	struct stat st;
	assert_int_equal(stat(single, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0440);
	kit_delete(kit, ID_1);
	kit_await(kit, ID_1, STATE_UNDEPLOYED);
	kit_run(kit, 1000);
	assert_false(has_files(kit, ID_1));
	assert_int_equal(on_disk(kit, "x").n_values, 0); /* nobody wants it any more */
}

static struct service_spec unikernel_spec(struct sla_value *refs, size_t n)
{
	return (struct service_spec){ .virtualization = (char *)(uintptr_t) "unikernel",
				      .secrets = refs,
				      .n_secrets = n };
}

/* By whole folders, which its QEMU reads as anybody. */
static void a_unikernel_gets_folders(void **state)
{
	struct kit *kit = *state;
	struct sla_value refs[] = {
		{ .name = (char *)(uintptr_t) "db", .file = (char *)(uintptr_t) "/run/secrets/db" },
		{ .name = (char *)(uintptr_t) "db", .file = (char *)(uintptr_t) "/etc/a/b/c" },
		{ .name = (char *)(uintptr_t) "db", .file = (char *)(uintptr_t) "/etc/a/d" },
	};
	const struct service_spec spec = unikernel_spec(refs, ARRAY_LEN(refs));
	struct runtime_mount *mounts = NULL;
	size_t n_mounts = 0;
	struct values_given values;
	struct err err;
	struct stat st;

	refs[1].mode = (char *)(uintptr_t) "0400";
	refs[1].uid = 7;
	deploy(kit, ID_1, WANTS); /* so that it is kept */
	send(kit, "db", 1, WORD);
	values_give(kit->worker, &spec, false, &values);
	values_add_mounts(&values, ID_2, &mounts, &n_mounts);
	assert_int_equal(n_mounts, 2);
	assert_true(mounts[0].is_given && mounts[0].is_read_only);
	assert_string_equal(mounts[0].target, "/run/secrets");
	assert_string_equal(mounts[1].target, "/etc/a");
	auto_free char *source = path_of(kit, ID_2, "etc/a");
	assert_string_equal(mounts[1].source, source);
	assert_int_equal(values_put(&values, ID_2, &err), 0);
	auto_free char *file = path_of(kit, ID_2, "etc/a/b/c");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(st.st_uid, geteuid());
	auto_free char *db = path_of(kit, ID_2, "run/secrets/db");
	auto_free char *text = NULL;
	assert_int_equal(file_read(db, 100, &text, NULL, &err), 0);
	assert_string_equal(text, WORD);
	values_given_fini(&values);
	free(mounts);
}

static void nothing_of_it_is_on_disk_or_told(void **state)
{
	struct kit *kit = *state;
	auto_free char *base64 = base64_format(WORD, strlen(WORD));

	send(kit, "db", 1, WORD);
	deploy(kit, ID_1, WANTS);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(on_disk(kit, WORD).n, 0);
	assert_int_equal(on_disk(kit, base64).n, 0);
	assert_int_equal(on_disk(kit, WORD).n_values, 1);
	assert_false(kit_has_told(kit, ID_1, WORD));
}

static void one_that_is_missing_is_named_and_asked_for(void **state)
{
	struct kit *kit = *state;
	unsigned n = kit->n_registered;

	deploy(kit, ID_1, WANTS);
	kit_await(kit, ID_1, STATE_FAILED);
	assert_true(kit_has_told(kit, ID_1, "secret/db: it is not on this node"));
	kit_run(kit, 50);
	assert_true(kit->n_registered > n);
	assert_int_equal(given.n, 0);
	send(kit, "db", 1, WORD);
	kit_await(kit, ID_1, STATE_RUNNING);
}

static void it_starts_without_a_server(void **state)
{
	struct kit *kit = *state;

	send(kit, "db", 1, WORD);
	deploy(kit, ID_1, WANTS);
	kit_await(kit, ID_1, STATE_RUNNING);
	/* A reboot: processes and files in memory are gone, nobody sends anything. */
	kit_crash(kit);
	fake_host_free(kit->host);
	kit->host = fake_host_new();
	struct err err;
	assert_int_equal(path_remove(kit->secrets_dir, &err), 0);
	kit_forget(kit);
	kit_boot(kit);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_string_equal(given.env, "DB=" WORD);
	assert_file(kit, "secrets/db", WORD);
}

static void a_change_reaches_what_runs(void **state)
{
	struct kit *kit = *state;

	send(kit, "db", 1, WORD);
	deploy(kit, ID_1, WANTS);
	kit_await(kit, ID_1, STATE_RUNNING);
	unsigned n = given.n;
	send(kit, "db", 2, NEWER);
	kit_run(kit, 1000);
	assert_file(kit, "secrets/db", NEWER);
	assert_file(kit, "files/2", WORD); /* bound by itself: at the next start */
	assert_int_equal(given.n, n);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_run(kit, 5000);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_true(given.n > n);
	assert_string_equal(given.env, "DB=" NEWER);
	assert_file(kit, "files/2", NEWER);
}

static void a_change_during_a_restart_reaches_it(void **state)
{
	struct kit *kit = *state;

	send(kit, "db", 1, WORD);
	deploy(kit, ID_1, WANTS);
	kit_await(kit, ID_1, STATE_RUNNING);
	auto_free char *path = path_of(kit, ID_1, "secrets/db");
	kit_crash(kit);
	struct err err;
	assert_int_equal(file_write_atomic(path, "stale", 5, 0400, &err), 0);
	kit_boot(kit);
	kit_run(kit, 2000);
	assert_file(kit, "secrets/db", WORD);
}

static void a_removed_one_starts_nothing(void **state)
{
	struct kit *kit = *state;

	send(kit, "db", 1, WORD);
	deploy(kit, ID_1, WANTS);
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_say(kit, "control/value",
		"{\"kind\":\"secret\",\"name\":\"db\",\"revision\":0,\"is_removed\":true}");
	kit_run(kit, 1000);
	assert_int_equal(on_disk(kit, "x").n_values, 0);
	assert_file(kit, "secrets/db", WORD); /* what runs keeps it */
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_run(kit, 5000);
	kit_await(kit, ID_1, STATE_FAILED);
	assert_false(has_files(kit, ID_1));
}

static void a_failed_start_leaves_no_files(void **state)
{
	struct kit *kit = *state;

	send(kit, "db", 1, WORD);
	fake_host_fail_starts(kit->host, 1);
	deploy(kit, ID_1, WANTS);
	kit_await(kit, ID_1, STATE_FAILED);
	assert_false(has_files(kit, ID_1));
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_true(has_files(kit, ID_1));
}

static void a_lost_key_is_named_and_heals(void **state)
{
	struct kit *kit = *state;

	send(kit, "db", 1, WORD);
	deploy(kit, ID_1, WANTS);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(unlink(kit->key_path), 0);
	kit_forget(kit);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_run(kit, 5000);
	kit_await(kit, ID_1, STATE_FAILED);
	assert_true(kit_has_told(kit, ID_1, kit->key_path));
	assert_true(kit_has_told(kit, ID_1, "is missing"));
	/* The server is asked, and sends it again. */
	send(kit, "db", 1, WORD);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_string_equal(given.env, "DB=" WORD);
}

static void what_the_server_cannot_read_is_told(void **state)
{
	struct kit *kit = *state;

	kit_say(kit, "control/value",
		"{\"kind\":\"secret\",\"name\":\"db\",\"revision\":1,"
		"\"error\":\"key file /x is missing\"}");
	deploy(kit, ID_1, WANTS);
	kit_await(kit, ID_1, STATE_FAILED);
	assert_true(kit_has_told(kit, ID_1,
				 "secret/db: the server cannot read it: key file /x is missing"));
}

static void files_of_nobody_are_removed(void **state)
{
	struct kit *kit = *state;
	auto_free char *dir = path_of(kit, ID_3, "secrets");
	struct err err;

	kit_crash(kit);
	assert_int_equal(dir_make(dir, 0700, &err), 0);
	kit_boot(kit);
	assert_false(has_files(kit, ID_3));
}

static void on_down(void *arg, const struct err *err)
{
	struct kit *kit = arg;

	kit->is_down = true;
	kit->down_err = *err;
}

static void down_leaves_no_files(void **state)
{
	struct kit *kit = *state;

	send(kit, "db", 1, WORD);
	deploy(kit, ID_1, WANTS);
	kit_await(kit, ID_1, STATE_RUNNING);
	worker_down_begin(kit->worker, on_down, kit);
	kit_run(kit, 60000);
	assert_true(kit->is_down);
	assert_int_equal(kit->down_err.code, 0);
	assert_false(path_exists(kit->secrets_dir));
	assert_int_equal(on_disk(kit, "x").n_values, 1); /* for the next start */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(an_instance_gets_files_and_environment),
		T(a_unikernel_gets_folders),
		T(nothing_of_it_is_on_disk_or_told),
		T(one_that_is_missing_is_named_and_asked_for),
		T(it_starts_without_a_server),
		T(a_change_reaches_what_runs),
		T(a_change_during_a_restart_reaches_it),
		T(a_removed_one_starts_nothing),
		T(a_failed_start_leaves_no_files),
		T(a_lost_key_is_named_and_heals),
		T(what_the_server_cannot_read_is_told),
		T(files_of_nobody_are_removed),
		T(down_leaves_no_files),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/values", tests, NULL, NULL);
}
