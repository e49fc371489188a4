/* The supervisor beside an instance: outlives Holm, so it is a small process of its own. */
#include "base/base.h"
#include "helper/logger.h"
#include "helper/run.h"

static bool has_word(char **words, const char *word)
{
	while (*words && !str_eq(*words, word))
		words++;
	return *words;
}

/* Containers of an earlier Holm have us as their shim's program. */
static int become_shim(char **argv)
{
	static const char *const places[] = { "holm-shim", "../shim/holm-shim" };
	auto_free char *self = realpath("/proc/self/exe", NULL);
	const char *slash = self ? strrchr(self, '/') : NULL;

	for (size_t i = 0; slash && i < ARRAY_LEN(places); i++) {
		auto_free char *path = xasprintf("%.*s/%s", (int)(slash - self), self, places[i]);

		argv[0] = path;
		execv(path, argv);
	}
	fprintf(stderr, "start holm-shim: %s\n", strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && argc <= 5 && str_eq(argv[1], "logger")) {
		bool is_again = has_word(argv + 3, "again");
		bool is_attachable = has_word(argv + 3, "attach");

		if (argc == 3 + is_again + is_attachable)
			return logger_main(argv[2], is_again, is_attachable);
	}
	if (argc > 2 && str_eq(argv[1], "run"))
		return run_main(argv + 2);
	if (argc > 1 && *argv[1] == '-')
		return become_shim(argv);
	fprintf(stderr, "usage: holm-helper logger MAX:PATH [again] [attach]\n"
			"       holm-helper run KEY=VALUE... -- PROGRAM ARGUMENT...\n");
	return 2;
}
