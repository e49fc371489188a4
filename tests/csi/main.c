/* The test plugin as a program, until it is killed: holm-test-csi SOCKET DIR NAME */
#include <stdio.h>
#include <unistd.h>

#include "plugin.h"

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: %s SOCKET DIR NAME\n", argv[0]);
		return 2;
	}
	csi_test_start(argv[1], argv[2], argv[3], true);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
