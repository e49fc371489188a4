/* Unikernel archives: from the web and from this machine, good and bad. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "kit.h"

#define KERNEL                                   \
	{                                        \
		.name = "kernel", .data = "\x7f" \
					  "ELF"  \
	}

static int get(const struct kit *kit, const char *url, struct unikernel_image *ret, struct err *err)
{
	const struct image_transfer transfer = { 0 };

	return image_unikernel_get(&kit->config, url, &transfer, ret, err);
}

static char *file_url(const struct kit *kit, const char *name)
{
	return xasprintf("file:%s/root/%s", kit->dir, name);
}

/* Nothing but finished folders is left in the store. */
static unsigned count_stored(const struct kit *kit)
{
	DIR *d = opendir(kit->store);
	unsigned n = 0;

	for (struct dirent *e; (e = readdir(d));) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (!is_hex(e->d_name, 64))
			fail_msg("%s is left in the store", e->d_name);
		n++;
	}
	closedir(d);
	return n;
}

static void assert_refused(const struct kit *kit, const char *url, int code, const char *words)
{
	struct unikernel_image image = { 0 };
	struct err err = { 0 };
	int r = get(kit, url, &image, &err);

	if (r != code || err.code != code || !strstr(err.msg, words))
		fail_msg("%s: %d, expected %d and \"%s\": %s", url, r, code, words, err.msg);
	assert_null(image.dir);
	assert_int_equal(count_stored(kit), 0);
}

static void assert_archive_refused(const struct kit *kit, const struct kit_entry *entries, size_t n,
				   int code, const char *words)
{
	auto_free char *url = file_url(kit, "bad.tar.gz");

	kit_tar(kit, "root/bad.tar.gz", entries, n);
	assert_refused(kit, url, code, words);
}

static void assert_file(const char *dir, const char *name, const char *content)
{
	auto_free char *path = path_join(dir, name);
	auto_free char *text = NULL;
	struct stat st;
	struct err err = { 0 };

	if (file_read(path, 1 << 20, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(text, content);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void unpacked_once_per_digest(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry entries[] = {
		{ .name = "./", .type = AE_IFDIR },
		KERNEL,
		{ .name = "files/", .type = AE_IFDIR },
		{ .name = "files/etc/gr\xc3\xbc\xc3\x9f", .data = "hello" },
	};
	struct unikernel_image first = { 0 };
	struct unikernel_image second = { 0 };
	struct err err = { 0 };

	kit_tar(kit, "root/a.tar.gz", entries, ARRAY_LEN(entries));
	kit_tar(kit, "root/b.tar.gz", entries, ARRAY_LEN(entries));
	auto_free char *a = file_url(kit, "a.tar.gz");
	auto_free char *b = xasprintf("file://%s/root/b.tar.gz", kit->dir);
	if (get(kit, a, &first, &err) < 0)
		fail_msg("%s", err.msg);
	assert_file(first.dir, "kernel",
		    "\x7f"
		    "ELF");
	assert_file(first.dir, "files/etc/gr\xc3\xbc\xc3\x9f", "hello");
	assert_true(digest_is_valid(first.digest));
	assert_non_null(strstr(first.dir, first.digest + 7));
	assert_int_equal(get(kit, b, &second, &err), 0);
	assert_string_equal(first.dir, second.dir);
	assert_int_equal(count_stored(kit), 1);
	unikernel_image_fini(&first);
	unikernel_image_fini(&second);
}

static void pinned(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry entries[] = { KERNEL };
	struct unikernel_image image = { 0 };
	struct err err = { 0 };
	char digest[DIGEST_TEXT_MAX];
	auto_free char *path = kit_path(kit, "root/a.tar.gz");
	auto_free char *data = NULL;
	size_t len;

	kit_tar(kit, "root/a.tar.gz", entries, 1);
	assert_int_equal(file_read(path, 1 << 20, &data, &len, &err), 0);
	digest_of(data, len, digest);
	auto_free char *url = file_url(kit, "a.tar.gz");
	auto_free char *bad = xasprintf("%s#sha256=%064d", url, 0);
	assert_refused(kit, bad, -EBADMSG, "digest mismatch");
	auto_free char *odd = xasprintf("%s#md5=1234", url);
	assert_refused(kit, odd, -EINVAL, "#sha256=");
	auto_free char *few = xasprintf("%s#sha256=1234", url);
	assert_refused(kit, few, -EINVAL, "64 hex digits");
	for (char *c = digest + 7; *c; c++)
		if (*c >= 'a')
			*c = (char)(*c - 'a' + 'A');
	auto_free char *good = xasprintf("%s#sha256=%s", url, digest + 7);
	if (get(kit, good, &image, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_not_equal(image.digest, digest); /* told in lower case */
	unikernel_image_fini(&image);
}

static void entries_that_lead_out(void **state)
{
	static const char *const names[] = { "../evil", "files/../../evil", "/evil", "..", "a/..",
					     "//evil" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct kit_entry entries[] = { KERNEL, { .name = names[i], .data = "x" } };

		assert_archive_refused(*state, entries, 2, -EBADMSG, "leads out");
	}
}

static void entries_of_other_kinds(void **state)
{
	static const struct kit_entry bad[] = {
		{ .name = "link", .type = AE_IFLNK, .link = "/etc" },
		{ .name = "link", .type = AE_IFLNK, .link = "kernel" },
		{ .name = "link", .type = AE_IFREG, .link = "kernel" },
		{ .name = "link", .type = AE_IFREG, .link = "/etc/passwd" },
		{ .name = "device", .type = AE_IFCHR },
		{ .name = "device", .type = AE_IFBLK },
		{ .name = "fifo", .type = AE_IFIFO },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct kit_entry entries[] = { KERNEL, bad[i] };

		assert_archive_refused(*state, entries, 2, -EBADMSG, "neither a file nor a folder");
	}
}

static void a_folder_for_each_of_a_hundred_levels(void **state)
{
	char name[256] = "";

	for (int i = 0; i < 100; i++)
		memcpy(name + 2 * i, "d/", 3);
	const struct kit_entry entries[] = { KERNEL, { .name = name, .type = AE_IFDIR } };
	assert_archive_refused(*state, entries, 2, -EBADMSG, "leads out");
}

static void without_a_kernel(void **state)
{
	const struct kit_entry none[] = { { .name = "files/kernel", .data = "x" } };
	const struct kit_entry folder[] = { { .name = "kernel/", .type = AE_IFDIR } };

	assert_archive_refused(*state, none, 1, -EBADMSG, "no file `kernel`");
	assert_archive_refused(*state, folder, 1, -EBADMSG, "no file `kernel`");
	assert_archive_refused(*state, NULL, 0, -EBADMSG, "");
}

static void too_large(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry bomb[] = { KERNEL, { .name = "a", .zeros = 3 << 20 } };
	const struct kit_entry two[] = { KERNEL,
					 { .name = "a", .zeros = 700 << 10 },
					 { .name = "b", .zeros = 700 << 10 } };
	const struct kit_entry one[] = { KERNEL };

	assert_archive_refused(kit, bomb, ARRAY_LEN(bomb), -E2BIG, "more than 1048576 bytes");
	assert_archive_refused(kit, two, ARRAY_LEN(two), -E2BIG, "more than 1048576 bytes");
	kit->config.archive_max = 10;
	assert_archive_refused(kit, one, 1, -E2BIG, "larger than 10 bytes");
}

static void what_is_no_archive(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry entries[] = { KERNEL, { .name = "a", .zeros = 100 << 10 } };
	auto_free char *url = file_url(kit, "x.tar.gz");
	auto_free char *path = kit_path(kit, "root/x.tar.gz");
	struct stat st;

	kit_write(kit, "root/x.tar.gz", "<html>not found</html>", 22);
	assert_refused(kit, url, -EBADMSG, "unpack file:");
	kit_write(kit, "root/x.tar.gz", "", 0);
	assert_refused(kit, url, -EBADMSG, "unpack file:");
	kit_tar(kit, "root/x.tar.gz", entries, 2);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size / 2), 0);
	assert_refused(kit, url, -EBADMSG, "unpack file:");
}

/* As on a full disk: what cannot be written is no image. */
static void what_cannot_be_written(void **state)
{
	const struct rlimit little = { .rlim_cur = 64 << 10, .rlim_max = RLIM_INFINITY };
	struct kit *kit = *state;
	auto_free char *big = xmalloc((200 << 10) + 1);
	const struct kit_entry entries[] = { KERNEL, { .name = "a", .data = big } };
	auto_free char *url = file_url(kit, "big.tar.gz");
	struct rlimit before;

	memset(big, 'x', 200 << 10);
	big[200 << 10] = '\0';
	kit_tar(kit, "root/big.tar.gz", entries, ARRAY_LEN(entries));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_refused(kit, url, -EFBIG, "File too large");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void only_files_below_the_root(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry entries[] = { KERNEL };
	auto_free char *link = kit_path(kit, "root/link.tar.gz");
	auto_free char *fifo = kit_path(kit, "root/fifo.tar.gz");
	auto_free char *outside = xasprintf("file:%s/outside.tar.gz", kit->dir);
	auto_free char *through = xasprintf("file:%s/root/../outside.tar.gz", kit->dir);

	kit_tar(kit, "outside.tar.gz", entries, 1);
	assert_refused(kit, outside, -EPERM, "must lie below");
	assert_refused(kit, through, -EPERM, "must lie below");
	assert_int_equal(symlink("../outside.tar.gz", link), 0);
	auto_free char *linked = file_url(kit, "link.tar.gz");
	assert_refused(kit, linked, -EPERM, "must lie below");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	auto_free char *blocking = file_url(kit, "fifo.tar.gz");
	assert_refused(kit, blocking, -EINVAL, "no regular file");
	auto_free char *missing = file_url(kit, "missing.tar.gz");
	assert_refused(kit, missing, -ENOENT, "missing.tar.gz");
	assert_refused(kit, "file://host/x.tar.gz", -EINVAL, "file:/PATH");
	assert_refused(kit, "file:x.tar.gz", -EINVAL, "file:/PATH");
}

static void a_store_behind_a_link(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry entries[] = { KERNEL };
	auto_free char *link = kit_path(kit, "link");
	auto_free char *url = file_url(kit, "a.tar.gz");
	struct unikernel_image image = { 0 };
	struct err err = { 0 };

	kit_tar(kit, "root/a.tar.gz", entries, 1);
	assert_int_equal(symlink("store", link), 0);
	kit->config.store_dir = link;
	if (get(kit, url, &image, &err) < 0)
		fail_msg("%s", err.msg);
	assert_file(image.dir, "kernel",
		    "\x7f"
		    "ELF");
	unikernel_image_fini(&image);
}

static void leftovers_of_a_crash_are_removed(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry entries[] = { KERNEL };
	auto_free char *url = file_url(kit, "a.tar.gz");
	auto_free char *busy = kit_path(kit, "store/.get-busy00");
	struct unikernel_image image = { 0 };
	struct err err = { 0 };

	kit_tar(kit, "root/a.tar.gz", entries, 1);
	kit_write(kit, "store/.get-AAAAAA", "half", 4);
	kit_write(kit, "store/.get-AAAAAA.d/files/x", "half", 4);
	kit_write(kit, "store/.get-busy00", "half", 4);
	auto_close int fd = open(busy, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(get(kit, url, &image, &err), 0);
	/* Another process is at work on this one. */
	assert_true(path_exists(busy));
	assert_int_equal(unlink(busy), 0);
	assert_int_equal(count_stored(kit), 1);
	unikernel_image_fini(&image);
}

static void from_the_web(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry entries[] = { KERNEL, { .name = "a", .zeros = 100 << 10 } };
	auto_free char *path = kit_path(kit, "root/a.tar.gz");
	auto_free char *data = NULL;
	struct unikernel_image image = { 0 };
	struct err err = { 0 };
	size_t len;

	kit_tar(kit, "root/a.tar.gz", entries, 2);
	assert_int_equal(file_read(path, 1 << 20, &data, &len, &err), 0);
	const struct web_page pages[] = {
		{ .path = "/good.tar.gz", .body = data, .len = len },
		{ .path = "/moved.tar.gz", .status = 302, .headers = "Location: /good.tar.gz\r\n" },
		{ .path = "/cut.tar.gz", .body = data, .len = len, .cut = len / 2 },
		{ .path = "/gone.tar.gz", .status = 410 },
		{ .path = "/busy.tar.gz", .status = 503 },
		{ .path = "/loop.tar.gz", .status = 302, .headers = "Location: /loop.tar.gz\r\n" },
	};
	static const struct {
		const char *name;
		int code;
	} bad[] = {
		{ "missing", -ENOENT }, { "gone", -ENOENT },    { "busy", -EAGAIN },
		{ "loop", -ELOOP },     { "cut", -ECONNRESET },
	};
	struct web *web = web_new(pages, ARRAY_LEN(pages));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_free char *url = xasprintf("http://127.0.0.1:%d/%s.tar.gz", web_port(web),
						bad[i].name);
		assert_refused(kit, url, bad[i].code, bad[i].name);
	}
	auto_free char *moved = xasprintf("http://127.0.0.1:%d/moved.tar.gz", web_port(web));
	if (get(kit, moved, &image, &err) < 0)
		fail_msg("%s", err.msg);
	assert_file(image.dir, "kernel",
		    "\x7f"
		    "ELF");
	unikernel_image_fini(&image);
	web_free(web);
}

struct getter {
	const struct kit *kit;
	const char *url;
	struct unikernel_image image;
	struct err err;
	int result;
};

static void *run_getter(void *arg)
{
	struct getter *g = arg;

	g->result = get(g->kit, g->url, &g->image, &g->err);
	return NULL;
}

static void at_the_same_time(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry entries[] = { KERNEL, { .name = "a", .zeros = 100 << 10 } };
	auto_free char *url = file_url(kit, "a.tar.gz");
	struct getter getters[8] = { 0 };
	pthread_t threads[ARRAY_LEN(getters)];

	kit_tar(kit, "root/a.tar.gz", entries, 2);
	for (size_t i = 0; i < ARRAY_LEN(getters); i++) {
		getters[i] = (struct getter){ .kit = kit, .url = url };
		pthread_create(&threads[i], NULL, run_getter, &getters[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(getters); i++) {
		pthread_join(threads[i], NULL);
		if (getters[i].result < 0)
			fail_msg("%s", getters[i].err.msg);
		assert_string_equal(getters[i].image.dir, getters[0].image.dir);
		assert_file(getters[i].image.dir, "kernel",
			    "\x7f"
			    "ELF");
	}
	for (size_t i = 0; i < ARRAY_LEN(getters); i++)
		unikernel_image_fini(&getters[i].image);
	assert_int_equal(count_stored(kit), 1);
}

struct progress {
	uint64_t done;
	uint64_t total;
	struct cancel cancel;
	bool is_cancelling;
};

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct progress *p = arg;

	p->done = done;
	p->total = total;
	if (p->is_cancelling)
		cancel_set(&p->cancel);
}

static void progress_and_cancelling(void **state)
{
	struct kit *kit = *state;
	const struct kit_entry entries[] = { KERNEL };
	auto_free char *url = file_url(kit, "a.tar.gz");
	auto_free char *path = kit_path(kit, "root/a.tar.gz");
	struct progress p = { .is_cancelling = true };
	const struct image_transfer transfer = { .progress = on_progress,
						 .arg = &p,
						 .cancel = &p.cancel };
	struct unikernel_image image = { 0 };
	struct err err = { 0 };
	struct stat st;

	kit_tar(kit, "root/a.tar.gz", entries, 1);
	assert_int_equal(image_unikernel_get(&kit->config, url, &transfer, &image, &err),
			 -ECANCELED);
	assert_int_equal(count_stored(kit), 0);
	p = (struct progress){ 0 };
	assert_int_equal(image_unikernel_get(&kit->config, url, &transfer, &image, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(p.done, st.st_size);
	assert_int_equal(p.total, st.st_size);
	unikernel_image_fini(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(unpacked_once_per_digest),
		KIT_TEST(what_cannot_be_written),
		KIT_TEST(pinned),
		KIT_TEST(entries_that_lead_out),
		KIT_TEST(entries_of_other_kinds),
		KIT_TEST(a_folder_for_each_of_a_hundred_levels),
		KIT_TEST(without_a_kernel),
		KIT_TEST(too_large),
		KIT_TEST(what_is_no_archive),
		KIT_TEST(only_files_below_the_root),
		KIT_TEST(a_store_behind_a_link),
		KIT_TEST(leftovers_of_a_crash_are_removed),
		KIT_TEST(from_the_web),
		KIT_TEST(at_the_same_time),
		KIT_TEST(progress_and_cancelling),
	};

	return cmocka_run_group_tests_name("image/unikernel", tests, NULL, NULL);
}
