/* The small program, `holm`: most commands by itself, the others as `holmd`. */
#include <limits.h>

#include "base/base.h"
#include "cli/cli.h"

static int become(int argc, char **argv)
{
	static const char *const places[] = { "../libexec", "." };
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	exe[n > 0 ? strrchr(exe, '/') - exe : 0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		auto_free char *path = xasprintf("%s/%s/holmd", exe, places[i]);

		execv(path, argv);
	}
	fprintf(stderr, "holm: find holmd: it is neither beside %s nor in ../libexec: %s\n", exe,
		strerror(errno));
	return CLI_FAILED;
}

static const struct cli_extension extension = { .become = become };

int main(int argc, char **argv)
{
	return cli_main(argc, argv, &extension);
}
