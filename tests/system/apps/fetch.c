/* fetch URL: prints the page; exit code 0 for status 200, 1 otherwise. */
#include <stdio.h>
#include <stdlib.h>

#include "http_get.h"

int main(int argc, char **argv)
{
	struct answer *answer = calloc(1, sizeof(*answer));

	if (argc != 2 || !answer) {
		fprintf(stderr, "usage: fetch URL\n");
		return 2;
	}
	if (http_get(argv[1], answer) < 0)
		fprintf(stderr, "%s\n", answer->error);
	else
		printf("%d %s\n", answer->status, answer->body);
	int code = answer->status == 200 ? 0 : 1;
	free(answer);
	return code;
}
