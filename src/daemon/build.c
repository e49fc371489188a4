/* Packing is done here and not by the daemon: the files are the user's. What is known about registries
 * is the node's, and read from its folder. */
#include "base/base.h"
#include "daemon/build.h"
#include "image/image.h"

static void add_all(const struct cli_call *call, const char *name, struct strv *ret)
{
	size_t at = 0;

	for (const char *value; (value = cli_next(call, name, &at));)
		strv_add(ret, value);
}

static int check(const struct cli_call *call, const struct unikernel_build *build)
{
	if (!build->kernel)
		return cli_error(call, CLI_USAGE, "holm image build-unikernel needs --kernel FILE");
	for (size_t i = 0; i < build->env.n; i++)
		if (build->env.items[i][0] == '=' || !strchr(build->env.items[i], '='))
			return cli_error(call, CLI_USAGE, "option --env: expected K=V, got %s",
					 build->env.items[i]);
	return CLI_OK;
}

static int build(const struct cli_call *call, const struct unikernel_build *build)
{
	auto_free char *registries = path_join(call->data_dir, "registries.json");
	auto_free char *credentials = path_join(call->data_dir, "registry-credentials.json");
	struct image_config config = { .registries_file = registries,
				       .credentials_file = credentials };
	const char *insecure = cli_value(call, "insecure-registry");
	struct unikernel_built built;
	struct err err;

	strv_split(&config.insecure, insecure ? insecure : "", ",");
	int r = image_unikernel_build(&config, build, NULL, &built, &err);
	strv_fini(&config.insecure);
	if (r < 0)
		return cli_error(call, CLI_FAILED, "%s", err.msg);
	fprintf(call->out, "%s for %s: %s\n", build->ref, built.platform, built.manifest);
	return CLI_OK;
}

int build_unikernel(const struct cli_call *call)
{
	struct unikernel_build wanted = { .ref = call->args[0],
					  .kernel = cli_value(call, "kernel"),
					  .rootfs = cli_value(call, "rootfs"),
					  .arch = cli_value(call, "arch") };

	add_all(call, "cmd", &wanted.cmd);
	add_all(call, "env", &wanted.env);
	int code = check(call, &wanted);
	if (code == CLI_OK)
		code = build(call, &wanted);
	strv_fini(&wanted.cmd);
	strv_fini(&wanted.env);
	return code;
}
