/* The folder of keys. A file's name, MADE-NAME.pem, is all that is known of a key beside the key. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "accounts/private.h"

#define PEM_MAX   16384
#define FILES_MAX 1000
#define NAME_LEN  16 /* hex digits */
#define SUFFIX    ".pem"

struct keys *keys_free(struct keys *keys)
{
	if (!keys)
		return NULL;
	for (size_t i = 0; i < keys->n; i++) {
		free(keys->items[i].name);
		signing_key_free(keys->items[i].key);
	}
	free(keys->items);
	free(keys);
	return NULL;
}

size_t keys_count(const struct keys *keys)
{
	return keys->n;
}

static int read_pem(const char *path, struct secret *ret, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open key %s", path);
	if (st.st_mode & 077)
		return err_set(err, -EACCES,
			       "key %s: others may read it (mode %04o): chmod 600, and rotate it",
			       path, st.st_mode & 07777);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > PEM_MAX)
		return err_set(err, -EBADMSG, "key %s: it has %lld bytes", path,
			       (long long)st.st_size);
	secret_make_room(ret, (size_t)st.st_size);
	if (read(fd, ret->bytes, ret->len) != st.st_size)
		return err_set(err, -EIO, "read key %s: it is cut off", path);
	return 0;
}

/* Whether a file's name is that of a key. */
static bool parse_name(const char *file, struct key *ret)
{
	auto_strv struct strv parts = { 0 };

	if (!str_ends(file, SUFFIX))
		return false;
	auto_free char *stem = xstrndup(file, strlen(file) - strlen(SUFFIX));
	strv_split(&parts, stem, "-");
	if (parts.n != 2 || parse_u64(parts.items[0], 0, UINT64_MAX / 2, &ret->made_ms) < 0 ||
	    strlen(parts.items[1]) != NAME_LEN || !is_hex(parts.items[1], NAME_LEN))
		return false;
	ret->name = xstrdup(parts.items[1]);
	return true;
}

static char *path_of(const char *dir, const struct key *key)
{
	return xasprintf("%s/%lu-%s" SUFFIX, dir, key->made_ms, key->name);
}

static int by_time(const void *a, const void *b)
{
	const struct key *one = a;
	const struct key *two = b;

	return one->made_ms == two->made_ms  ? strcmp(one->name, two->name)
	       : one->made_ms < two->made_ms ? -1
					     : 1;
}

/* Keys by their files' names alone. */
static int list(const char *dir, struct keys *keys, struct err *err)
{
	int r = dir_make(dir, 0700, err);

	if (r < 0)
		return r;
	DIR *d = opendir(dir);
	if (!d)
		return err_errno(err, "open %s", dir);
	for (const struct dirent *e; (e = readdir(d)) && keys->n < FILES_MAX;) {
		struct key key = { 0 };

		if (parse_name(e->d_name, &key))
			*ARRAY_ADD(keys->items, keys->n) = key;
	}
	closedir(d);
	if (keys->n)
		qsort(keys->items, keys->n, sizeof(*keys->items), by_time);
	return 0;
}

/* Removes the first `n`, files and all. */
static int drop(const char *dir, struct keys *keys, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		auto_free char *path = path_of(dir, &keys->items[0]);
		int r = path_remove(path, err);

		if (r < 0)
			return r;
		free(keys->items[0].name);
		signing_key_free(keys->items[0].key);
		keys->n--;
		memmove(keys->items, keys->items + 1, keys->n * sizeof(*keys->items));
	}
	return 0;
}

/* How many have signed their last token so long ago that it has expired: the next key's making ended
 * their time. */
static size_t count_expired(const struct keys *keys, uint64_t now_ms)
{
	size_t n = 0;

	while (n + 1 < keys->n &&
	       keys->items[n + 1].made_ms + (uint64_t)TOKEN_REFRESH_S * 1000 < now_ms)
		n++;
	return n;
}

int keys_load(const char *dir, uint64_t now_ms, struct keys **ret, struct err *err)
{
	auto_(keys_free) struct keys *keys = NEW(struct keys);
	int r = list(dir, keys, err);

	if (r == 0)
		r = drop(dir, keys, count_expired(keys, now_ms), err);
	for (size_t i = 0; r == 0 && i < keys->n; i++) {
		auto_free char *path = path_of(dir, &keys->items[i]);
		auto_secret struct secret pem = { 0 };

		r = read_pem(path, &pem, err);
		if (r == 0 && signing_key_parse(&pem, &keys->items[i].key, err) < 0)
			r = err_wrap(err, "key %s", path);
	}
	if (r < 0)
		return r;
	*ret = TAKE(keys);
	return 0;
}

/* The first digits of the signature of a constant: a name that says nothing about the key. */
static char *name_of(const struct signing_key *key)
{
	auto_secret struct secret signature = { 0 };
	char *name = xcalloc(1, NAME_LEN + 1);

	signing_key_sign(key, "name", 4, &signature);
	for (size_t i = 0; i < NAME_LEN / 2; i++)
		snprintf(name + 2 * i, 3, "%02x", signature.bytes[i]);
	return name;
}

static int write_key(const char *dir, uint64_t made_ms, struct err *err)
{
	auto_(signing_key_free) struct signing_key *key = signing_key_make();
	auto_free char *name = name_of(key);
	const struct key entry = { .made_ms = made_ms, .name = name };
	auto_free char *path = path_of(dir, &entry);
	auto_secret struct secret pem = { 0 };

	signing_key_format(key, &pem);
	return file_write_atomic(path, pem.bytes, pem.len, 0600, err);
}

int keys_make(const char *dir, uint64_t now_ms, bool is_sudden, struct err *err)
{
	auto_(keys_free) struct keys *keys = NEW(struct keys);
	int r = list(dir, keys, err);

	if (r < 0)
		return r;
	/* Whatever the clock says, it is the newest. */
	if (keys->n && keys->items[keys->n - 1].made_ms >= now_ms)
		now_ms = keys->items[keys->n - 1].made_ms + 1;
	r = write_key(dir, now_ms, err);
	return r == 0 && is_sudden ? drop(dir, keys, keys->n, err) : r;
}
