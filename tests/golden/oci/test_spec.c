/* OCI runtime specs against files, indented for people. HOLM_UPDATE_GOLDEN=1 rewrites them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "runtime/oci/spec.h"

#define INSTANCE "5f0c2a9b1d3e4f5a6b7c8d9e"

struct fixture {
	struct strv cmd;
	struct strv env;
	struct runtime_spec spec;
	struct oci_image image;
	struct spec_host host;
};

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	f->spec = (struct runtime_spec){
		.instance_id = INSTANCE,
		.image = "registry.example/shop/web:1",
		.cmd = &f->cmd,
		.env = &f->env,
		.net = { .netns_path = "/run/netns/holm-5f0c2a9b",
			 .ip = "10.18.0.2",
			 .dns = "10.18.0.1",
			 .search = "shop.test.holm test.holm",
			 .hostname = "web-0" },
	};
	strv_add(&f->image.entrypoint, "/entry.sh");
	strv_add(&f->image.cmd, "nginx");
	strv_add(&f->image.cmd, "-g");
	strv_add(&f->image.env, "PATH=/opt/bin:/bin");
	strv_add(&f->image.env, "MODE=image");
	f->image.dir = xstrdup("/srv");
	f->host =
		(struct spec_host){ .instance_dir = "/var/lib/holm/containerd/instances/" INSTANCE,
				    .cgroup_parent = "holm-1a2b3c4d",
				    .has_swap_limit = true };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	strv_fini(&f->cmd);
	strv_fini(&f->env);
	oci_image_fini(&f->image);
	free(f);
	return 0;
}

static void add_line(struct buf *out, unsigned depth)
{
	buf_add_str(out, "\n");
	for (unsigned i = 0; i < depth; i++)
		buf_add_str(out, "  ");
}

/* One member per line; the text has no white space outside of strings. */
static char *indent(const char *json)
{
	auto_buf struct buf out;
	unsigned depth = 0;
	bool in_string = false;

	buf_init(&out, SPEC_MAX);
	for (const char *p = json; *p; p++) {
		bool is_closing = !in_string && strchr("}]", *p);

		if (is_closing && p[-1] != '{' && p[-1] != '[')
			add_line(&out, depth - 1);
		buf_add(&out, p, 1);
		if (in_string && *p == '\\')
			buf_add(&out, ++p, 1);
		else if (*p == '"')
			in_string = !in_string;
		else if (is_closing)
			depth--;
		else if (!in_string && strchr("{[", *p) && ++depth && !strchr("}]", p[1]))
			add_line(&out, depth);
		else if (!in_string && *p == ',')
			add_line(&out, depth);
	}
	buf_add_str(&out, "\n");
	return buf_take(&out);
}

static void compare(const char *name, const char *text)
{
	const char *source = getenv("HOLM_SOURCE");
	auto_free char *expected = NULL;
	struct err err = { 0 };

	assert_non_null(source);
	auto_free char *path = xasprintf("%s/tests/golden/oci/%s", source, name);
	if (getenv("HOLM_UPDATE_GOLDEN"))
		assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, &err), 0);
	assert_int_equal(file_read(path, 1 << 20, &expected, NULL, &err), 0);
	assert_string_equal(text, expected);
}

static void check(struct fixture *f, const char *name)
{
	auto_free char *json = NULL;
	struct err err;

	if (spec_build(&f->spec, &f->image, &f->host, &json, &err) < 0)
		fail_msg("%s: %s", name, err.msg);
	auto_free char *text = indent(json);
	compare(name, text);
}

static void what_the_image_says(void **state)
{
	check(*state, "plain.json");
}

static void every_limit_and_user(void **state)
{
	struct fixture *f = *state;

	f->spec.memory_mib = 64;
	f->spec.cpu_millis = 250;
	f->spec.pids = 100;
	f->host.user =
		(struct oci_user){ .uid = 101, .gid = 102, .groups = { 5, 6 }, .n_groups = 2 };
	f->host.has_cgroup_v2 = true;
	f->host.has_swap_limit = false;
	f->host.files_max = 20000;
	check(f, "limits.json");
}

static void the_descriptor_wins(void **state)
{
	struct fixture *f = *state;

	strv_add(&f->cmd, "sh");
	strv_add(&f->cmd, "-c");
	strv_add(&f->cmd, "echo \"$MODE\" \\ \n ü");
	strv_add(&f->env, "MODE=service=x");
	strv_add(&f->env, "EMPTY=");
	strv_add(&f->env, "HOSTNAME=mine");
	f->spec.is_privileged = true;
	f->spec.memory_mib = 4;
	f->spec.cpu_millis = 1;
	f->spec.net = (struct runtime_net){ 0 };
	check(f, "descriptor.json");
}

/* A folder comes before what lies inside it; what replaces one of the usual ones replaces it. */
static void mounts_of_the_service(void **state)
{
	static const struct runtime_mount mounts[] = {
		{ .source = "/srv/secrets/a", .target = "/data/deep/key", .is_read_only = true },
		{ .source = "/srv/data", .target = "/data" },
		{ .source = "/srv/hosts", .target = "/etc/hosts" },
		{ .source = "/srv/shm", .target = "/dev/shm", .propagation = "rslave" },
	};
	struct fixture *f = *state;

	f->spec.mounts = mounts;
	f->spec.n_mounts = ARRAY_LEN(mounts);
	check(f, "mounts.json");
}

static void refuses_mounts_of_nowhere(void **state)
{
	static const char *const bad[] = { "",       "data", "/", "//", "/a/../../etc",
					   "/a/./b", "/..",  NULL };
	struct fixture *f = *state;
	struct runtime_mount mount = { .source = "/srv" };
	struct err err;

	f->spec.mounts = &mount;
	f->spec.n_mounts = 1;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_free char *json = NULL;

		mount.target = bad[i];
		assert_int_equal(spec_build(&f->spec, &f->image, &f->host, &json, &err), -EINVAL);
		assert_null(json);
	}
	mount = (struct runtime_mount){ .source = "srv", .target = "/srv" };
	auto_free char *json = NULL;
	assert_int_equal(spec_build(&f->spec, &f->image, &f->host, &json, &err), -EINVAL);
	assert_string_equal(err.msg, "build container: mount source srv is not absolute");
}

static void refuses_what_cannot_run(void **state)
{
	struct fixture *f = *state;
	auto_free char *json = NULL;
	struct err err;

	strv_add(&f->env, "NOVALUE");
	assert_int_equal(spec_build(&f->spec, &f->image, &f->host, &json, &err), -EINVAL);
	assert_string_equal(err.msg, "build container: environment NOVALUE is not K=V");
	strv_fini(&f->env);
	strv_fini(&f->image.entrypoint);
	strv_fini(&f->image.cmd);
	assert_int_equal(spec_build(&f->spec, &f->image, &f->host, &json, &err), -EINVAL);
	assert_string_equal(err.msg, "build container: no command in the service or in "
				     "registry.example/shop/web:1");
	assert_null(json);
}

static void names_and_addresses(void **state)
{
	struct fixture *f = *state;
	auto_free char *resolv = spec_resolv_conf(&f->spec.net);
	auto_free char *hosts = spec_hosts(&f->spec.net, spec_hostname(&f->spec));

	compare("resolv.conf", resolv);
	compare("hosts", hosts);
	f->spec.net = (struct runtime_net){ 0 };
	auto_free char *bare = spec_resolv_conf(&f->spec.net);
	assert_string_equal(bare, "options ndots:2\n");
	assert_string_equal(spec_hostname(&f->spec), INSTANCE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_image_says),       TEST(every_limit_and_user),
		TEST(the_descriptor_wins),       TEST(refuses_what_cannot_run),
		TEST(names_and_addresses),       TEST(mounts_of_the_service),
		TEST(refuses_mounts_of_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
