/* What the machine as a whole uses, from /proc. What cannot be read is 0. */
#include <ctype.h>
#include <sys/statvfs.h>

#include "worker/private.h"

#define TEXT_MAX ((size_t)256 << 10)

/* The number behind a word at the beginning of a line, 0 if there is none. */
static uint64_t number_behind(const char *text, const char *word)
{
	const char *line = strstr(text, word);
	uint64_t n = 0;

	if (!line)
		return 0;
	line += strlen(word);
	line += strspn(line, " \t");
	auto_free char *digits = xstrndup(line, strspn(line, "0123456789"));
	return parse_u64(digits, 0, UINT64_MAX, &n) < 0 ? 0 : n;
}

static void look_memory(struct resources *used)
{
	auto_free char *text = NULL;
	struct err err;

	if (file_read("/proc/meminfo", TEXT_MAX, &text, NULL, &err) < 0)
		return;
	uint64_t total = number_behind(text, "MemTotal:");
	uint64_t available = number_behind(text, "MemAvailable:");
	used->memory_mib = total > available ? (total - available) / 1024 : 0;
}

/* "cpu  user nice system idle iowait irq softirq steal …" (proc(5)). */
static void look_cores(struct machine_use *ret)
{
	enum { IDLE = 3, IOWAIT = 4, COUNTED = 8 };
	auto_free char *text = NULL;
	auto_strv struct strv words = { 0 };
	struct err err;

	if (file_read("/proc/stat", TEXT_MAX, &text, NULL, &err) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	strv_split(&words, text, " ");
	for (size_t i = 0; i < COUNTED && i + 1 < words.n; i++) {
		uint64_t ticks = 0;

		parse_u64(words.items[i + 1], 0, UINT64_MAX, &ticks);
		ret->all_ticks += ticks;
		if (i != IDLE && i != IOWAIT)
			ret->busy_ticks += ticks;
	}
}

/* "0.20 0.18 0.12 1/80 11206": behind the slash, all threads. */
static void look_processes(struct resources *used)
{
	auto_free char *text = NULL;
	struct err err;

	if (file_read("/proc/loadavg", TEXT_MAX, &text, NULL, &err) == 0)
		used->pids = number_behind(text, "/");
}

static void look_disk(const char *data_dir, struct resources *used)
{
	struct statvfs vfs;

	if (statvfs(data_dir, &vfs) == 0)
		used->disk_mib = (uint64_t)(vfs.f_blocks - vfs.f_bfree) * vfs.f_frsize >> 20;
}

void machine_look(const char *data_dir, struct machine_use *ret)
{
	*ret = (struct machine_use){ 0 };
	look_memory(&ret->used);
	look_cores(ret);
	look_processes(&ret->used);
	look_disk(data_dir, &ret->used);
}
