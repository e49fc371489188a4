/* The supervisor beside an instance: outlives Holm, so it is a small process of its own. */
#include "base/base.h"
#include "helper/logger.h"
#include "helper/run.h"
#include "helper/shim.h"

static bool has_word(char **words, const char *word)
{
	while (*words && !str_eq(*words, word))
		words++;
	return *words;
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
	if (argc > 1 && *argv[1] == '-') /* containerd's way to ask */
		return shim_main(argc, argv);
	fprintf(stderr, "usage: holm-helper logger MAX:PATH [again] [attach]\n"
			"       holm-helper run KEY=VALUE... -- PROGRAM ARGUMENT...\n"
			"       holm-helper -namespace NAME OPTION... start|delete\n");
	return 2;
}
