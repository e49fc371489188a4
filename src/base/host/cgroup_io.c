/* Bytes that a control group has read from and written to block devices. */
#include "base/base.h"
#include "base/host/cgroup_io.h"

#define TEXT_MAX ((size_t)1 << 20)

/* "8:0 Read 4096" of v1. */
static void add_line_v1(const struct strv *words, uint64_t *read, uint64_t *written)
{
	uint64_t n;

	if (words->n != 3 || parse_u64(words->items[2], 0, UINT64_MAX, &n) < 0)
		return;
	if (str_eq(words->items[1], "Read"))
		*read += n;
	else if (str_eq(words->items[1], "Write"))
		*written += n;
}

/* "8:0 rbytes=4096 wbytes=0 …" of v2. */
static void add_line_v2(const struct strv *words, uint64_t *read, uint64_t *written)
{
	uint64_t n;

	for (size_t i = 1; i < words->n; i++) {
		const char *value = strchr(words->items[i], '=');

		if (!value || parse_u64(value + 1, 0, UINT64_MAX, &n) < 0)
			continue;
		if (str_starts(words->items[i], "rbytes="))
			*read += n;
		else if (str_starts(words->items[i], "wbytes="))
			*written += n;
	}
}

bool cgroup_read_io(const struct cgroup_fs *fs, const char *path, uint64_t *ret_read,
		    uint64_t *ret_written)
{
	bool is_v2 = fs->layout == CGROUP_V2;
	auto_free char *file =
		is_v2 ? xasprintf("%s/%s/io.stat", fs->root, path)
		      : xasprintf("%s/blkio/%s/blkio.throttle.io_service_bytes_recursive", fs->root,
				  path);
	auto_free char *text = NULL;
	auto_strv struct strv lines = { 0 };
	struct err ignored;

	if (file_read(file, TEXT_MAX, &text, NULL, &ignored) < 0)
		return false;
	*ret_read = *ret_written = 0;
	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		auto_strv struct strv words = { 0 };

		strv_split(&words, lines.items[i], " ");
		(is_v2 ? add_line_v2 : add_line_v1)(&words, ret_read, ret_written);
	}
	return true;
}
