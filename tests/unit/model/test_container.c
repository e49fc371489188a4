/* What is refused of the fields that only containers have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/capability.h"
#include "model/sla.h"

/* A descriptor of one service with these fields in addition; 0 or what sla_parse() says. */
static int parse(const char *runtime, const char *fields, struct strv *warnings, struct err *err)
{
	auto_free char *text = xasprintf(
		"{\"sla_version\":\"v2.0\",\"customerID\":\"a\",\"applications\":[{"
		"\"application_name\":\"shop\",\"application_namespace\":\"test\","
		"\"microservices\":[{\"microservice_name\":\"web\",\"microservice_namespace\":\"t\","
		"\"virtualization\":\"%s\",\"code\":\"%s\"%s%s}]}]}",
		runtime,
		str_eq(runtime, "unikernel") ? "http://host/web.tar.gz" : "registry.example/web:1",
		*fields ? "," : "", fields);
	struct sla sla = { 0 };
	int r = sla_parse(text, strlen(text), &sla, warnings, err);

	if (r == 0)
		sla_fini(&sla);
	return r;
}

static const char *const good[] = {
	"\"user\":\"web\"",
	"\"user\":\"1000:log\"",
	"\"working_dir\":\"/\"",
	"\"working_dir\":\"/a/b\"",
	"\"stop_signal\":\"SIGRTMIN+3\"",
	"\"hostname\":\"db-1.example\"",
	"\"tmpfs\":[{\"path\":\"/a\"},{\"path\":\"/a/b\",\"size\":1,\"mode\":\"0700\"}]",
	"\"ulimits\":[{\"name\":\"nofile\",\"soft\":1},{\"name\":\"core\",\"soft\":-1},"
	"{\"name\":\"nproc\",\"soft\":5,\"hard\":-1}]",
	"\"sysctls\":[\"net.core.somaxconn=1\",\"kernel.shmmax=1\",\"kernel.msgmnb=2\","
	"\"kernel.sem=1 2 3 4\",\"fs.mqueue.msg_max=3\"]",
	"\"devices\":[{\"path\":\"/dev/kvm\"},{\"path\":\"/dev/kvm\",\"target\":\"/dev/x\","
	"\"permissions\":\"mr\"}]",
	"\"cap_add\":[\"NET_ADMIN\",\"cap_chown\",\"ALL\"],\"cap_drop\":[\"all\"]",
	"\"seccomp\":\"unconfined\",\"no_new_privileges\":false",
	"\"extra_hosts\":[\"a.b:10.0.0.1\",\"c:fd00::1\",\"d:host-gateway\"]",
	"\"oom_score_adj\":-1000",
	"\"cpuset\":\"0-1,3\"",
	"\"cpu_millis\":250",
};

static void takes_what_makes_sense(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		auto_strv struct strv warnings = { 0 };
		struct err err = { 0 };

		if (parse("runc", good[i], &warnings, &err) < 0)
			fail_msg("%s: %s", good[i], err.msg);
		if (warnings.n)
			fail_msg("%s: %s", good[i], warnings.items[0]);
	}
}

static void refuses_what_does_not(void **state)
{
	static const struct {
		const char *fields;
		const char *message;
	} bad[] = {
		{ "\"user\":\"a b\"", "user: expected NAME[:GROUP] or UID[:GID], got \"a b\"" },
		{ "\"user\":\":log\"", "user: expected NAME[:GROUP]" },
		{ "\"user\":\"a:\"", "user: expected NAME[:GROUP]" },
		{ "\"user\":\"a:b:c\"", "user: expected NAME[:GROUP]" },
		{ "\"user\":\"../x\"", "user: expected NAME[:GROUP]" },
		{ "\"working_dir\":\"a\"", "working_dir: expected an absolute path" },
		{ "\"working_dir\":\"/a/../b\"", "working_dir: expected an absolute path" },
		{ "\"stop_signal\":\"SIGNONE\"", "stop_signal: expected a signal" },
		{ "\"hostname\":\"a_b\"", "hostname: expected at most 64" },
		{ "\"hostname\":\"-a\"", "hostname: expected at most 64" },
		{ "\"hostname\":\"a.\"", "hostname: expected at most 64" },
		{ "\"hostname\":\"a\\nb\"", "hostname: expected at most 64" },
		{ "\"tmpfs\":[{\"path\":\"/\"}]", "tmpfs[0].path: expected an absolute path" },
		{ "\"tmpfs\":[{\"path\":\"/a\"},{\"path\":\"/a\"}]",
		  "tmpfs[1].path: expected each path once" },
		{ "\"tmpfs\":[{\"path\":\"/a\",\"mode\":\"8\"}]", "tmpfs[0].mode: expected" },
		{ "\"tmpfs\":[{\"path\":\"/a\",\"mode\":\"00700\"}]", "tmpfs[0].mode: expected" },
		{ "\"tmpfs\":[{\"path\":\"/a\"}],\"volumes\":[{\"volume_id\":\"v\","
		  "\"csi_driver\":\"csi.x\",\"mount_path\":\"/a\"}]",
		  "tmpfs[0].path: expected a path that no volume has" },
		{ "\"ulimits\":[{\"name\":\"NOFILE\",\"soft\":1}]", "ulimits[0].name: expected" },
		{ "\"ulimits\":[{\"name\":\"nofil\",\"soft\":1}]", "ulimits[0].name: expected" },
		{ "\"ulimits\":[{\"name\":\"core\",\"soft\":-2}]",
		  "ulimits[0].soft: expected 0 or more, or -1 for unlimited, got \"-2\"" },
		{ "\"ulimits\":[{\"name\":\"core\",\"soft\":2,\"hard\":1}]", "ulimits[0].hard: " },
		{ "\"ulimits\":[{\"name\":\"core\",\"soft\":-1,\"hard\":1}]", "ulimits[0].hard: " },
		{ "\"ulimits\":[{\"name\":\"core\",\"soft\":1},{\"name\":\"core\",\"soft\":1}]",
		  "ulimits[1].name: expected each limit once" },
		{ "\"sysctls\":[\"vm.swappiness=1\"]",
		  "sysctls[0]: expected net.*, kernel.shm*, kernel.msg*, kernel.sem or fs.mqueue.*, "
		  "since all else would be set for the whole node, got \"vm.swappiness=1\"" },
		{ "\"sysctls\":[\"kernel.sem2=1\"]", "sysctls[0]: expected net.*" },
		{ "\"sysctls\":[\"kernel.shm_rmid_forced\"]", "sysctls[0]: expected NAME=VALUE" },
		{ "\"sysctls\":[\"net/../kernel/panic=1\"]", "sysctls[0]: expected NAME=VALUE" },
		{ "\"sysctls\":[\"net.a=1\",\"net.a=2\"]", "sysctls[1]: expected each name once" },
		{ "\"devices\":[{\"path\":\"/etc/passwd\"}]", "devices[0].path: expected a path" },
		{ "\"devices\":[{\"path\":\"/dev/../etc\"}]", "devices[0].path: expected a path" },
		{ "\"devices\":[{\"path\":\"/dev/a\",\"target\":\"x\"}]", "devices[0].target: " },
		{ "\"devices\":[{\"path\":\"/dev/a\",\"permissions\":\"rx\"}]",
		  "devices[0].permissions: " },
		{ "\"devices\":[{\"path\":\"/dev/a\"},{\"path\":\"/dev/b\",\"target\":\"/dev/a\"}]",
		  "devices[1].target: expected a path that no other device has" },
		{ "\"cap_add\":[\"NET_ADMINS\"]", "cap_add[0]: expected a capability" },
		{ "\"cap_drop\":[\"ALL\",\"\"]", "cap_drop[1]: expected a capability" },
		{ "\"seccomp\":\"none\"", "seccomp: expected one of default, unconfined" },
		{ "\"extra_hosts\":[\"a\"]", "extra_hosts[0]: expected NAME:ADDRESS" },
		{ "\"extra_hosts\":[\"a:1.2.3\"]", "extra_hosts[0]: expected NAME:ADDRESS" },
		{ "\"extra_hosts\":[\"a b:1.2.3.4\"]", "extra_hosts[0]: expected NAME:ADDRESS" },
		{ "\"oom_score_adj\":1001", "oom_score_adj: expected -1000 to 1000, got \"1001\"" },
		{ "\"cpuset\":\"3-1\"", "cpuset: expected numbers of processors" },
		{ "\"cpuset\":\"a\"", "cpuset: expected numbers of processors" },
		{ "\"io\":{\"weight\":9}", "io.weight: expected 10 to 1000, got \"9\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_strv struct strv warnings = { 0 };
		struct err err = { 0 };

		if (parse("runc", bad[i].fields, &warnings, &err) == 0)
			fail_msg("%s was taken", bad[i].fields);
		if (!strstr(err.msg, bad[i].message))
			fail_msg("%s: %s", bad[i].fields, err.msg);
		assert_true(str_starts(err.msg, "applications[0].microservices[0]."));
	}
}

static void a_unikernel_has_none_of_them(void **state)
{
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		auto_strv struct strv warnings = { 0 };
		bool is_for_both = str_eq(good[i], "\"cpu_millis\":250");

		if ((parse("unikernel", good[i], &warnings, &err) == 0) != is_for_both)
			fail_msg("%s", good[i]);
		if (!is_for_both)
			assert_non_null(strstr(err.msg, "since a unikernel is no container"));
	}
}

static void tells_what_limits_of_io_are_worth(void **state)
{
	auto_strv struct strv warnings = { 0 };
	struct err err;

	assert_int_equal(parse("runc", "\"io\":{\"read_bps\":1048576}", &warnings, &err), 0);
	assert_int_equal(warnings.n, 1);
	assert_string_equal(warnings.items[0],
			    "applications[0].microservices[0].io: on nodes with control groups v1 "
			    "only direct I/O is limited");
}

static void a_change_replaces(void **state)
{
	struct service_spec a = { 0 };
	struct service_spec b = { 0 };

	assert_false(spec_needs_replacement(&a, &b));
	b.container.is_read_only = true;
	assert_true(spec_needs_replacement(&a, &b));
	b.container.is_read_only = false;
	b.container.io.write_bps = 1;
	assert_true(spec_needs_replacement(&a, &b));
}

static void a_share_of_a_core(void **state)
{
	struct service_spec spec = { .vcpus = 2 };

	assert_int_equal(spec_cpu_millis(&spec), 2000);
	spec.cpu_millis = 1500;
	assert_int_equal(spec_cpu_millis(&spec), 1500);
}

static void capabilities_by_name(void **state)
{
	for (unsigned i = 0; i < CAPABILITY_N; i++)
		assert_true(capability_parse(capability_names[i]) == UINT64_C(1) << i);
	assert_true(capability_parse("Sys_Admin") == UINT64_C(1) << 21);
	assert_true(capability_parse("ALL") == 0x1ffffffffff);
	assert_true(capability_parse("CAP_") == 0 && capability_parse("CAP_CAP_CHOWN") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_makes_sense),
		cmocka_unit_test(refuses_what_does_not),
		cmocka_unit_test(a_unikernel_has_none_of_them),
		cmocka_unit_test(tells_what_limits_of_io_are_worth),
		cmocka_unit_test(a_change_replaces),
		cmocka_unit_test(a_share_of_a_core),
		cmocka_unit_test(capabilities_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
