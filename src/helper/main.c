/* The supervisor beside an instance: outlives Holm, so it is a small process of its own. */
#include "base/base.h"
#include "helper/logger.h"
#include "helper/run.h"

int main(int argc, char **argv)
{
	if (argc == 3 && str_eq(argv[1], "logger"))
		return logger_main(argv[2], false);
	if (argc == 4 && str_eq(argv[1], "logger") && str_eq(argv[3], "again"))
		return logger_main(argv[2], true);
	if (argc > 2 && str_eq(argv[1], "run"))
		return run_main(argv + 2);
	fprintf(stderr, "usage: holm-helper logger MAX:PATH [again]\n"
			"       holm-helper run KEY=VALUE... -- PROGRAM ARGUMENT...\n");
	return 2;
}
