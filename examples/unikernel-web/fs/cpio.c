/* Each entry is a head of ASCII digits, a name and a body, both padded to four bytes. Of
 * several entries of one name the last counts, as when an archive is unpacked. */
#include <string.h>

#include "fs/cpio.h"

enum {
	HEAD_SIZE = 110,
	MAGIC_SIZE = 6,
	FIELD_SIZE = 8,
	FIELD_MODE = 1,
	FIELD_FILE_SIZE = 6,
	FIELD_NAME_SIZE = 11,
	MODE_TYPE = 0170000,
	MODE_FILE = 0100000,
	MODE_FOLDER = 0040000,
};

struct entry {
	char path[FS_PATH_MAX]; /* normalised; "" in front of the first */
	uint32_t mode;
	const uint8_t *body;
	size_t size;
	size_t next; /* where the next one is */
	bool is_end;
};

static bool read_field(const uint8_t *head, unsigned field, uint32_t *ret_value)
{
	const uint8_t *p = head + MAGIC_SIZE + field * FIELD_SIZE;
	uint32_t value = 0;

	for (int i = 0; i < FIELD_SIZE; i++) {
		uint32_t digit;

		if (p[i] >= '0' && p[i] <= '9')
			digit = p[i] - '0';
		else if ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f')
			digit = (p[i] | 0x20U) - 'a' + 10;
		else
			return false;
		value = value << 4 | digit;
	}
	*ret_value = value;
	return true;
}

static size_t pad(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static bool take_name(struct entry *e, const char *name)
{
	char path[FS_PATH_MAX + 1] = "/";

	if (strlen(name) >= FS_PATH_MAX - 1)
		return false;
	memcpy(path + 1, name, strlen(name) + 1);
	return !fs_normalise(path, e->path);
}

/* Reads the entry at e->next. */
static bool read_entry(const struct cpio *cpio, struct entry *e)
{
	const uint8_t *head = cpio->data + e->next;
	size_t left = cpio->size - e->next, body;
	uint32_t name_size, size;

	if (left < HEAD_SIZE || memcmp(head, "070701", MAGIC_SIZE) ||
	    !read_field(head, FIELD_MODE, &e->mode) || !read_field(head, FIELD_FILE_SIZE, &size) ||
	    !read_field(head, FIELD_NAME_SIZE, &name_size))
		return false;
	if (!name_size || name_size > left - HEAD_SIZE || head[HEAD_SIZE + name_size - 1])
		return false;
	e->is_end = !strcmp((const char *)head + HEAD_SIZE, "TRAILER!!!");
	body = pad(HEAD_SIZE + name_size);
	if (e->is_end)
		return true;
	if (body > left || size > left - body)
		return false;
	e->body = head + body;
	e->size = size;
	e->next += body + size;
	e->next = pad(e->next) < cpio->size ? pad(e->next) : cpio->size;
	return take_name(e, (const char *)head + HEAD_SIZE);
}

long cpio_count(const struct cpio *cpio)
{
	struct entry e = { 0 };
	long count = 0;

	while (read_entry(cpio, &e)) {
		if (e.is_end)
			return count;
		count++;
	}
	return -1;
}

static bool next_entry(const struct cpio *cpio, struct entry *e)
{
	return read_entry(cpio, e) && !e->is_end;
}

/* The root is a folder whether or not the archive names it. */
static bool find_entry(const struct cpio *cpio, const char *path, struct entry *ret)
{
	struct entry e = { 0 };
	bool is_found = !strcmp(path, "/");

	if (is_found)
		*ret = (struct entry){ .path = "/", .mode = MODE_FOLDER };
	while (next_entry(cpio, &e)) {
		if (strcmp(e.path, path))
			continue;
		*ret = e;
		is_found = true;
	}
	return is_found;
}

static long cpio_read(void *arg, const char *path, char *data, size_t size)
{
	struct entry e;

	if (!find_entry(arg, path, &e))
		return -FS_ENOENT;
	if ((e.mode & MODE_TYPE) == MODE_FOLDER)
		return -FS_EISDIR;
	if ((e.mode & MODE_TYPE) != MODE_FILE)
		return -FS_EINVAL;
	if (e.size > size)
		return -FS_EFBIG;
	memcpy(data, e.body, e.size);
	return (long)e.size;
}

static int cpio_list(void *arg, const char *path, fs_each *each, void *each_arg)
{
	size_t length = path[1] ? strlen(path) : 0;
	struct entry e = { 0 }, folder;

	if (!find_entry(arg, path, &folder))
		return -FS_ENOENT;
	if ((folder.mode & MODE_TYPE) != MODE_FOLDER)
		return -FS_ENOTDIR;
	while (next_entry(arg, &e)) {
		const char *name = e.path + length + 1;

		if (!strncmp(e.path, path, length) && e.path[length] == '/' && *name &&
		    !strchr(name, '/'))
			each(each_arg, name, (e.mode & MODE_TYPE) == MODE_FOLDER);
	}
	return 0;
}

const struct fs_driver cpio_driver = { "extract", cpio_read, fs_refuse_write, cpio_list };
