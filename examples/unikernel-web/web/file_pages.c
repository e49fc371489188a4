#include <string.h>

#include "kernel/format.h"
#include "lwip/mem.h"
#include "web/file_pages.h"
#include "web/pages.h"

enum {
	FILE_MAX = 512 * 1024,
	LIST_MAX = 64 * 1024,
	TEXT_MAX = 1536, /* a request is not longer */
};

static unsigned status_of(long error)
{
	switch (-error) {
	case FS_ENOENT:
	case FS_ENOTDIR:
		return 404;
	case FS_EPERM:
	case FS_EACCES:
	case FS_EROFS:
		return 403;
	case FS_EISDIR:
	case FS_EINVAL:
	case FS_ENAMETOOLONG:
		return 400;
	case FS_EFBIG:
		return 413;
	default:
		return 500;
	}
}

static const char *word_of(long error)
{
	switch (-error) {
	case FS_ENOENT:
		return "no such file";
	case FS_ENOTDIR:
		return "not a folder";
	case FS_EPERM:
	case FS_EACCES:
		return "permission denied";
	case FS_EROFS:
		return "read-only";
	case FS_EISDIR:
		return "is a folder";
	case FS_EINVAL:
		return "no path of a file";
	case FS_ENAMETOOLONG:
		return "path too long";
	case FS_EFBIG:
		return "longer than 512 KiB";
	default:
		return "the host's error";
	}
}

static void reply_error(struct http_conn *conn, const char *path, long error)
{
	http_reply_text(conn, status_of(error), "%s: %s (%ld)\n", path, word_of(error), -error);
}

/* Answers what cannot be done at all; else *ret has the path. */
static bool take_path(struct http_conn *conn, const struct http_request *request,
		      char ret[FS_PATH_MAX])
{
	if (query_find(request->query, "path", ret, FS_PATH_MAX))
		return true;
	http_reply_text(conn, 400, "expected %s?path=/PATH\n", request->path);
	return false;
}

void file_show(void *arg, struct http_conn *conn, const struct http_request *request)
{
	const struct pages *pages = arg;
	char path[FS_PATH_MAX], *data;
	long length;

	if (!take_path(conn, request, path))
		return;
	data = mem_malloc(FILE_MAX);
	if (!data) {
		http_reply_text(conn, 503, "out of memory\n");
		return;
	}
	length = fs_read(pages->fs, path, data, FILE_MAX);
	if (length < 0)
		reply_error(conn, path, length);
	else
		http_reply(conn, &(struct http_reply){ 200, data, (size_t)length });
	mem_free(data);
}

void file_write(void *arg, struct http_conn *conn, const struct http_request *request)
{
	const struct pages *pages = arg;
	char path[FS_PATH_MAX], text[TEXT_MAX];
	int r;

	if (!take_path(conn, request, path))
		return;
	if (!query_find(request->query, "text", text, sizeof(text))) {
		http_reply_text(conn, 400, "expected /write?path=/PATH&text=TEXT\n");
		return;
	}
	r = fs_write(pages->fs, path, text, strlen(text));
	if (r)
		reply_error(conn, path, r);
	else
		http_reply_text(conn, 200, "written: %zu bytes\n", strlen(text));
}

static void add_name(void *arg, const char *name, bool is_folder)
{
	text_add(arg, "%s%s\n", name, is_folder ? "/" : "");
}

void file_list(void *arg, struct http_conn *conn, const struct http_request *request)
{
	const struct pages *pages = arg;
	char path[FS_PATH_MAX], *data;
	struct text t;
	int r;

	if (!take_path(conn, request, path))
		return;
	data = mem_malloc(LIST_MAX);
	if (!data) {
		http_reply_text(conn, 503, "out of memory\n");
		return;
	}
	text_init(&t, data, LIST_MAX);
	r = fs_list(pages->fs, path, add_name, &t);
	if (r)
		reply_error(conn, path, r);
	else if (t.is_truncated)
		reply_error(conn, path, -FS_EFBIG);
	else
		http_reply(conn, &(struct http_reply){ 200, data, t.length });
	mem_free(data);
}
