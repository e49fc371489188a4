/* How a service may ask for secrets and configuration objects, and how not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/value.h"

#define CONTAINER "\"virtualization\":\"container\",\"code\":\"r.example/a:1\""
#define UNIKERNEL \
	"\"virtualization\":\"unikernel\",\"arch\":[\"amd64\"],\"code\":\"https://h/u.tar.gz\""

/* With " written as '. */
static int parse(const char *kind, const char *members, struct sla *ret, struct err *err)
{
	auto_free char *text = xasprintf(
		"{\"sla_version\":\"v2.0\",\"applications\":[{\"application_name\":\"a\","
		"\"application_namespace\":\"t\",\"microservices\":[{\"microservice_name\":\"s\","
		"\"microservice_namespace\":\"t\",%s,%s}]}]}",
		kind, members);

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	return sla_parse(text, strlen(text), ret, NULL, err);
}

static void what_is_implied(void **state)
{
	struct sla sla = { 0 };
	struct err err = { 0 };
	const char *dir = NULL;

	if (parse(CONTAINER,
		  "'secrets':[{'name':'db'},{'name':'k','file':'/etc/k','mode':'440','uid':7},"
		  "{'name':'db','env':'DB'}],'configs':[{'name':'app.conf'}]",
		  &sla, &err) < 0)
		fail_msg("%s", err.msg);
	const struct service_spec *spec = &sla.apps[0].services[0];
	assert_string_equal(spec->secrets[0].file, "/run/secrets/db");
	assert_int_equal(value_mode(&spec->secrets[0]), 0400);
	assert_int_equal(value_mode(&spec->secrets[1]), 0440);
	assert_null(spec->secrets[2].file);
	assert_null(spec->secrets[2].mode);
	assert_string_equal(spec->configs[0].file, "/run/configs/app.conf");
	assert_int_equal(value_mode(&spec->configs[0]), 0444);
	assert_string_equal(value_path_in_dir(spec->secrets[0].file, &dir), "db");
	assert_string_equal(dir, "/run/secrets");
	assert_string_equal(value_path_in_dir("/run/configs/a/b", &dir), "a/b");
	assert_string_equal(dir, "/run/configs");
	assert_null(value_path_in_dir("/run/secretsx/a", &dir));
	assert_null(value_path_in_dir("/etc/k", &dir));
	assert_true(value_is_wanted(spec, VALUE_SECRET, "k"));
	assert_false(value_is_wanted(spec, VALUE_CONFIG, "k"));
	sla_fini(&sla);
}

static void a_unikernel_takes_configuration_by_its_environment(void **state)
{
	struct sla sla = { 0 };
	struct err err = { 0 };

	assert_int_equal(parse(UNIKERNEL, "'configs':[{'name':'a','env':'A'}]", &sla, &err), 0);
	assert_null(sla.apps[0].services[0].configs[0].mode);
	assert_false(value_has_files(&sla.apps[0].services[0]));
	sla_fini(&sla);
}

static void assert_dir(const struct service_spec *spec, const struct sla_value *ref,
		       const char *expected)
{
	auto_free char *dir = value_unikernel_dir(spec, ref);

	assert_string_equal(dir, expected);
}

/* One folder for those in it and below it. */
static void a_unikernel_has_files_by_folders(void **state)
{
	struct sla sla = { 0 };
	struct err err = { 0 };

	if (parse(UNIKERNEL,
		  "'secrets':[{'name':'db'},{'name':'k','file':'/etc/app/tls/k'},"
		  "{'name':'k','file':'/run/secrets/a/b'},{'name':'k','file':'/etc/application'}],"
		  "'configs':[{'name':'c','file':'/etc/app/c'},{'name':'a','env':'A'},"
		  "{'name':'d','file':'/etc/app2/d'}]",
		  &sla, &err) < 0)
		fail_msg("%s", err.msg);
	struct service_spec *spec = &sla.apps[0].services[0];
	assert_true(value_has_files(spec));
	assert_null(spec->secrets[0].mode);
	assert_dir(spec, &spec->secrets[0], "/run/secrets");
	assert_dir(spec, &spec->secrets[2], "/run/secrets");
	assert_dir(spec, &spec->secrets[1], "/etc");
	assert_dir(spec, &spec->configs[2], "/etc");
	spec->n_secrets = 3;
	assert_dir(spec, &spec->secrets[1], "/etc/app");
	assert_dir(spec, &spec->configs[0], "/etc/app");
	assert_dir(spec, &spec->configs[2], "/etc/app2");
	spec->n_secrets = 4;
	sla_fini(&sla);
}

static const struct {
	const char *kind;
	const char *members;
	const char *message; /* behind applications[0].microservices[0]. */
} refused[] = {
	{ CONTAINER, "'secrets':[{'name':'a/b'}]", "secrets[0].name: expected 1 to 63 letters" },
	{ CONTAINER, "'secrets':[{'name':'..'}]", "secrets[0].name: expected 1 to 63 letters" },
	{ CONTAINER, "'secrets':[{'name':''}]", "secrets[0].name: expected 1 to 63 letters" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'/a','env':'A'}]",
	  "secrets[0].env: expected either file or env" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'a'}]", "secrets[0].file: expected the abs" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'/'}]", "secrets[0].file: expected the abs" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'/a/'}]", "secrets[0].file: expected the abs" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'/a//b'}]", "secrets[0].file: expected the" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'/a/../b'}]", "secrets[0].file: expected the" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'/a/./b'}]", "secrets[0].file: expected the" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'/a\\nb'}]", "secrets[0].file: expected the" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'/proc/1'}]", "secrets[0].file: expected the" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'/dev'}]", "secrets[0].file: expected the" },
	{ CONTAINER, "'secrets':[{'name':'a','file':'/run/secrets'}]",
	  "secrets[0].file: expected" },
	{ CONTAINER, "'secrets':[{'name':'a','env':'1A'}]", "secrets[0].env: expected letters" },
	{ CONTAINER, "'secrets':[{'name':'a','env':'A=B'}]", "secrets[0].env: expected letters" },
	{ CONTAINER, "'secrets':[{'name':'a','mode':'9'}]", "secrets[0].mode: expected of a file" },
	{ CONTAINER, "'secrets':[{'name':'a','mode':'4755'}]", "secrets[0].mode: expected of a f" },
	{ CONTAINER, "'secrets':[{'name':'a','env':'A','mode':'400'}]", "secrets[0].mode: expec" },
	{ CONTAINER, "'environment':['A=1'],'secrets':[{'name':'a','env':'A'}]",
	  "secrets[0].env: expected a variable that environment does not set" },
	{ CONTAINER, "'secrets':[{'name':'a','env':'A'}],'configs':[{'name':'b','env':'A'}]",
	  "configs[0].env: expected a variable of its own" },
	{ CONTAINER, "'secrets':[{'name':'a'},{'name':'a'}]", "secrets[1].file: expected a path" },
	{ CONTAINER,
	  "'secrets':[{'name':'a','file':'/etc/x'}],'configs':[{'name':'b',"
	  "'file':'/etc/x/y'}]",
	  "configs[0].file: expected a path of its own" },
	{ UNIKERNEL, "'secrets':[{'name':'a','env':'A'}]",
	  "secrets[0].env: expected a file instead: a unikernel has its environment on its" },
	{ UNIKERNEL, "'configs':[{'name':'a','file':'/a'}]",
	  "configs[0].file: expected for a unikernel, which has the file's whole folder mounted: "
	  "one in a folder" },
	{ UNIKERNEL, "'configs':[{'name':'a','file':'/a:b/c'}]",
	  "configs[0].file: expected for a unikernel" },
	{ UNIKERNEL,
	  "'volumes':[{'volume_id':'v','mount_path':'/etc/app/data'}],"
	  "'configs':[{'name':'a','file':'/etc/app/c'}]",
	  "configs[0].file: expected for a unikernel, which has the file's whole folder mounted: "
	  "a folder with no volume in it" },
	{ UNIKERNEL, "'start':'snapshot','port':'80','secrets':[{'name':'a'}]",
	  "start: expected cold, since a guest that has mounted files" },
};

static void what_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct sla sla = { 0 };
		struct err err = { 0 };
		auto_free char *message = xasprintf("applications[0].microservices[0].%s",
						    refused[i].message);

		if (parse(refused[i].kind, refused[i].members, &sla, &err) != -EINVAL ||
		    !str_starts(err.msg, message))
			fail_msg("%s: %s", refused[i].members, err.code ? err.msg : "accepted");
	}
}

static void a_change_replaces_instances(void **state)
{
	struct sla_value db = { .name = (char *)(uintptr_t) "db",
				.file = (char *)(uintptr_t) "/run/secrets/db" };
	struct service_spec without = { 0 };
	struct service_spec with = { .secrets = &db, .n_secrets = 1 };

	assert_true(spec_needs_replacement(&without, &with));
	assert_false(spec_needs_replacement(&with, &with));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_implied),
		cmocka_unit_test(a_unikernel_takes_configuration_by_its_environment),
		cmocka_unit_test(a_unikernel_has_files_by_folders),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_change_replaces_instances),
	};

	return cmocka_run_group_tests_name("model/value", tests, NULL, NULL);
}
