/* Saved states as files: what makes a key, what is whole, what goes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "runtime/qemu/snapshot.h"
#include "runtime/qemu/snapshot_files.h"

#define NOT_ITS_OWN "sha256:0000000000000000000000000000000000000000000000000000000000000000"

struct fixture {
	char dir[32];
	struct qemu qemu;
	struct strv argv;
	struct runtime_spec spec;
};

static int setup(void **state)
{
	static const char *const words[] = { "qemu-system-x86_64", "-name", "guest=a", "-m", "64" };
	struct fixture *f = NEW(struct fixture);
	struct err err;

	STR_COPY(f->dir, "/tmp/holm-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->qemu.dir = f->dir;
	STR_COPY(f->qemu.probe.version, "7.2.22");
	pthread_mutex_init(&f->qemu.snapshot_lock, NULL);
	f->spec = (struct runtime_spec){ .image = "/images/a", .digest = "sha256:1" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		strv_add(&f->argv, words[i]);
	auto_free char *dir = snapshot_dir(&f->qemu);
	assert_int_equal(dir_make(dir, 0700, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(path_remove(f->dir, &err), 0);
	pthread_mutex_destroy(&f->qemu.snapshot_lock);
	strv_fini(&f->argv);
	free(f);
	return 0;
}

static void replace(struct strv *argv, size_t i, const char *word)
{
	free(argv->items[i]);
	argv->items[i] = xstrdup(word);
}

static void a_key_is_all_but_the_name(void **state)
{
	struct fixture *f = *state;
	char keys[6][SNAPSHOT_KEY_SIZE];

	snapshot_key(&f->qemu, &f->spec, &f->argv, keys[0]);
	assert_int_equal(strlen(keys[0]), 64);
	replace(&f->argv, 2, "guest=b");
	snapshot_key(&f->qemu, &f->spec, &f->argv, keys[1]);
	assert_string_equal(keys[0], keys[1]);
	replace(&f->argv, 4, "65");
	snapshot_key(&f->qemu, &f->spec, &f->argv, keys[1]);
	f->spec.digest = "sha256:2";
	snapshot_key(&f->qemu, &f->spec, &f->argv, keys[2]);
	STR_COPY(f->qemu.probe.version, "7.2.23");
	snapshot_key(&f->qemu, &f->spec, &f->argv, keys[3]);
	f->spec.image = "/images/b";
	snapshot_key(&f->qemu, &f->spec, &f->argv, keys[4]);
	/* Two words are not one. */
	replace(&f->argv, 3, "-m6");
	replace(&f->argv, 4, "5");
	snapshot_key(&f->qemu, &f->spec, &f->argv, keys[5]);
	for (size_t i = 0; i < 6; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(keys[i], keys[j]);
}

static void what_cannot_be_saved_is_refused(void **state)
{
	struct fixture *f = *state;
	struct qemu_vm vm = { 0 };
	struct err err;

	f->spec.net = (struct runtime_net){ .tap = "tap0", .netns_path = "/run/netns/a" };
	assert_int_equal(snapshot_check(&f->spec, &vm, &err), -ENOTSUP);
	f->spec.ready_port = 80;
	assert_int_equal(snapshot_check(&f->spec, &vm, &err), 0);
	f->spec.memory_mib = SNAPSHOT_MEMORY_MAX_MIB + 1;
	assert_int_equal(snapshot_check(&f->spec, &vm, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "1025"));
	f->spec.memory_mib = 64;
	vm.has_files = true;
	assert_int_equal(snapshot_check(&f->spec, &vm, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "9p"));
	const struct runtime_mount secrets = { "/run/x", "/run/secrets", true, NULL, true };
	vm.has_files = false;
	f->spec.mounts = &secrets;
	f->spec.n_mounts = 1;
	assert_int_equal(snapshot_check(&f->spec, &vm, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "folders of secrets and configuration"));
}

static void make_key(unsigned n, char ret[SNAPSHOT_KEY_SIZE])
{
	snprintf(ret, SNAPSHOT_KEY_SIZE, "%064x", n);
}

static void save(struct fixture *f, const char *key, const char *image, time_t used_s)
{
	auto_free char *path = snapshot_file(&f->qemu, key, ".state");
	struct timespec times[2] = { { .tv_sec = used_s }, { .tv_sec = used_s } };
	struct err err;

	assert_int_equal(file_write_atomic(path, key, strlen(key), 0600, &err), 0);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(snapshot_record(&f->qemu, key, fd, image, &err), 0);
	auto_free char *record = snapshot_file(&f->qemu, key, ".json");
	assert_int_equal(utimensat(AT_FDCWD, record, times, 0), 0);
}

static bool is_there(struct fixture *f, const char *key)
{
	auto_free char *state = snapshot_file(&f->qemu, key, ".state");
	auto_free char *record = snapshot_file(&f->qemu, key, ".json");

	assert_int_equal(path_exists(state), path_exists(record));
	return path_exists(state);
}

static void a_damaged_state_is_removed(void **state)
{
	struct fixture *f = *state;
	char key[SNAPSHOT_KEY_SIZE];
	struct err err;

	make_key(1, key);
	assert_int_equal(snapshot_open(&f->qemu, key, &err), -ENOENT);
	save(f, key, "/", time(NULL));
	int fd = snapshot_open(&f->qemu, key, &err);
	assert_true(fd >= 0);
	/* For reading only: whoever is started from it cannot change it. */
	assert_int_equal(write(fd, "x", 1), -1);
	close(fd);
	auto_free char *path = snapshot_file(&f->qemu, key, ".state");
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(snapshot_open(&f->qemu, key, &err), -EBADMSG);
	assert_false(is_there(f, key));
	save(f, key, "/", time(NULL));
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(snapshot_open(&f->qemu, key, &err), -EBADMSG);
	assert_false(is_there(f, key));
}

static struct stat look(struct fixture *f, const char *key)
{
	auto_free char *path = snapshot_file(&f->qemu, key, ".state");
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st;
}

/* In place of what its file has, so that its file tells by itself that it was not read. */
static void a_state_that_was_whole_is_not_read_again(void **state)
{
	struct fixture *f = *state;
	char key[SNAPSHOT_KEY_SIZE];
	struct err err;

	make_key(1, key);
	save(f, key, "/", time(NULL));
	auto_free char *path = snapshot_file(&f->qemu, key, ".json");
	auto_free char *text = xasprintf("{\"digest\":\"%s\",\"image\":\"/\"}", NOT_ITS_OWN);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), 0);
	for (int i = 0; i < 2; i++) { /* the first use is no change of it either */
		struct stat st = look(f, key);
		const struct timespec later = { .tv_sec = st.st_ctim.tv_sec + 60 };

		if (i == 0)
			digest_memo_note(&f->qemu.states, &st, &later, NOT_ITS_OWN);
		int fd = snapshot_open(&f->qemu, key, &err);
		assert_true(fd >= 0);
		close(fd);
	}
	auto_free char *file = snapshot_file(&f->qemu, key, ".state");
	assert_int_equal(chmod(file, 0400), 0); /* of its change alone */
	assert_int_equal(snapshot_open(&f->qemu, key, &err), -EBADMSG);
	assert_false(is_there(f, key));
}

static void use_keeps_a_state(void **state)
{
	struct fixture *f = *state;
	char key[SNAPSHOT_KEY_SIZE];
	struct err err;

	make_key(1, key);
	save(f, key, "/", time(NULL) - SNAPSHOT_AGE_S - 1);
	int fd = snapshot_open(&f->qemu, key, &err);
	assert_true(fd >= 0);
	close(fd);
	snapshot_prune(&f->qemu);
	assert_true(is_there(f, key));
}

static void states_go_with_their_image_by_age_and_by_number(void **state)
{
	struct fixture *f = *state;
	char key[SNAPSHOT_KEY_SIZE], gone[SNAPSHOT_KEY_SIZE], old[SNAPSHOT_KEY_SIZE];
	auto_free char *leftover = snapshot_file(&f->qemu, "0", ".new");
	struct err err;
	time_t now_s = time(NULL);

	make_key(1000, gone);
	save(f, gone, "/nowhere/at/all", now_s);
	make_key(1001, old);
	save(f, old, "/", now_s - SNAPSHOT_AGE_S - 1);
	assert_int_equal(file_write_atomic(leftover, "x", 1, 0600, &err), 0);
	for (unsigned i = 0; i < SNAPSHOTS_MAX + 3; i++) {
		make_key(i, key);
		save(f, key, "/", now_s - 100 + (time_t)i);
	}
	snapshot_prune(&f->qemu);
	assert_false(is_there(f, gone));
	assert_false(is_there(f, old));
	assert_false(path_exists(leftover));
	for (unsigned i = 0; i < SNAPSHOTS_MAX + 3; i++) {
		make_key(i, key);
		assert_int_equal(is_there(f, key), i >= 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_all_but_the_name, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_saved_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_state_is_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_state_that_was_whole_is_not_read_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(use_keeps_a_state, setup, teardown),
		cmocka_unit_test_setup_teardown(states_go_with_their_image_by_age_and_by_number,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("runtime/qemu/snapshot", tests, NULL, NULL);
}
