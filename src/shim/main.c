/* containerd's way to ask: "… start", "… delete", and without either what "start" leaves running. */
#include "base/base.h"
#include "shim/start.h"

int main(int argc, char **argv)
{
	const char *last = argc > 1 ? argv[argc - 1] : "";

	if (str_eq(last, "start"))
		return start_main(argc, argv);
	if (str_eq(last, "delete"))
		return remove_main(argc, argv);
	return serve_main(argc, argv);
}
