/* The whole program, `holmd`: the client's commands, and those that run roles. */
#include "cli/cli.h"
#include "daemon/up.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv, &up_extension);
}
