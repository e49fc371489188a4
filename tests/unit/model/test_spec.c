/* Questions about a spec: architecture, replacement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/sla.h"

#define NAMES                                                           \
	"\"microservice_name\":\"a\",\"microservice_namespace\":\"b\"," \
	"\"virtualization\":\"docker\","
#define SPEC NAMES "\"code\":\"docker.io/library/nginx\""

static struct service_spec parse(const char *text)
{
	struct service_spec spec = { 0 };
	struct err err = { 0 };

	if (fields_parse_text(&service_spec_table, text, &spec, FIELD_UNKNOWN_ERROR, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return spec;
}

static bool replaces(const char *with)
{
	auto_free char *text = xasprintf("{" SPEC ",%s}", with);
	struct service_spec a = parse("{" SPEC "}");
	struct service_spec b = parse(text);
	bool is = spec_needs_replacement(&a, &b);

	assert_false(spec_needs_replacement(&b, &b));
	fields_fini(&service_spec_table, &a);
	fields_fini(&service_spec_table, &b);
	return is;
}

static void what_replaces(void **state)
{
	assert_true(replaces("\"memory\":1"));
	assert_true(replaces("\"cmd\":[\"x\"]"));
	assert_true(replaces("\"env\":[\"x=1\"]"));
	assert_false(replaces("\"port\":\"80\""));
	assert_true(replaces("\"one_shot\":true"));
	assert_true(replaces("\"start\":\"snapshot\""));
	assert_true(replaces("\"volumes\":[{\"volume_id\":\"v\",\"csi_driver\":\"d\"}]"));
	assert_false(replaces("\"replicas\":3"));
	assert_false(replaces("\"grace_s\":3"));
	assert_false(replaces("\"pull\":\"always\""));
	assert_false(replaces("\"restart\":\"never\""));
	assert_false(replaces("\"readiness\":{\"tcp\":{\"port\":1}}"));
	assert_false(replaces("\"constraints\":[{\"type\":\"direct\",\"node\":\"n\"}]"));
	assert_false(replaces("\"addresses\":{\"rr_ip\":\"10.30.0.9\"}"));
}

static bool needs(const char *text, const char *field)
{
	struct service_spec spec = parse(text);
	const char *found = spec_find_privilege(&spec);
	bool is = found && str_eq(found, field);

	fields_fini(&service_spec_table, &spec);
	return is;
}

static bool has_privilege(const char *with, const char *field)
{
	auto_free char *text = xasprintf("{" SPEC ",%s}", with);

	return needs(text, field);
}

static bool is_on_node(const char *code)
{
	auto_free char *text = xasprintf("{" NAMES "\"code\":\"%s\"}", code);

	return needs(text, "code on the node");
}

static void what_is_an_administrators(void **state)
{
	struct service_spec plain = parse(
		"{" SPEC ",\"memory\":1,\"cap_drop\":[\"CHOWN\"],\"oom_score_adj\":10,"
		"\"port\":\"1024:80\"}");

	assert_null(spec_find_privilege(&plain));
	fields_fini(&service_spec_table, &plain);
	assert_true(has_privilege("\"privileged\":true", "privileged"));
	assert_true(has_privilege("\"devices\":[{\"path\":\"/dev/kvm\"}]", "devices"));
	assert_true(has_privilege("\"cap_add\":[\"SYS_ADMIN\"]", "cap_add"));
	assert_true(has_privilege("\"seccomp\":\"unconfined\"", "seccomp"));
	assert_true(has_privilege("\"oom_score_adj\":-1", "oom_score_adj"));
	assert_true(has_privilege("\"volumes\":[{\"host_path\":\"/srv\",\"mount_path\":\"/v\"}]",
				  "volumes"));
	assert_true(has_privilege("\"volumes\":[{\"volume_id\":\"v\",\"mount_path\":\"/v\"}]",
				  "volumes"));
	assert_true(has_privilege("\"port\":\"8080:80;1023:80\"", "port below 1024"));
	assert_true(is_on_node("https://a.b/x.tar.gz,file:///x.tar.gz"));
	assert_true(is_on_node("oci:/x"));
	assert_false(is_on_node("oci.example/x"));
	assert_true(has_privilege("\"secrets\":[{\"name\":\"s\"}]", "secrets"));
	assert_true(has_privilege("\"configs\":[{\"name\":\"s\"}]", "configs"));
}

static uint16_t ready_port(const char *with)
{
	auto_free char *text = xasprintf("{" SPEC "%s}", with);
	struct service_spec spec = parse(text);
	uint16_t port = spec_ready_port(&spec);

	fields_fini(&service_spec_table, &spec);
	return port;
}

static void when_it_has_started(void **state)
{
	assert_int_equal(ready_port(""), 0);
	assert_int_equal(ready_port(",\"port\":\"53:54/udp\""), 0);
	assert_int_equal(ready_port(",\"port\":\"53:54/udp;8080:80\""), 80);
	assert_int_equal(ready_port(",\"port\":\"8080:80\",\"startup\":{\"tcp\":{\"port\":7}}"), 7);
	assert_int_equal(ready_port(",\"startup\":{\"tcp\":{\"port\":7}},"
				    "\"readiness\":{\"http\":{\"port\":9}}"),
			 9);
}

static enum sla_restart restart_of(const char *with)
{
	auto_free char *text = xasprintf("{" SPEC "%s}", with);
	struct service_spec spec = parse(text);
	enum sla_restart restart = spec_restart(&spec);

	fields_fini(&service_spec_table, &spec);
	return restart;
}

static void what_starts_again(void **state)
{
	assert_int_equal(restart_of(""), RESTART_ALWAYS);
	assert_int_equal(restart_of(",\"one_shot\":true"), RESTART_ON_FAILURE);
	assert_int_equal(restart_of(",\"one_shot\":true,\"restart\":\"never\""), RESTART_NEVER);
	assert_int_equal(restart_of(",\"restart\":\"on-failure\""), RESTART_ON_FAILURE);
}

static void code_of_an_architecture(void **state)
{
	char *arch[] = { (char[]){ "amd64" }, (char[]){ "arm64" }, NULL };
	struct service_spec spec = { .code = (char[]){ "file:/a, file:/b" } };
	auto_free char *whole = spec_code_for_arch(&spec, "amd64");

	assert_string_equal(whole, "file:/a, file:/b");
	spec.arch = (struct strv){ .items = arch, .n = 2 };
	auto_free char *arm = spec_code_for_arch(&spec, "arm64");
	assert_string_equal(arm, "file:/b");
	assert_null(spec_code_for_arch(&spec, "riscv64"));
	spec.code = (char[]){ "unikraft.org/nginx:1.25" };
	auto_free char *image = spec_code_for_arch(&spec, "arm64");
	assert_string_equal(image, "unikraft.org/nginx:1.25");
	assert_null(spec_code_for_arch(&spec, "riscv64"));
}

/* A node was chosen that runs it: its own architecture first, else the only other one. */
static void code_on_a_node(void **state)
{
	char *arch[] = { (char[]){ "arm64" }, (char[]){ "amd64" }, NULL };
	struct service_spec spec = { .virtualization = (char[]){ "unikernel" },
				     .code = (char[]){ "file:/a,file:/b" },
				     .arch = { .items = arch, .n = 2 } };
	auto_free char *own = spec_code_on(&spec, "amd64");

	assert_string_equal(own, "file:/b");
	spec.arch.n = 1;
	spec.code = (char[]){ "file:/a" };
	assert_string_equal(spec_arch_on(&spec, "amd64"), "arm64");
	auto_free char *other = spec_code_on(&spec, "amd64");
	assert_string_equal(other, "file:/a");
	spec.arch.n = 0;
	assert_string_equal(spec_arch_on(&spec, "amd64"), "amd64");
}

static void name_parts(void **state)
{
	assert_true(name_part_is_valid("a"));
	assert_true(name_part_is_valid("abcdefghijABCDEFGHIJ0123456789"));
	assert_false(name_part_is_valid("abcdefghijABCDEFGHIJ0123456789x"));
	assert_false(name_part_is_valid(""));
	assert_false(name_part_is_valid(NULL));
	assert_false(name_part_is_valid("my-app"));
	assert_false(name_part_is_valid("a.b"));
	assert_false(name_part_is_valid("\xc3\xa9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_replaces),
		cmocka_unit_test(what_is_an_administrators),
		cmocka_unit_test(what_starts_again),
		cmocka_unit_test(when_it_has_started),
		cmocka_unit_test(code_of_an_architecture),
		cmocka_unit_test(code_on_a_node),
		cmocka_unit_test(name_parts),
	};

	return cmocka_run_group_tests_name("model/spec", tests, NULL, NULL);
}
