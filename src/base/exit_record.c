/* One line of numbers and the cause (which supervisors before it left out), then the two tails, whose
 * lengths are the last of these numbers. */
#include "base/base.h"
#include "base/exit_record.h"

#define FILE_SIZE_MAX (2 * EXIT_TAIL_MAX + 256)
#define N_FIELDS      6

/* The last EXIT_TAIL_MAX bytes. */
static const char *tail_of(const char *text)
{
	size_t len = text ? strlen(text) : 0;

	return len > EXIT_TAIL_MAX ? text + len - EXIT_TAIL_MAX : text ? text : "";
}

int exit_record_write(const char *path, const struct exit_record *record, struct err *err)
{
	const char *errors = tail_of(record->errors);
	const char *output = tail_of(record->output);
	auto_free char *text = xasprintf("%d %d %d %llu %zu %zu %s\n%s%s", record->code,
					 record->signal, record->is_timeout,
					 (unsigned long long)record->ended_ms, strlen(errors),
					 strlen(output), record->cause, errors, output);

	return file_write_atomic(path, text, strlen(text), 0600, err);
}

static int parse_fields(const char *line, size_t len, uint64_t n[N_FIELDS],
			char cause[EXIT_CAUSE_SIZE])
{
	auto_strv struct strv words = { 0 };
	auto_free char *copy = xstrndup(line, len);

	strv_split(&words, copy, " ");
	if (words.n < N_FIELDS || words.n > N_FIELDS + 1)
		return -EBADMSG;
	for (size_t i = 0; i < N_FIELDS; i++)
		if (parse_u64(words.items[i], 0, INT64_MAX, &n[i]) < 0)
			return -EBADMSG;
	str_copy(cause, EXIT_CAUSE_SIZE, words.n > N_FIELDS ? words.items[N_FIELDS] : "");
	return 0;
}

int exit_record_read(const char *path, struct exit_record *ret, struct err *err)
{
	auto_free char *text = NULL;
	char cause[EXIT_CAUSE_SIZE];
	uint64_t n[N_FIELDS];
	size_t len;

	if (file_read(path, FILE_SIZE_MAX, &text, &len, err) < 0)
		return err->code;
	const char *end = memchr(text, '\n', len);
	if (!end || parse_fields(text, (size_t)(end - text), n, cause) < 0 ||
	    n[4] > EXIT_TAIL_MAX || n[5] > EXIT_TAIL_MAX ||
	    (size_t)(text + len - end - 1) != n[4] + n[5])
		return err_set(err, -EBADMSG, "read %s: damaged", path);
	*ret = (struct exit_record){
		.code = (int)n[0],
		.signal = (int)n[1],
		.is_timeout = n[2] != 0,
		.ended_ms = n[3],
		.errors = xstrndup(end + 1, n[4]),
		.output = xstrndup(end + 1 + n[4], n[5]),
	};
	STR_COPY(ret->cause, cause);
	return 0;
}

void exit_record_fini(struct exit_record *record)
{
	free(record->errors);
	free(record->output);
	*record = (struct exit_record){ 0 };
}
