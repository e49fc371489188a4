/* Messages are size[4] type[1] tag[2] and fields, little-endian; a string has its length in two
 * bytes in front (9P2000 intro(5), and diod's protocol.md for .L). Nothing in an answer is
 * believed: a reader that runs over its end is marked bad. Numbered handles ("fids") are two,
 * that of the root and that of the file at work. */
#include <string.h>

#include "fs/p9.h"

enum {
	T_LOPEN = 12,
	T_LCREATE = 14,
	T_READDIR = 40,
	T_VERSION = 100,
	T_ATTACH = 104,
	T_WALK = 110,
	T_READ = 116,
	T_WRITE = 118,
	T_CLUNK = 120,
	R_LERROR = 7,
	HEAD = 7,
	IO_HEAD = 24, /* of a read's answer or a write, rounded up */
	FID_ROOT = 0,
	FID_FILE = 1,
	WALK_MAX = 16,
	QID_SIZE = 13,
	QID_FOLDER = 0x80,
	DT_FOLDER = 4,
	OPEN_READ = 0,
	OPEN_WRITE_TRUNCATE = 01 | 01000,
	OPEN_FOLDER = 0200000,
	MODE_NEW = 0644,
	PARTS_MAX = 10000, /* answers to one listing */
};

#define NO_TAG     0xFFFFU
#define NO_FID     0xFFFFFFFFU
#define NO_UID     0xFFFFFFFFU
#define NAME_BYTES 255

struct cursor {
	const uint8_t *next;
	const uint8_t *end;
	bool is_bad;
};

/* A message under construction. It always fits: paths are bounded, data is cut to size. */
struct message {
	struct p9 *p9;
	size_t length;
};

static void put(struct message *m, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		m->p9->out[m->length++] = (uint8_t)(value >> 8 * i);
}

static void put_bytes(struct message *m, const char *data, size_t length)
{
	memcpy(m->p9->out + m->length, data, length);
	m->length += length;
}

static void put_name(struct message *m, const char *name, size_t length)
{
	put(m, length, 2);
	put_bytes(m, name, length);
}

static struct message begin(struct p9 *p9, uint8_t type)
{
	struct message m = { .p9 = p9 };

	put(&m, 0, 4);
	put(&m, type, 1);
	put(&m, type == T_VERSION ? NO_TAG : 0, 2);
	return m;
}

static const uint8_t *take_bytes(struct cursor *c, size_t length)
{
	const uint8_t *data = c->next;

	if (c->is_bad || length > (size_t)(c->end - c->next)) {
		c->is_bad = true;
		return NULL;
	}
	c->next += length;
	return data;
}

static uint64_t take(struct cursor *c, unsigned bytes)
{
	const uint8_t *data = take_bytes(c, bytes);
	uint64_t value = 0;

	for (unsigned i = 0; data && i < bytes; i++)
		value |= (uint64_t)data[i] << 8 * i;
	return value;
}

/* Sends and waits; *ret is what is behind the answer's head. Returns 0 or an error. */
static int call(struct message *m, struct cursor *ret)
{
	struct p9 *p9 = m->p9;
	size_t length = m->length;
	uint8_t wanted = (uint8_t)(p9->out[4] + 1), type;
	struct cursor c;
	long got;

	m->length = 0;
	put(m, length, 4);
	got = p9->call(p9->arg, length);
	if (got < HEAD || got > (long)p9->size)
		return -FS_EIO;
	c = (struct cursor){ .next = p9->in, .end = p9->in + got };
	if (take(&c, 4) != (uint64_t)got)
		return -FS_EIO;
	type = (uint8_t)take(&c, 1);
	take(&c, 2);
	*ret = c;
	if (type == R_LERROR) {
		int error = (int)take(&c, 4);

		return error > 0 && error < 4096 ? -error : -FS_EIO;
	}
	return type == wanted ? 0 : -FS_EIO;
}

int p9_attach(struct p9 *p9)
{
	static const char version[] = "9P2000.L";
	struct message m = begin(p9, T_VERSION);
	struct cursor c;
	const uint8_t *name;
	uint32_t size;
	int r;

	put(&m, p9->size, 4);
	put_name(&m, version, sizeof(version) - 1);
	r = call(&m, &c);
	if (r)
		return r;
	size = (uint32_t)take(&c, 4);
	if (take(&c, 2) != sizeof(version) - 1)
		return -FS_EIO;
	name = take_bytes(&c, sizeof(version) - 1);
	/* The bounds leave room for the longest message that has no data. */
	if (!name || memcmp(name, version, sizeof(version) - 1) || size > p9->size || size < 4096)
		return -FS_EIO;
	p9->size = size;
	m = begin(p9, T_ATTACH);
	put(&m, FID_ROOT, 4);
	put(&m, NO_FID, 4);
	put_name(&m, "", 0);
	put_name(&m, "", 0);
	put(&m, NO_UID, 4);
	return call(&m, &c);
}

static void clunk(struct p9 *p9)
{
	struct message m = begin(p9, T_CLUNK);
	struct cursor c;

	put(&m, FID_FILE, 4);
	/* A server forgets the fid whatever it answers. */
	(void)call(&m, &c);
}

/* Writes the names of up to WALK_MAX steps at *path and moves it behind them. */
static unsigned put_steps(struct message *m, const char **path)
{
	unsigned count = 0;

	while (**path && count < WALK_MAX) {
		const char *name = *path + 1;
		size_t length = 0;

		while (name[length] && name[length] != '/')
			length++;
		if (length)
			count++, put_name(m, name, length);
		*path = name + length;
	}
	return count;
}

/* One message of a walk, from `from`. *is_folder tells of where it ended, if it went anywhere. */
static int walk_some(struct p9 *p9, uint32_t from, const char **path, bool *is_folder)
{
	struct message m = begin(p9, T_WALK), at_count;
	struct cursor c;
	unsigned count;
	int r;

	put(&m, from, 4);
	put(&m, FID_FILE, 4);
	at_count = m;
	put(&m, 0, 2);
	count = put_steps(&m, path);
	put(&at_count, count, 2);
	r = call(&m, &c);
	if (r)
		return r;
	if (take(&c, 2) != count)
		return -FS_ENOENT;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *qid = take_bytes(&c, QID_SIZE);

		*is_folder = qid && qid[0] & QID_FOLDER;
	}
	return c.is_bad ? -FS_EIO : 0;
}

/* Leads FID_FILE to `path`. On failure there is none. */
static int walk(struct p9 *p9, const char *path, bool *ret_is_folder)
{
	uint32_t from = FID_ROOT;

	*ret_is_folder = true;
	do {
		int r = walk_some(p9, from, &path, ret_is_folder);

		if (r) {
			if (from == FID_FILE)
				clunk(p9);
			return r;
		}
		from = FID_FILE;
	} while (*path);
	return 0;
}

static int open_walked(struct p9 *p9, uint32_t flags)
{
	struct message m = begin(p9, T_LOPEN);
	struct cursor c;

	put(&m, FID_FILE, 4);
	put(&m, flags, 4);
	return call(&m, &c);
}

static int open_path(struct p9 *p9, const char *path, uint32_t flags)
{
	bool is_folder;
	int r = walk(p9, path, &is_folder);

	if (r)
		return r;
	if (is_folder != (flags == OPEN_FOLDER))
		r = is_folder ? -FS_EISDIR : -FS_ENOTDIR;
	else
		r = open_walked(p9, flags);
	if (r)
		clunk(p9);
	return r;
}

/* Asks for what there is at `offset`; *ret_data is in the answer. */
static long read_some(struct p9 *p9, uint8_t type, uint64_t offset, const uint8_t **ret_data)
{
	struct message m = begin(p9, type);
	struct cursor c;
	uint32_t count;
	int r;

	put(&m, FID_FILE, 4);
	put(&m, offset, 8);
	put(&m, p9->size - IO_HEAD, 4);
	r = call(&m, &c);
	if (r)
		return r;
	count = (uint32_t)take(&c, 4);
	*ret_data = take_bytes(&c, count);
	return c.is_bad ? -FS_EIO : (long)count;
}

static long p9_read(void *arg, const char *path, char *data, size_t size)
{
	struct p9 *p9 = arg;
	const uint8_t *part;
	size_t length = 0;
	long r = open_path(p9, path, OPEN_READ);

	if (r)
		return r;
	while ((r = read_some(p9, T_READ, length, &part)) > 0) {
		if ((size_t)r > size - length) {
			r = -FS_EFBIG;
			break;
		}
		memcpy(data + length, part, (size_t)r);
		length += (size_t)r;
	}
	clunk(p9);
	return r < 0 ? r : (long)length;
}

/* Creates the last name of `path` in its folder, and opens it. */
static int create(struct p9 *p9, const char *path)
{
	char folder[FS_PATH_MAX];
	size_t length = strlen(path);
	struct message m;
	struct cursor c;
	bool is_folder;
	int r;

	while (path[length - 1] != '/')
		length--;
	memcpy(folder, path, length - 1);
	folder[length - 1] = '\0';
	if (!path[length] || strlen(path + length) > NAME_BYTES)
		return -FS_EINVAL;
	r = walk(p9, folder, &is_folder);
	if (r)
		return r;
	m = begin(p9, T_LCREATE);
	put(&m, FID_FILE, 4);
	put_name(&m, path + length, strlen(path + length));
	put(&m, OPEN_WRITE_TRUNCATE, 4);
	put(&m, MODE_NEW, 4);
	put(&m, 0, 4);
	r = call(&m, &c);
	if (r)
		clunk(p9);
	return r;
}

static long write_some(struct p9 *p9, uint64_t offset, const char *data, size_t length)
{
	struct message m = begin(p9, T_WRITE);
	struct cursor c;
	uint64_t written;
	int r;

	if (length > p9->size - IO_HEAD)
		length = p9->size - IO_HEAD;
	put(&m, FID_FILE, 4);
	put(&m, offset, 8);
	put(&m, length, 4);
	put_bytes(&m, data, length);
	r = call(&m, &c);
	if (r)
		return r;
	written = take(&c, 4);
	return !c.is_bad && written && written <= length ? (long)written : -FS_EIO;
}

static int p9_write(void *arg, const char *path, const char *data, size_t length)
{
	struct p9 *p9 = arg;
	size_t done = 0;
	long r = open_path(p9, path, OPEN_WRITE_TRUNCATE);

	if (r == -FS_ENOENT)
		r = create(p9, path);
	if (r)
		return (int)r;
	while (done < length) {
		r = write_some(p9, done, data + done, length - done);
		if (r < 0)
			break;
		done += (size_t)r;
	}
	clunk(p9);
	return r < 0 ? (int)r : 0;
}

/* Names the entries of one answer; *offset is where the next one begins. */
static int list_part(struct cursor *c, uint64_t *offset, fs_each *each, void *arg)
{
	while (c->next < c->end) {
		char name[NAME_BYTES + 1];
		const uint8_t *qid = take_bytes(c, QID_SIZE), *bytes;
		uint64_t type, length, next;

		next = take(c, 8);
		type = take(c, 1);
		length = take(c, 2);
		bytes = take_bytes(c, length);
		if (!qid || !bytes || length > NAME_BYTES)
			return -FS_EIO;
		*offset = next;
		memcpy(name, bytes, length);
		name[length] = '\0';
		if (strcmp(name, ".") && strcmp(name, ".."))
			each(arg, name, type == DT_FOLDER || qid[0] & QID_FOLDER);
	}
	return 0;
}

static int p9_list(void *arg, const char *path, fs_each *each, void *each_arg)
{
	struct p9 *p9 = arg;
	const uint8_t *part;
	uint64_t offset = 0;
	long r = open_path(p9, path, OPEN_FOLDER);

	if (r)
		return (int)r;
	for (int i = 0; (r = read_some(p9, T_READDIR, offset, &part)) > 0; i++) {
		struct cursor c = { .next = part, .end = part + r };

		r = i < PARTS_MAX ? list_part(&c, &offset, each, each_arg) : -FS_EIO;
		if (r)
			break;
	}
	clunk(p9);
	return (int)r;
}

const struct fs_driver p9_driver = { "9pfs", p9_read, p9_write, p9_list };
