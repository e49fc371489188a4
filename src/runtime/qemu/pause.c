/* QEMU halts and goes on by QMP, and a mark in the folder tells everyone who looks. While that is being
 * changed there is something in the mark, and whoever finds that later has to ask QEMU. */
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/qemu/pause.h"
#include "runtime/qemu/process.h"
#include "wire/qmp/qmp.h"

#define ANSWER_MS 5000
#define MARK      "paused"
#define UNSETTLED "?"

static bool is_marked(const char *path, bool *ret_is_settled)
{
	auto_free char *mark = path_join(path, MARK);
	struct stat st;

	if (stat(mark, &st) < 0)
		return false;
	*ret_is_settled = st.st_size == 0;
	return true;
}

bool pause_is_set(const char *path)
{
	bool is_settled;

	return is_marked(path, &is_settled) && is_settled;
}

/* The mark becomes what QEMU says. */
static int settle(struct qmp *qmp, const char *path, bool *ret_is_paused, struct err *err)
{
	auto_free char *mark = path_join(path, MARK);
	char status[QMP_STATUS_SIZE];

	if (qmp_query_status(qmp, ANSWER_MS, status, err) < 0)
		return err->code;
	*ret_is_paused = str_eq(status, "paused");
	if (*ret_is_paused)
		return file_replace(mark, "", err);
	if (unlink(mark) < 0 && errno != ENOENT)
		return err_errno(err, "remove %s", mark);
	return 0;
}

int pause_set(const char *path, bool is_paused, struct err *err)
{
	const struct qmp_command command = { .name = is_paused ? "stop" : "cont",
					     .timeout_ms = ANSWER_MS };
	auto_free char *mark = path_join(path, MARK);
	auto_(qmp_close) struct qmp *qmp = NULL;
	bool is_now;

	if (qmp_open(path, QEMU_QMP_NAME, ANSWER_MS, &qmp, err) < 0 ||
	    file_replace(mark, UNSETTLED, err) < 0 || qmp_execute(qmp, &command, NULL, err) < 0 ||
	    settle(qmp, path, &is_now, err) < 0)
		return err->code;
	return is_now == is_paused ? 0 : err_set(err, -EIO, "qemu does not do so");
}

void pause_recover(const char *path)
{
	auto_(qmp_close) struct qmp *qmp = NULL;
	bool is_settled = true;
	struct err err;
	bool is_now;

	if (!is_marked(path, &is_settled) || is_settled)
		return;
	if (qmp_open(path, QEMU_QMP_NAME, ANSWER_MS, &qmp, &err) < 0 ||
	    settle(qmp, path, &is_now, &err) < 0)
		log_warning("%s: it was being paused or resumed: %s", path, err.msg);
}
