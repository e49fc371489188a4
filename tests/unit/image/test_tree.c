/* Trees as archives and back: what is kept, and what does not get out. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "image/image.h"

struct folders {
	char dir[32];
	int root; /* DIR/root */
};

static int setup(void **state)
{
	struct folders *f = NEW(struct folders);
	struct err err;

	STR_COPY(f->dir, "/tmp/holm-test-tree.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	auto_free char *root = path_join(f->dir, "root");
	assert_int_equal(dir_make(root, 0755, &err), 0);
	f->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct folders *f = *state;
	struct err err;

	close(f->root);
	assert_int_equal(path_remove(f->dir, &err), 0);
	free(f);
	return 0;
}

static void put(const struct folders *f, const char *name, const char *text)
{
	auto_free char *path = path_join(f->dir, name);
	auto_free char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct err err;

	assert_int_equal(dir_make(parent, 0755, &err), 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0640, &err), 0);
}

static void expect(const struct folders *f, const char *name, const char *text)
{
	auto_free char *path = path_join(f->dir, name);
	auto_free char *have = NULL;
	struct err err;

	if (file_read(path, 1 << 20, &have, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(have, text);
}

static bool is_there(const struct folders *f, const char *name)
{
	auto_free char *path = path_join(f->dir, name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static void link_to(const struct folders *f, const char *target, const char *name)
{
	auto_free char *path = path_join(f->dir, name);

	assert_int_equal(symlink(target, path), 0);
}

static int pack(const struct folders *f, const char *path, struct err *err)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	const struct tree_source from = { .root = f->root, .path = path };
	int r = tree_pack(&from, fd, err);

	lseek(fd, 0, SEEK_SET);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int unpack(const struct folders *f, const char *path, int take_archive, struct err *err)
{
	const struct tree_target to = { .root = f->root, .path = path };
	int r = tree_unpack(&to, take_archive, err);

	close(take_archive);
	return r;
}

static void there_and_back(void **state)
{
	const struct folders *f = *state;
	struct err err = { 0 };
	struct stat st;

	put(f, "root/a/one", "1");
	put(f, "root/a/b/two", "22");
	link_to(f, "../one", "root/a/b/link");
	put(f, "root/into/a/one", "old");
	auto_free char *one = path_join(f->dir, "root/a/one");
	if (getuid() == 0)
		assert_int_equal(chown(one, 12345, 6789), 0);
	assert_int_equal(chmod(one, 04751), 0);
	int archive = pack(f, "/a", &err);
	if (archive < 0)
		fail_msg("%s", err.msg);
	int again = dup(archive);
	if (unpack(f, "/into", archive, &err) < 0)
		fail_msg("%s", err.msg);
	expect(f, "root/into/a/one", "1");
	expect(f, "root/into/a/b/two", "22");
	expect(f, "root/into/a/b/link", "1");
	auto_free char *copy = path_join(f->dir, "root/into/a/one");
	assert_int_equal(stat(copy, &st), 0);
	if (getuid() == 0) {
		assert_int_equal(st.st_uid, 12345);
		assert_int_equal(st.st_gid, 6789);
		assert_int_equal(st.st_mode & 07777, 04751);
	}
	/* In the place of what is not there, under its name. */
	lseek(again, 0, SEEK_SET);
	assert_int_equal(unpack(f, "/into/c", again, &err), 0);
	expect(f, "root/into/c/b/two", "22");
	assert_true(pack(f, "/nothing", &err) == -ENOENT);
	archive = pack(f, "/a/one", &err);
	assert_int_equal(unpack(f, "/no/such/folder", archive, &err), -ENOENT);
}

/* Links of the instance's that point out of it. */
static void links_lead_nowhere(void **state)
{
	const struct folders *f = *state;
	struct err err = { 0 };

	put(f, "outside/secret", "s");
	put(f, "root/x/file", "new");
	auto_free char *outside = path_join(f->dir, "outside");
	link_to(f, outside, "root/abs");
	link_to(f, "../../../../..", "root/up");
	assert_true(pack(f, "/abs/secret", &err) < 0);
	auto_free char *by_up = xasprintf("/up%s/secret", outside);
	assert_true(pack(f, by_up, &err) < 0);
	int archive = pack(f, "/x/file", &err);
	assert_true(unpack(f, "/abs/", archive, &err) < 0);
	assert_false(is_there(f, "outside/file"));
	/* The file's own name is such a link: it is replaced. */
	auto_free char *secret = path_join(outside, "secret");
	link_to(f, secret, "root/target");
	archive = pack(f, "/x/file", &err);
	assert_int_equal(unpack(f, "/target", archive, &err), 0);
	expect(f, "outside/secret", "s");
	expect(f, "root/target", "new");
	/* A link itself is packed as one. */
	archive = pack(f, "/abs", &err);
	assert_true(archive >= 0);
	close(archive);
}

/* A tar head made by hand (POSIX ustar). */
static int make_archive(const char *name, char type, const char *target)
{
	char head[1024] = "";
	unsigned sum = 0;
	int fd = memfd_create("archive", MFD_CLOEXEC);

	str_copy(head, 100, name);
	str_copy(head + 100, 8, "0000644");
	str_copy(head + 108, 8, "0000000");
	str_copy(head + 116, 8, "0000000");
	str_copy(head + 124, 12, "00000000000");
	str_copy(head + 136, 12, "00000000000");
	memset(head + 148, ' ', 8);
	head[156] = type;
	str_copy(head + 157, 100, target);
	memcpy(head + 257, "ustar\00000", 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)head[i];
	snprintf(head + 148, 8, "%06o", sum);
	assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void evil_names_are_refused(void **state)
{
	const struct folders *f = *state;
	struct err err = { 0 };

	put(f, "root/in/keep", "k");
	put(f, "outside/file", "o");
	assert_int_equal(unpack(f, "/in", make_archive("../evil", '0', ""), &err), -EBADMSG);
	assert_int_equal(unpack(f, "/in", make_archive("a/../../evil", '0', ""), &err), -EBADMSG);
	assert_int_equal(unpack(f, "/in", make_archive("dev", '3', ""), &err), -EPERM);
	assert_int_equal(unpack(f, "/in", make_archive("hard", '1', "../../outside/file"), &err),
			 -EBADMSG);
	/* An absolute name loses its slash. */
	assert_int_equal(unpack(f, "/in", make_archive("/evil", '0', ""), &err), 0);
	assert_true(is_there(f, "root/in/evil"));
	assert_false(is_there(f, "evil") || is_there(f, "root/evil"));
	assert_true(unpack(f, "/in", make_archive("keep/x", '0', ""), &err) < 0);
}

static void no_archive_is_an_error(void **state)
{
	const struct folders *f = *state;
	int fd = memfd_create("text", MFD_CLOEXEC);
	struct err err = { 0 };

	put(f, "root/in/keep", "k");
	assert_int_equal(write(fd, "this is no archive, whatever it is", 34), 34);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(unpack(f, "/in", fd, &err), -EBADMSG);
	const struct tree_target folder = { .root = f->root,
					    .path = "/in/keep",
					    .needs_folder = true };
	assert_int_equal(tree_unpack(&folder, 0, &err), -ENOTDIR);
}

/* A folder's own content, under another name; and made for somebody, whatever the archive says. */
static void under_another_name_and_owner(void **state)
{
	const struct folders *f = *state;
	struct tree_target to = { .root = f->root, .path = "/in/new", .has_owner = true };
	struct tree_source from = { .root = f->root, .path = "/", .name = "all" };
	int archive = memfd_create("archive", MFD_CLOEXEC);
	struct err err = { 0 };
	struct stat st;

	put(f, "root/a/one", "1");
	put(f, "root/in/keep", "k");
	from.path = "/a/.";
	from.name = NULL;
	assert_int_equal(tree_pack(&from, archive, &err), 0);
	lseek(archive, 0, SEEK_SET);
	to.uid = getuid() == 0 ? 12345 : getuid();
	to.gid = getuid() == 0 ? 6789 : getgid();
	if (tree_unpack(&to, archive, &err) < 0)
		fail_msg("%s", err.msg);
	close(archive);
	expect(f, "root/in/new/one", "1");
	auto_free char *folder = path_join(f->dir, "root/in/new");
	auto_free char *one = path_join(folder, "one");
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_uid, to.uid);
	assert_int_equal(stat(one, &st), 0);
	assert_int_equal(st.st_uid, to.uid);
	assert_int_equal(st.st_gid, to.gid);
	archive = memfd_create("archive", MFD_CLOEXEC);
	from.path = "/";
	from.name = "all";
	assert_int_equal(tree_pack(&from, archive, &err), 0);
	lseek(archive, 0, SEEK_SET);
	assert_int_equal(unpack(f, "/in", archive, &err), 0);
	expect(f, "root/in/all/a/one", "1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(links_lead_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(evil_names_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(no_archive_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(under_another_name_and_owner, setup, teardown),
	};

	return cmocka_run_group_tests_name("image/tree", tests, NULL, NULL);
}
