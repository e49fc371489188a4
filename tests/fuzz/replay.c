/* Runs a target over the inputs in a folder: TAP, a line for each. */
#include <dirent.h>

#include "fuzz.h"

#define INPUT_MAX ((size_t)4 << 20)

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_inputs(const char *path, struct strv *ret)
{
	DIR *dir = opendir(path);

	if (!dir) {
		fprintf(stderr, "open %s: %s\n", path, strerror(errno));
		exit(1);
	}
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.')
			strv_add(ret, e->d_name);
	closedir(dir);
	if (ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), by_name);
}

int main(int argc, char **argv)
{
	auto_strv struct strv names = { 0 };
	struct err err;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	list_inputs(argv[1], &names);
	printf("1..%zu\n", names.n ? names.n : 1);
	if (!names.n)
		printf("not ok 1 - no inputs in %s\n", argv[1]);
	for (size_t i = 0; i < names.n; i++) {
		auto_free char *path = path_join(argv[1], names.items[i]);
		auto_free char *data = NULL;
		size_t len;

		/* An end before the line "ok" is this input's. */
		printf("# %s\n", names.items[i]);
		fflush(stdout);
		if (file_read(path, INPUT_MAX, &data, &len, &err) < 0) {
			printf("not ok %zu - %s\n", i + 1, err.msg);
			continue;
		}
		/* To the byte, so that reading beyond it is seen. */
		uint8_t *input = malloc(len ? len : 1);
		assert(input);
		memcpy(input, data, len);
		LLVMFuzzerTestOneInput(input, len);
		free(input);
		printf("ok %zu - %s\n", i + 1, names.items[i]);
	}
	return 0;
}
