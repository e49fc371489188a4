/* The supervisor beside an instance: outlives Holm, so it is a small process of its own. */
#include "base/base.h"
#include "helper/logger.h"

int main(int argc, char **argv)
{
	if (argc == 3 && str_eq(argv[1], "logger"))
		return logger_main(argv[2]);
	fprintf(stderr, "usage: holm-helper logger MAX:PATH\n");
	return 2;
}
