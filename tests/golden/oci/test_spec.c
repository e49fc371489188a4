/* OCI runtime specs against files, indented for people. HOLM_UPDATE_GOLDEN=1 rewrites them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/capability.h"
#include "runtime/oci/spec.h"

#define INSTANCE "5f0c2a9b1d3e4f5a6b7c8d9e"

struct fixture {
	struct strv cmd;
	struct strv env;
	struct runtime_spec spec;
	struct oci_image image;
	struct sla_container container;
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
		.container = &f->container,
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
				    .arch = "amd64",
				    .has_swap_limit = true,
				    .capabilities = CAPABILITY_ALL };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	strv_fini(&f->cmd);
	strv_fini(&f->env);
	strv_fini(&f->container.entrypoint);
	strv_fini(&f->container.sysctls);
	strv_fini(&f->container.cap_add);
	strv_fini(&f->container.cap_drop);
	strv_fini(&f->container.extra_hosts);
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

/* Every field that a descriptor has for containers alone. */
static void every_field_of_a_container(void **state)
{
	static struct sla_tmpfs tmpfs[] = {
		{ .path = (char *)"/run//cache/", .size_mib = 16, .mode = (char *)"0700" },
		{ .path = (char *)"/tmp" },
	};
	static struct sla_ulimit ulimits[] = {
		{ .name = (char *)"nofile", .soft = 100, .hard = 200, .has_hard = true },
		{ .name = (char *)"core", .soft = ULIMIT_UNLIMITED },
		{ .name = (char *)"nproc", .soft = 7, .hard = ULIMIT_UNLIMITED, .has_hard = true },
	};
	static const struct spec_device devices[] = {
		{ .path = (char *)"/dev/net/tun",
		  .type = 'c',
		  .major = 10,
		  .minor = 200,
		  .mode = 0666,
		  .access = "rw" },
		{ .path = (char *)"/dev/disk",
		  .type = 'b',
		  .major = 254,
		  .mode = 0660,
		  .gid = 6,
		  .access = "r" },
	};
	static const struct spec_volume volume = { "/var/lib/db", 0750, 101, 102 };
	struct fixture *f = *state;
	struct sla_container *c = &f->container;

	strv_add(&c->entrypoint, "/bin/init");
	strv_add(&f->cmd, "serve");
	c->working_dir = (char *)"/work";
	c->hostname = (char *)"db.example";
	c->is_read_only = true;
	c->has_terminal = true;
	c->tmpfs = tmpfs;
	c->n_tmpfs = ARRAY_LEN(tmpfs);
	c->shm_size_mib = 256;
	c->ulimits = ulimits;
	c->n_ulimits = ARRAY_LEN(ulimits);
	strv_add(&c->sysctls, "net.core.somaxconn=1024");
	strv_add(&c->sysctls, "kernel.sem=1 2 3 4");
	strv_add(&c->cap_add, "net_admin");
	strv_add(&c->cap_drop, "CAP_MKNOD");
	strv_add(&c->cap_drop, "NET_RAW");
	c->has_no_new_privileges = true;
	c->oom_score_adj = -500;
	c->cpuset = (char *)"0-1,3";
	c->io = (struct sla_io){ .read_bps = 1048576,
				 .write_bps = 2097152,
				 .read_iops = 100,
				 .write_iops = 200,
				 .weight = 300 };
	strv_add(&f->image.volumes, "/var/lib/db");
	strv_add(&f->image.volumes, "/tmp/below");
	strv_add(&f->image.volumes, "../escaping");
	strv_add(&f->image.volumes, "/var/log");
	f->host.volumes = &volume;
	f->host.n_volumes = 1;
	f->host.devices = devices;
	f->host.n_devices = ARRAY_LEN(devices);
	f->host.disk_major = 254;
	f->host.disk_minor = 16;
	check(f, "container.json");
}

/* A root that can be written to needs no other place for what the image declares as volumes. */
static void everything_for_a_privileged_one(void **state)
{
	static const struct spec_device device = { .path = (char *)"/dev/kvm",
						   .type = 'c',
						   .major = 10,
						   .minor = 232,
						   .mode = 0660,
						   .gid = 104,
						   .access = "rwm" };
	struct fixture *f = *state;

	f->spec.is_privileged = true;
	f->host.has_seccomp = true;
	f->host.devices = &device;
	f->host.n_devices = 1;
	strv_add(&f->image.volumes, "/var/lib/db");
	check(f, "privileged.json");
}

/* The member of the spec, to the end of its object or list. */
static char *member(struct fixture *f, const char *name)
{
	auto_free char *json = NULL;
	auto_free char *key = xasprintf("\"%s\":", name);
	struct err err;

	if (spec_build(&f->spec, &f->image, &f->host, &json, &err) < 0)
		fail_msg("%s: %s", name, err.msg);
	const char *begin = strstr(json, key);
	if (!begin)
		return NULL;
	begin += strlen(key);
	int depth = 0;
	size_t len = 0;
	do {
		depth += strchr("[{", begin[len]) ? 1 : strchr("]}", begin[len]) ? -1 : 0;
		len++;
	} while (depth > 0);
	return xstrndup(begin, len);
}

static void capabilities_of(struct fixture *f, const char *add, const char *drop,
			    const char *expected)
{
	auto_strv struct strv names = { 0 };

	strv_fini(&f->container.cap_add);
	strv_fini(&f->container.cap_drop);
	strv_split(&f->container.cap_add, add, " ");
	strv_split(&f->container.cap_drop, drop, " ");
	auto_free char *text = member(f, "bounding");
	strv_split(&names, text, "[]\",");
	auto_free char *joined = strv_join(&names, " ");
	assert_string_equal(joined, expected);
}

static void capabilities_are_added_and_dropped(void **state)
{
	struct fixture *f = *state;
	const uint64_t few = capability_parse("CHOWN") | capability_parse("KILL") |
			     capability_parse("NET_ADMIN");
	auto_free char *json = NULL;
	struct err err;

	capabilities_of(f, "", "all", "");
	capabilities_of(f, "CHOWN cap_sys_time", "ALL", "CAP_CHOWN CAP_SYS_TIME");
	f->host.capabilities = few;
	capabilities_of(f, "", "", "CAP_CHOWN CAP_KILL");
	capabilities_of(f, "ALL", "kill", "CAP_CHOWN CAP_NET_ADMIN");
	f->spec.is_privileged = true;
	capabilities_of(f, "", "", "CAP_CHOWN CAP_KILL CAP_NET_ADMIN");
	capabilities_of(f, "", "CHOWN", "CAP_KILL CAP_NET_ADMIN");
	strv_add(&f->container.cap_add, "SYS_ADMIN");
	assert_int_equal(spec_build(&f->spec, &f->image, &f->host, &json, &err), -EPERM);
	assert_string_equal(err.msg, "build container: this node cannot give capability SYS_ADMIN");
}

static void new_privileges(void **state)
{
	static const struct {
		bool is_privileged;
		bool is_given;
		bool given;
		bool expected;
	} cases[] = {
		{ false, false, false, true },
		{ true, false, false, false },
		{ false, true, false, false },
		{ true, true, true, true },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f->spec.is_privileged = cases[i].is_privileged;
		f->container.has_no_new_privileges = cases[i].is_given;
		f->container.no_new_privileges = cases[i].given;
		auto_free char *text = member(f, "noNewPrivileges");
		assert_int_equal(*text == 't', cases[i].expected);
	}
}

static void filter_of_system_calls(void **state)
{
	struct fixture *f = *state;

	f->host.has_seccomp = true;
	auto_free char *usual = member(f, "seccomp");
	auto_free char *lines = indent(usual);
	compare("seccomp_amd64.json", lines);
	f->host.arch = "arm64";
	strv_add(&f->container.cap_drop, "ALL");
	strv_add(&f->container.cap_add, "SYS_ADMIN");
	strv_add(&f->container.cap_add, "SYS_PTRACE");
	auto_free char *other = member(f, "seccomp");
	auto_free char *other_lines = indent(other);
	compare("seccomp_arm64_admin.json", other_lines);
	f->host.arch = "amd64";
	f->host.has_x32 = true;
	auto_free char *with_x32 = member(f, "seccomp");
	assert_non_null(strstr(with_x32, "\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\""));
	f->container.seccomp = SECCOMP_UNCONFINED;
	assert_null(member(f, "seccomp"));
	f->container.seccomp = SECCOMP_DEFAULT;
	f->host.has_seccomp = false;
	assert_null(member(f, "seccomp"));
}

static void one_mount_at_a_place(void **state)
{
	static const struct runtime_mount mount = { .source = "/srv", .target = "/data/" };
	static struct sla_tmpfs tmpfs = { .path = (char *)"/data" };
	struct fixture *f = *state;
	auto_free char *json = NULL;
	struct err err;

	f->spec.mounts = &mount;
	f->spec.n_mounts = 1;
	f->container.tmpfs = &tmpfs;
	f->container.n_tmpfs = 1;
	assert_int_equal(spec_build(&f->spec, &f->image, &f->host, &json, &err), -EINVAL);
	assert_string_equal(err.msg, "build container: two mounts at /data");
}

static void the_service_chooses_before_the_image(void **state)
{
	struct fixture *f = *state;

	f->image.user = (char *)"web";
	f->image.stop_signal = NULL;
	assert_string_equal(spec_user(&f->spec, &f->image), "web");
	assert_string_equal(spec_stop_signal(&f->spec, &f->image), "");
	f->container.user = (char *)"0:0";
	f->container.stop_signal = (char *)"SIGINT";
	assert_string_equal(spec_user(&f->spec, &f->image), "0:0");
	assert_string_equal(spec_stop_signal(&f->spec, &f->image), "SIGINT");
	f->spec.container = NULL;
	assert_string_equal(spec_user(&f->spec, &f->image), "web");
	f->image.user = NULL;
}

static void the_stop_signal_is_noted(void **state)
{
	struct fixture *f = *state;
	auto_free char *json = NULL;
	struct err err;

	f->container.stop_signal = (char *)"SIGINT";
	assert_int_equal(spec_build(&f->spec, &f->image, &f->host, &json, &err), 0);
	assert_non_null(strstr(json, "\"annotations\":{"
				     "\"org.opencontainers.image.stopSignal\":\"SIGINT\"}"));
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
	auto_free char *hosts = spec_hosts(&f->spec);

	strv_add(&f->container.extra_hosts, "db.example:10.1.2.3");
	strv_add(&f->container.extra_hosts, "six:fd00::1");
	strv_add(&f->container.extra_hosts, "node:host-gateway");
	f->spec.net.gateway = "10.18.0.1";
	auto_free char *more = spec_hosts(&f->spec);
	compare("hosts_extra", more);
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
		TEST(what_the_image_says),
		TEST(every_limit_and_user),
		TEST(the_descriptor_wins),
		TEST(refuses_what_cannot_run),
		TEST(names_and_addresses),
		TEST(mounts_of_the_service),
		TEST(refuses_mounts_of_nowhere),
		TEST(every_field_of_a_container),
		TEST(everything_for_a_privileged_one),
		TEST(capabilities_are_added_and_dropped),
		TEST(new_privileges),
		TEST(filter_of_system_calls),
		TEST(one_mount_at_a_place),
		TEST(the_service_chooses_before_the_image),
		TEST(the_stop_signal_is_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
