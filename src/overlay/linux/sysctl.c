/* Settings of the host that are changed, and their way back. */
#include <fcntl.h>

#include "overlay/linux/linux.h"

#define RECORD_MAX (1u << 20)
#define VALUE_MAX  64

int sysctl_set(const char *path, const char *value, struct err *err)
{
	return path_exists(path) ? file_write_value(path, value, err) : 0;
}

static int sysctl_get(const char *path, char out[VALUE_MAX], struct err *err)
{
	auto_free char *text = NULL;
	int r = file_read(path, VALUE_MAX - 1, &text, NULL, err);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	str_copy(out, VALUE_MAX, text);
	return 0;
}

static char *record_path(const struct overlay *ov)
{
	return path_join(ov->state_dir, "sysctl");
}

/* Lines "PATH BEFORE OURS". */
static int record_read(const struct overlay *ov, struct strv *ret, struct err *err)
{
	auto_free char *path = record_path(ov);
	auto_free char *text = NULL;

	if (!path_exists(path))
		return 0;
	int r = file_read(path, RECORD_MAX, &text, NULL, err);
	if (r == 0)
		strv_split(ret, text, "\n");
	return r;
}

static bool record_has(const struct strv *lines, const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < lines->n; i++)
		if (str_starts(lines->items[i], path) && lines->items[i][n] == ' ')
			return true;
	return false;
}

/* The first value seen is the host's own: a later one may be ours. */
static int record_add(const struct overlay *ov, const char *path, const char *line, struct err *err)
{
	auto_free char *file = record_path(ov);
	auto_strv struct strv lines = { 0 };
	int r = record_read(ov, &lines, err);

	if (r < 0 || record_has(&lines, path))
		return r;
	strv_add(&lines, line);
	auto_free char *text = strv_join(&lines, "\n");
	return file_write_atomic(file, text, strlen(text), 0600, err);
}

int sysctl_record_and_set(struct overlay *ov, const char *path, const char *value, struct err *err)
{
	char before[VALUE_MAX];
	int r = sysctl_get(path, before, err);

	if (r < 0 || str_eq(before, value))
		return r;
	auto_free char *line = xasprintf("%s %s %s", path, before, value);
	r = record_add(ov, path, line, err);
	return r < 0 ? r : file_write_value(path, value, err);
}

/* A link that is gone took its setting along. */
static int restore_line(const char *line, struct err *err)
{
	auto_strv struct strv words = { 0 };
	char now[VALUE_MAX];
	struct err ignored;

	strv_split(&words, line, " ");
	if (words.n != 3 || sysctl_get(words.items[0], now, &ignored) < 0 ||
	    !str_eq(now, words.items[2]))
		return 0;
	return file_write_value(words.items[0], words.items[1], err);
}

int sysctl_restore(struct overlay *ov, struct err *err)
{
	auto_free char *file = record_path(ov);
	auto_strv struct strv lines = { 0 };
	int r = record_read(ov, &lines, err);

	for (size_t i = 0; r == 0 && i < lines.n; i++)
		r = restore_line(lines.items[i], err);
	return r < 0 ? r : path_remove(file, err);
}
