/* Keys, files and their care. A state lies in KEY.state and its record, written last, in KEY.json:
 * one without the other is a leftover. The record's time tells of the last use: the state itself stays as
 * it is, so that it need not be read again to know that it is whole. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/qemu/snapshot.h"
#include "runtime/qemu/snapshot_files.h"

#define FORMAT     "1" /* changes whenever old states must not be used any more */
#define RECORD_MAX 65536

struct record {
	char *digest;
	char *image; /* folder */
};

static const struct field record_fields[] = {
	FIELD(struct record, digest, "digest", F_STR),
	FIELD(struct record, image, "image", F_STR),
};
static FIELD_TABLE(record_table, struct record, "snapshot", record_fields);

static void add_part(struct digest *digest, const char *part)
{
	digest_add(digest, part, strlen(part) + 1);
}

void snapshot_key(const struct qemu *qemu, const struct runtime_spec *spec, const struct strv *argv,
		  char ret[SNAPSHOT_KEY_SIZE])
{
	auto_(digest_free) struct digest *digest = digest_new();
	char text[DIGEST_TEXT_MAX];

	add_part(digest, FORMAT);
	add_part(digest, qemu->probe.version);
	add_part(digest, spec->image);
	add_part(digest, spec->digest ? spec->digest : "");
	for (size_t i = 0; i < argv->n; i++)
		if (i == 0 || !str_eq(argv->items[i - 1], "-name"))
			add_part(digest, argv->items[i]);
	digest_finish(digest, text);
	str_copy(ret, SNAPSHOT_KEY_SIZE, strchr(text, ':') + 1);
}

int snapshot_check(const struct runtime_spec *spec, const struct qemu_vm *vm, struct err *err)
{
	if (vm->has_files)
		return err_set(err, -ENOTSUP,
			       "start: snapshot is impossible with a folder of files, which the "
			       "guest mounts by 9p: only cold");
	if (spec->n_mounts)
		return err_set(
			err, -ENOTSUP,
			"start: snapshot is impossible with %s, which the guest mounts by 9p: "
			"only cold",
			qemu_mounts_name(spec));
	if (!spec->net.tap || !spec->net.netns_path || !spec->ready_port)
		return err_set(err, -ENOTSUP,
			       "start: snapshot needs a network and a TCP port to wait for");
	if (spec->memory_mib > SNAPSHOT_MEMORY_MAX_MIB)
		return err_set(err, -ENOTSUP,
			       "start: snapshot takes guests of at most %d MiB, this has %u",
			       SNAPSHOT_MEMORY_MAX_MIB, spec->memory_mib);
	return 0;
}

char *snapshot_dir(const struct qemu *qemu)
{
	return path_join(qemu->dir, "snapshots");
}

char *snapshot_file(const struct qemu *qemu, const char *key, const char *suffix)
{
	auto_free char *dir = snapshot_dir(qemu);

	return xasprintf("%s/%s%s", dir, key, suffix);
}

static int read_record(const char *path, struct record *ret, struct err *err)
{
	auto_free char *text = NULL;

	if (file_read(path, RECORD_MAX, &text, NULL, err) < 0)
		return err->code;
	return fields_parse_text(&record_table, text, ret, FIELD_UNKNOWN_IGNORE, err);
}

int snapshot_record(const struct qemu *qemu, const char *key, int fd, const char *image,
		    struct err *err)
{
	auto_free char *path = snapshot_file(qemu, key, ".json");
	char digest[DIGEST_TEXT_MAX];
	uint64_t size;

	if (digest_fd(fd, digest, &size, err) < 0)
		return err_wrap(err, "saved state");
	if (!size)
		return err_set(err, -EBADMSG, "state is empty");
	const struct record record = { .digest = digest, .image = (char *)image };
	auto_free char *text = fields_format(&record_table, &record);
	return file_write_atomic(path, text, strlen(text), 0600, err);
}

static void remove_files(const struct qemu *qemu, const char *key)
{
	auto_free char *record = snapshot_file(qemu, key, ".json");
	auto_free char *state = snapshot_file(qemu, key, ".state");

	unlink(record);
	unlink(state);
}

static int open_whole(struct qemu *qemu, const char *key, struct err *err)
{
	auto_free char *path = snapshot_file(qemu, key, ".json");
	auto_free char *state = snapshot_file(qemu, key, ".state");
	auto_close int fd = open(state, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char digest[DIGEST_TEXT_MAX];
	struct record record = { 0 };

	if (fd < 0)
		return err_errno(err, "open %s", state);
	int r = read_record(path, &record, err);
	if (r == 0)
		r = digest_memo_fd(&qemu->states, fd, digest, err);
	if (r == 0 && !str_eq(record.digest, digest))
		r = err_set(err, -EBADMSG, "state is not what was saved");
	fields_fini(&record_table, &record);
	if (r < 0)
		return r;
	utimensat(AT_FDCWD, path, NULL, 0); /* when it was used last */
	return TAKE_FD(fd);
}

int snapshot_open(struct qemu *qemu, const char *key, struct err *err)
{
	pthread_mutex_lock(&qemu->snapshot_lock);
	int fd = open_whole(qemu, key, err);
	if (fd < 0 && fd != -ENOENT) {
		remove_files(qemu, key);
		err->code = fd = -EBADMSG;
	}
	pthread_mutex_unlock(&qemu->snapshot_lock);
	return fd;
}

void snapshot_drop(struct qemu *qemu, const char *key)
{
	pthread_mutex_lock(&qemu->snapshot_lock);
	remove_files(qemu, key);
	pthread_mutex_unlock(&qemu->snapshot_lock);
}

struct found {
	char key[SNAPSHOT_KEY_SIZE];
	time_t used_s;
};

static int by_use(const void *a, const void *b)
{
	const struct found *x = a;
	const struct found *y = b;

	return (x->used_s < y->used_s) - (x->used_s > y->used_s);
}

/* The key if the name is of that form and suffix. */
static bool parse_name(const char *name, const char *suffix, char ret[SNAPSHOT_KEY_SIZE])
{
	size_t n = strspn(name, "0123456789abcdef");

	if (n != SNAPSHOT_KEY_SIZE - 1 || !str_eq(name + n, suffix))
		return false;
	memcpy(ret, name, n);
	ret[n] = '\0';
	return true;
}

static bool is_usable(const struct qemu *qemu, const char *key, time_t *ret_used_s)
{
	auto_free char *path = snapshot_file(qemu, key, ".json");
	auto_free char *state = snapshot_file(qemu, key, ".state");
	struct record record = { 0 };
	struct timespec now;
	struct stat st;
	struct err err;

	clock_gettime(CLOCK_REALTIME, &now);
	if (!path_exists(state) || stat(path, &st) < 0 || read_record(path, &record, &err) < 0)
		return false;
	bool has_image = record.image && path_exists(record.image);
	fields_fini(&record_table, &record);
	*ret_used_s = st.st_mtime;
	return has_image && now.tv_sec - st.st_mtime < SNAPSHOT_AGE_S;
}

/* Every file is one of a usable state, or goes. */
static void prune_locked(const struct qemu *qemu)
{
	auto_free char *path = snapshot_dir(qemu);
	auto_free struct found *found = NULL;
	DIR *dir = opendir(path);
	size_t n = 0;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		char key[SNAPSHOT_KEY_SIZE];
		time_t used_s = 0;

		if (parse_name(e->d_name, ".state", key) && is_usable(qemu, key, &used_s)) {
			struct found *f = ARRAY_ADD(found, n);

			STR_COPY(f->key, key);
			f->used_s = used_s;
		} else if (e->d_name[0] != '.' && (!parse_name(e->d_name, ".json", key) ||
						   !is_usable(qemu, key, &used_s))) {
			unlinkat(dirfd(dir), e->d_name, 0);
		}
	}
	closedir(dir);
	if (n > 1)
		qsort(found, n, sizeof(*found), by_use);
	for (size_t i = SNAPSHOTS_MAX; i < n; i++)
		remove_files(qemu, found[i].key);
}

void snapshot_prune(struct qemu *qemu)
{
	pthread_mutex_lock(&qemu->snapshot_lock);
	prune_locked(qemu);
	pthread_mutex_unlock(&qemu->snapshot_lock);
}
