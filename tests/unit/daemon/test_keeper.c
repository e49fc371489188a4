/* Certificate files as they should be, as they should not, and as they change. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/base.h"
#include "daemon/keeper.h"
#include "loop/loop.h"
#include "wire/certificate/certificate.h"

#define DAY_S   86400u
#define WAIT_MS 60000

struct fixture {
	struct loop *loop;
	char dir[64];
	char *certificate_file;
	char *key_file;
	struct keeper *keeper;
	struct secret key, certificate; /* what was written last */
	struct secret shown;
	int n_shown;
};

/* A certificate and its key; whose they are does not matter here. */
static void make(struct fixture *f)
{
	uint64_t now = (uint64_t)time(NULL);
	const struct certificate_wish wish = { "test", NULL, now - DAY_S, now + DAY_S };
	struct err err;

	certificate_make_key(&f->key);
	assert_int_equal(certificate_make_authority(&f->key, &wish, &f->certificate, &err), 0);
}

static void write_files(struct fixture *f, mode_t key_mode)
{
	struct err err;

	assert_int_equal(file_write_atomic(f->certificate_file, f->certificate.bytes,
					   f->certificate.len, 0644, &err),
			 0);
	assert_int_equal(file_write_atomic(f->key_file, f->key.bytes, f->key.len, key_mode, &err),
			 0);
}

static int show(void *arg, const struct secret *certificates, const struct secret *key,
		struct err *err)
{
	struct fixture *f = arg;

	f->n_shown++;
	assert_true(secret_equal(key, &f->key));
	secret_set(&f->shown, certificates->bytes, certificates->len);
	loop_stop(f->loop);
	return 0;
}

static void too_late(void *arg)
{
	abort();
}

static void run(struct fixture *f)
{
	struct timer *timer = timer_start(f->loop, WAIT_MS, too_late, NULL);

	loop_run(f->loop);
	timer_cancel(timer);
}

static int set_up(void **state)
{
	struct fixture *f = NEW(struct fixture);

	STR_COPY(f->dir, "/tmp/holm-keeper-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->certificate_file = path_join(f->dir, "server.pem");
	f->key_file = path_join(f->dir, "server.key");
	f->loop = loop_new();
	const struct keeper_config config = {
		.loop = f->loop,
		.certificate_file = f->certificate_file,
		.key_file = f->key_file,
		.show = show,
		.arg = f,
	};
	f->keeper = keeper_new(&config);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct err err;

	keeper_free(f->keeper);
	loop_free(f->loop);
	path_remove(f->dir, &err);
	secret_fini(&f->key);
	secret_fini(&f->certificate);
	secret_fini(&f->shown);
	free(f->certificate_file);
	free(f->key_file);
	free(f);
	return 0;
}

static int load(struct fixture *f, struct err *err)
{
	auto_secret struct secret certificates = { 0 };
	auto_secret struct secret key = { 0 };
	int r = keeper_load(f->keeper, &certificates, &key, err);

	if (r == 0) {
		assert_true(secret_equal(&certificates, &f->certificate));
		assert_true(secret_equal(&key, &f->key));
	}
	return r;
}

static void what_is_wrong_with_files_is_said(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	assert_int_equal(load(f, &err), -ENOENT);
	assert_non_null(strstr(err.msg, f->certificate_file));
	make(f);
	write_files(f, 0644);
	assert_int_equal(load(f, &err), -EACCES);
	assert_non_null(strstr(err.msg, "mode 0644"));
	write_files(f, 0640);
	assert_int_equal(load(f, &err), -EACCES);
	write_files(f, 0600);
	assert_int_equal(load(f, &err), 0);
	certificate_make_key(&f->key);
	write_files(f, 0600);
	assert_int_equal(load(f, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "do not belong together"));
	secret_set(&f->certificate, "hello", 5);
	write_files(f, 0600);
	assert_int_equal(load(f, &err), -EBADMSG);
	secret_set(&f->certificate, "", 0);
	write_files(f, 0600);
	assert_int_equal(load(f, &err), -EBADMSG);
}

static void a_key_of_another_user_is_refused(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	if (geteuid() != 0)
		skip();
	make(f);
	write_files(f, 0600);
	assert_int_equal(chown(f->key_file, 12345, 12345), 0);
	assert_int_equal(load(f, &err), -EACCES);
	assert_non_null(strstr(err.msg, "12345"));
}

static void hang_up(void *arg)
{
	raise(SIGHUP);
}

static void on_a_signal_files_are_read_again(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	make(f);
	write_files(f, 0600);
	assert_int_equal(load(f, &err), 0);
	keeper_begin(f->keeper);
	make(f);
	write_files(f, 0600);
	loop_post(f->loop, hang_up, NULL);
	run(f);
	assert_int_equal(f->n_shown, 1);
	assert_true(secret_equal(&f->shown, &f->certificate));
}

static void stop(void *arg)
{
	loop_stop(((struct fixture *)arg)->loop);
}

/* What is wrong is not shown; the next that is right is. */
static void bad_files_are_not_shown(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	make(f);
	write_files(f, 0600);
	assert_int_equal(load(f, &err), 0);
	keeper_begin(f->keeper);
	write_files(f, 0644);
	loop_post(f->loop, hang_up, NULL);
	timer_start(f->loop, 50, stop, f);
	run(f);
	assert_int_equal(f->n_shown, 0);
	make(f);
	write_files(f, 0600);
	loop_post(f->loop, hang_up, NULL);
	run(f);
	assert_int_equal(f->n_shown, 1);
}

static void what_the_authority_issues_is_shown(void **state)
{
	struct fixture *f = *state;
	auto_strv struct strv more = { 0 };
	auto_free char *dir = path_join(f->dir, "tls");
	auto_free char *issued = path_join(dir, "server.pem");
	const struct keeper_config config = {
		.loop = f->loop,
		.authority_dir = dir,
		.authority_id = "0123456789abcdef01234567",
		.hostname = "edge-1",
		.address = "10.99.0.1",
		.more_names = &more,
		.show = show,
		.arg = f,
	};
	struct keeper *keeper = keeper_new(&config);
	auto_certificate_facts struct certificate_facts facts = { 0 };
	struct err err = { 0 };

	strv_add(&more, "holm.example");
	assert_int_equal(keeper_load(keeper, &f->certificate, &f->key, &err), 0);
	keeper_begin(keeper);
	assert_int_equal(unlink(issued), 0);
	loop_post(f->loop, hang_up, NULL);
	run(f);
	assert_int_equal(f->n_shown, 1);
	assert_false(secret_equal(&f->shown, &f->certificate));
	assert_int_equal(certificate_read(&f->shown, &facts, &err), 0);
	assert_true(strv_has(&facts.names, "10.99.0.1"));
	assert_true(strv_has(&facts.names, "holm.example"));
	keeper_free(keeper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_wrong_with_files_is_said, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_key_of_another_user_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(on_a_signal_files_are_read_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_the_authority_issues_is_shown, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(bad_files_are_not_shown, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("daemon/keeper", tests, NULL, NULL);
}
