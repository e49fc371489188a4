/* The file: other versions, other programs, damage, a full disk, a second process. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/base.h"
#include "store/store.h"

struct place {
	char dir[64];
	char *path;
};

static int setup(void **state)
{
	struct place *p = NEW(struct place);

	STR_COPY(p->dir, "/tmp/holm-test-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	p->path = path_join(p->dir, "store.db");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };

	path_remove(p->dir, &err);
	free(p->path);
	free(p);
	return 0;
}

static void *open_store(const struct place *p)
{
	void *store = NULL;
	struct err err = { 0 };

	if (store_sqlite.open(p->path, &store, &err) < 0)
		fail_msg("%s", err.msg);
	return store;
}

static int put(void *store, const char *id, size_t len, struct err *err)
{
	struct store_batch batch = { 0 };
	const struct store_batch *batches[] = { &batch };
	char *body = xcalloc(1, len + 1);

	memset(body, 'x', len);
	store_batch_put(&batch, "app", id, body);
	int r = store_sqlite.commit(store, batches, 1, err);
	store_batch_fini(&batch);
	return r;
}

static int add_id(void *arg, const char *kind, const char *id, const char *body, struct err *err)
{
	buf_addf(arg, "%s:%zu ", id, strlen(body));
	return 0;
}

static void holds(void *store, const char *expected)
{
	auto_buf struct buf ids;
	struct err err = { 0 };

	buf_init(&ids, 1000);
	assert_int_equal(store_sqlite.load(store, add_id, &ids, &err), 0);
	assert_string_equal(ids.data, expected);
}

static void run_sql(const struct place *p, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void refuses(const struct place *p, int code, const char *reason)
{
	auto_free char *message = xasprintf("open store %s: %s", p->path, reason);
	void *store = NULL;
	struct err err = { 0 };

	assert_int_equal(store_sqlite.open(p->path, &store, &err), code);
	assert_null(store);
	assert_string_equal(err.msg, message);
}

static void write_file(const struct place *p, const char *text, size_t len)
{
	struct err err = { 0 };

	assert_int_equal(file_write_atomic(p->path, text, len, 0600, &err), 0);
}

static void only_its_owner_may_read_it(void **state)
{
	const struct place *p = *state;
	struct stat st;
	struct err err = { 0 };

	void *store = open_store(p);
	assert_int_equal(put(store, "a", 1, &err), 0);
	auto_free char *log = xasprintf("%s-wal", p->path);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(log, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_sqlite.close(store);
}

static void a_later_schema_is_refused(void **state)
{
	const struct place *p = *state;

	store_sqlite.close(open_store(p));
	run_sql(p, "PRAGMA user_version = 7");
	refuses(p, -ENOTSUP,
		"its schema has version 7, this release knows up to 1: start a later "
		"release");
	run_sql(p, "PRAGMA user_version = 1");
	store_sqlite.close(open_store(p));
}

static void another_programs_database_is_refused(void **state)
{
	const struct place *p = *state;

	run_sql(p, "CREATE TABLE other (x)");
	refuses(p, -EBADMSG, "it is the database of another program");
}

static void what_is_no_database_is_refused(void **state)
{
	const struct place *p = *state;
	char noise[8192];

	memset(noise, 'n', sizeof(noise));
	write_file(p, noise, sizeof(noise));
	refuses(p, -EBADMSG, "PRAGMA journal_mode = WAL: file is not a database");
	write_file(p, "", 0);
	store_sqlite.close(open_store(p));
}

static void damage_is_found(void **state)
{
	const struct place *p = *state;
	auto_free char *text = NULL;
	size_t len;
	struct err err = { 0 };
	void *store = open_store(p);

	for (int i = 0; i < 20; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%d", i);
		assert_int_equal(put(store, id, 3000, &err), 0);
	}
	store_sqlite.close(store);
	assert_int_equal(file_read(p->path, 1 << 20, &text, &len, &err), 0);
	memset(text + 4096 * 2, 'n', 4096);
	write_file(p, text, len);
	assert_int_equal(store_sqlite.open(p->path, &store, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "it is damaged: "));
}

static void a_missing_folder_is_named(void **state)
{
	struct place *p = *state;

	free(p->path);
	p->path = path_join(p->dir, "none/store.db");
	refuses(p, -ENOENT, "open: No such file or directory");
}

/* Files may grow no further: a full disk, as seen from one process. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_changes_nothing(void **state)
{
	const struct place *p = *state;
	struct err err = { 0 };
	void *store = open_store(p);

	assert_int_equal(put(store, "a", 10, &err), 0);
	limit_files(200000);
	assert_true(put(store, "big", 900000, &err) < 0);
	assert_true(str_starts(err.msg, "commit to store: "));
	assert_int_equal(put(store, "b", 10, &err), 0);
	limit_files(RLIM_INFINITY);
	holds(store, "a:10 b:10 ");
	assert_int_equal(put(store, "c", 900000, &err), 0);
	store_sqlite.close(store);
	store = open_store(p);
	holds(store, "a:10 b:10 c:900000 ");
	store_sqlite.close(store);
}

/* A process that dies at once after its commit: what a kill -9 leaves. */
static void a_commit_survives_its_process(void **state)
{
	const struct place *p = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = { 0 };
		void *store = NULL;

		if (store_sqlite.open(p->path, &store, &err) < 0 || put(store, "a", 5, &err) < 0)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	void *store = open_store(p);
	holds(store, "a:5 ");
	store_sqlite.close(store);
}

static void a_second_process_is_kept_out(void **state)
{
	const struct place *p = *state;
	int status;
	void *store = open_store(p);
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = { 0 };
		void *other = NULL;
		int r = store_sqlite.open(p->path, &other, &err);

		_exit(r == -EBUSY && str_ends(err.msg, "another process has it open") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store_sqlite.close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_its_owner_may_read_it),
		TEST(a_later_schema_is_refused),
		TEST(another_programs_database_is_refused),
		TEST(what_is_no_database_is_refused),
		TEST(damage_is_found),
		TEST(a_missing_folder_is_named),
		TEST(a_full_disk_changes_nothing),
		TEST(a_commit_survives_its_process),
		TEST(a_second_process_is_kept_out),
	};

	return cmocka_run_group_tests_name("store/sqlite", tests, NULL, NULL);
}
