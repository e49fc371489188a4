/* Descriptors: published ones are read as they are, wrong ones refused with path and reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/sla.h"

static struct sla load(const char *name, struct strv *warnings)
{
	auto_free char *path = xasprintf("%s/tests/unit/model/data/%s.json", getenv("HOLM_SOURCE"),
					 name);
	auto_free char *text = NULL;
	struct sla sla = { 0 };
	struct err err = { 0 };
	size_t len;

	if (file_read(path, SLA_TEXT_MAX, &text, &len, &err) < 0 ||
	    sla_parse(text, len, &sla, warnings, &err) < 0)
		fail_msg("%s: %s", name, err.msg);
	return sla;
}

/* What was accepted is written in a form that reads back as the same. */
static void comes_back(const struct sla *sla)
{
	auto_free char *text = fields_format(&sla_table, sla);
	struct sla back = { 0 };
	struct err err = { 0 };

	if (fields_parse_text(&sla_table, text, &back, FIELD_UNKNOWN_ERROR, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	assert_true(fields_equal(&sla_table, sla, &back));
	sla_fini(&back);
}

static void reads_client_and_server(void **state)
{
	auto_strv struct strv warnings = { 0 };
	struct sla sla = load("clientsrvr", &warnings);
	const struct service_spec *curl = &sla.apps[0].services[0];
	const struct service_spec *nginx = &sla.apps[0].services[1];

	assert_int_equal(warnings.n, 0);
	assert_int_equal(sla.n_apps, 1);
	assert_string_equal(sla.apps[0].name, "clientsrvr");
	assert_int_equal(sla.apps[0].n_services, 2);
	assert_string_equal(curl->virtualization, "docker");
	assert_int_equal(curl->cmd.n, 3);
	assert_null(curl->state);
	assert_null(curl->microservice_id);
	assert_int_equal(nginx->memory_mib, 100);
	assert_string_equal(nginx->addresses.rr_ip, "10.30.30.30");
	assert_string_equal(nginx->port, "6080:80/tcp");
	assert_false(nginx->has_replicas);
	sla_fini(&sla);
}

static void reads_unikernel_with_trailing_commas(void **state)
{
	auto_strv struct strv warnings = { 0 };
	struct sla sla = load("unikernel", &warnings);
	const struct service_spec *spec = &sla.apps[0].services[0];
	auto_free char *code = spec_code_for_arch(spec, "amd64");

	assert_true(spec_is_unikernel(spec));
	assert_int_equal(spec->cmd.n, 0);
	assert_int_equal(spec->vcpus, 1);
	assert_string_equal(code, "https://example.org/releases/nginx_amd64.tar.gz");
	assert_int_equal(warnings.n, 6);
	assert_string_equal(warnings.items[0], "line 25: trailing comma");
	sla_fini(&sla);
}

static void reads_synonyms_and_own_fields(void **state)
{
	auto_strv struct strv warnings = { 0 };
	struct sla sla = load("gaming", &warnings);
	const struct service_spec *client = &sla.apps[0].services[0];
	const struct service_spec *server = &sla.apps[0].services[1];

	assert_string_equal(client->code, "ghcr.io/example/client:v0.101");
	assert_null(client->addresses.rr_ip);
	assert_string_equal(server->environment.items[1], "OPS=Admin");
	assert_true(server->has_replicas);
	assert_int_equal(server->replicas, 0);
	assert_null(sla.apps[0].id);
	comes_back(&sla);
	assert_int_equal(server->pids, 200);
	assert_int_equal(server->grace_s, 30);
	assert_string_equal(server->volumes[0].config, "{}");
	assert_int_equal(sla.apps[1].n_services, 0);
	assert_int_equal(warnings.n, 2);
	assert_string_equal(warnings.items[0],
			    "applications[0].microservices[1].unknown_to_all: unknown field");
	assert_string_equal(warnings.items[1],
			    "applications[0].microservices[0].addresses.rr_ip_v6: no effect: "
			    "services have IPv4 addresses only");
	sla_fini(&sla);
}

static void warnings_are_optional(void **state)
{
	struct sla sla = load("gaming", NULL);
	struct sla other = load("unikernel", NULL);

	sla_fini(&sla);
	sla_fini(&other);
}

/* Bytes changed at random, from one seed: never a crash, and a reason for every refusal. */
static void survives_damage(void **state)
{
	auto_free char *path = xasprintf("%s/tests/unit/model/data/gaming.json",
					 getenv("HOLM_SOURCE"));
	static const char bytes[] = "\"{}[],:\\0-e.;/\xff\n ";
	auto_free char *text = NULL;
	uint32_t seed = 1;
	size_t n_accepted = 0;
	struct err err = { 0 };
	size_t len;

	assert_int_equal(file_read(path, SLA_TEXT_MAX, &text, &len, &err), 0);
	for (int round = 0; round < 5000; round++) {
		auto_free char *damaged = xstrndup(text, len);
		struct sla sla = { 0 };

		for (uint32_t i = 0; i <= ((seed >> 8) & 1); i++) {
			seed = seed * 1664525 + 1013904223;
			damaged[(seed >> 4) % len] = bytes[seed % (sizeof(bytes) - 1)];
		}
		err = (struct err){ 0 };
		if (sla_parse(damaged, len, &sla, NULL, &err) == 0) {
			n_accepted++;
			comes_back(&sla);
			sla_fini(&sla);
		} else {
			assert_int_equal(err.code, -EINVAL);
			assert_true(err.msg[0]);
		}
	}
	assert_in_range(n_accepted, 100, 4900);
}

/* A descriptor of one application with these services, quotes written as '. */
static char *descriptor(const char *services)
{
	char *text = xasprintf("{'sla_version':'v2.0','customerID':'Admin','applications':[{"
			       "'application_name':'app','application_namespace':'test',"
			       "'microservices':[%s]}]}",
			       services);

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	return text;
}

/* A good service, in which what is given in `more` comes first; keys must not repeat. */
#define NAME      "'microservice_name':'web','microservice_namespace':'test',"
#define CODE      "'virtualization':'container','code':'docker.io/library/nginx:1'"
#define UNIKERNEL "{" NAME "'virtualization':'unikernel',"

static void refuses_text(const char *text, const char *message)
{
	static const struct sla zero = { 0 };
	auto_strv struct strv warnings = { 0 };
	struct sla sla = { 0 };
	struct err err = { 0 };

	assert_int_equal(sla_parse(text, strlen(text), &sla, &warnings, &err), -EINVAL);
	assert_string_equal(err.msg, message);
	assert_memory_equal(&sla, &zero, sizeof(sla));
}

static void refuses(const char *services, const char *message)
{
	auto_free char *text = descriptor(services);
	auto_free char *path = xasprintf("applications[0].microservices[%s", message);

	refuses_text(text, path);
}

static void accepts(const char *services)
{
	auto_free char *text = descriptor(services);
	struct sla sla = { 0 };
	struct err err = { 0 };

	if (sla_parse(text, strlen(text), &sla, NULL, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	sla_fini(&sla);
}

static void refuses_wrong_documents(void **state)
{
	refuses_text("[]", "expected an object, got []");
	refuses_text("{}", "sla_version: required, but missing");
	refuses_text("{\"sla_version\":\"v1.0\",\"applications\":[]}",
		     "sla_version: expected \"v2.0\", got \"v1.0\"");
	refuses_text("{\"sla_version\":\"v2.0\"}", "applications: required, but missing");
	refuses_text("{\"sla_version\":\"v2.0\",\"applications\":[{\"application_name\":\"a b\","
		     "\"application_namespace\":\"x\",\"microservices\":[]}]}",
		     "applications[0].application_name: expected 1 to 30 letters and digits, "
		     "got \"a b\"");
	refuses_text("{\"sla_version\":\"v2.0\",\"applications\":[{\"application_name\":\"a\","
		     "\"application_namespace\":\"x\",\"microservices\":[]},{\"application_name\":"
		     "\"a\",\"application_namespace\":\"x\",\"microservices\":[]}]}",
		     "applications[1].application_name: expected a name that no other application "
		     "of the descriptor has, got \"a.x\"");
}

static void refuses_wrong_names(void **state)
{
	accepts("{" NAME CODE "}");
	refuses("{'microservice_name':'my-app','microservice_namespace':'x'," CODE "}",
		"0].microservice_name: expected 1 to 30 letters and digits, got \"my-app\"");
	refuses("{'microservice_name':'a','microservice_namespace':''," CODE "}",
		"0].microservice_namespace: expected 1 to 30 letters and digits, got \"\"");
	refuses("{" NAME CODE "},{" NAME CODE "}",
		"1].microservice_name: expected a name that no other microservice of the "
		"application has, got \"web.test\"");
	refuses("{'microserviceID':'7'," NAME CODE "}",
		"0].microserviceID: expected nothing, since the server gives it, got \"7\"");
}

static void refuses_wrong_values(void **state)
{
	refuses("{" NAME CODE ",'memory':-1}",
		"0].memory: expected a whole number 0..16777216, got -1");
	refuses("{" NAME CODE ",'vcpu':-1}", "0].vcpu: expected a whole number 0..4096, got -1");
	refuses("{" NAME CODE ",'replicas':1001}",
		"0].replicas: expected a whole number 0..1000, got 1001");
	refuses("{" NAME CODE ",'environment':['A=1','B']}",
		"0].environment[1]: expected NAME=VALUE, got \"B\"");
	refuses("{" NAME CODE ",'platform':'windows/amd64'}",
		"0].platform: expected linux/ARCH such as linux/arm64, got \"windows/amd64\"");
	refuses("{" NAME CODE ",'constraints':[{'type':'far'}]}",
		"0].constraints[0].type: expected one of direct, clusters, addons, latency, geo, "
		"got \"far\"");
	refuses("{" NAME CODE ",'volumes':[{'volume_id':'v','csi_driver':'d','config':[]}]}",
		"0].volumes[0].config: expected an object, got \"[]\"");
	refuses("{" NAME CODE ",'volumes':[{'volume_id':'v','mount_path':'/v'},"
		"{'name':'w','mount_path':'/v'}]}",
		"0].volumes[1].mount_path: expected a path of its own, got \"/v\"");
	refuses("{" NAME
		"'virtualization':'unikernel','code':'https://x/y.tar.gz','arch':['amd64'],"
		"'volumes':[{'volume_id':'v','mount_path':'/a:b'}]}",
		"0].volumes[0].mount_path: expected no blanks, colons, quotes and brackets, for a "
		"unikernel, got \"/a:b\"");
	refuses("{" NAME "'virtualization':'a/b','code':'x'}",
		"0].virtualization: expected container, unikernel or the name of an OCI runtime, "
		"got \"a/b\"");
	refuses("{" NAME "'virtualization':'docker'}", "0].code: required, but missing");
}

static void refuses_wrong_restarts(void **state)
{
	refuses("{" NAME CODE ",'restart':'sometimes'}",
		"0].restart: expected one of always, on-failure, never, got \"sometimes\"");
	refuses("{" NAME CODE ",'one_shot':true,'restart':'always'}",
		"0].restart: expected on-failure or never, since one_shot ends at exit code 0, got "
		"\"always\"");
	accepts("{" NAME CODE ",'one_shot':true,'restart':'never'}");
	accepts("{" NAME CODE ",'one_shot':true}");
}

static void refuses_wrong_starts(void **state)
{
	static const char code[] = "'code':'http://a/b.tar.gz'";
	auto_free char *plain = xasprintf(UNIKERNEL "%s,'start':'snapshot'}", code);
	auto_free char *udp = xasprintf(UNIKERNEL "%s,'start':'snapshot','port':'53:53/udp'}",
					code);
	auto_free char *tcp = xasprintf(UNIKERNEL "%s,'start':'snapshot','port':'8080:80'}", code);
	auto_free char *probe = xasprintf(UNIKERNEL "%s,'start':'snapshot','readiness':{'tcp':"
						    "{'port':80}}}",
					  code);
	static const char need[] = "0].start: expected cold, or a readiness probe or port of TCP "
				   "beside it, which tells when it has started, got \"snapshot\"";

	refuses("{" NAME CODE ",'start':'snapshot','port':'80'}",
		"0].start: expected cold, since only unikernels start from a saved state, got "
		"\"snapshot\"");
	refuses("{" NAME CODE ",'start':'warm','port':'80'}",
		"0].start: expected cold, since only unikernels start from a saved state, got "
		"\"warm\"");
	refuses("{" NAME CODE ",'start':'hot'}",
		"0].start: expected one of cold, snapshot, warm, got \"hot\"");
	refuses(plain, need);
	refuses(udp, need);
	accepts(tcp);
	accepts(probe);
	accepts("{" NAME CODE ",'start':'cold'}");
}

static void refuses_wrong_probes(void **state)
{
	static const struct {
		const char *probe;
		const char *message;
	} cases[] = {
		{ "'readiness':{}",
		  "readiness: expected exactly one of http, tcp and exec, got \"none\"" },
		{ "'liveness':{'http':{'port':1},'tcp':{'port':2}}",
		  "liveness: expected exactly one of http, tcp and exec, got \"more\"" },
		{ "'liveness':{'exec':['']}", "liveness.exec: expected a command, got \"\"" },
		{ "'liveness':{'exec':['x'],'timeout_s':61}",
		  "liveness.timeout_s: expected at most 60 seconds for a command, got \"more\"" },
		{ "'readiness':{'http':{'port':0}}",
		  "readiness.http.port: expected a whole number 1..65535, got 0" },
		{ "'readiness':{'http':{}}", "readiness.http.port: required, but missing" },
		{ "'startup':{'http':{'port':1,'path':'x'}}",
		  "startup.http.path: expected a path from / on, without blanks, got \"x\"" },
		{ "'startup':{'http':{'port':1,'path':'/a b'}}",
		  "startup.http.path: expected a path from / on, without blanks, got \"/a b\"" },
		{ "'startup':{'http':{'port':1,'scheme':'https'}}",
		  "startup.http.scheme: expected http, the only one that is probed by, got "
		  "\"https\"" },
		{ "'startup':{'http':{'port':1,'host':'a b'}}",
		  "startup.http.host: expected a name without blanks, got \"a b\"" },
		{ "'startup':{'http':{'port':1,'headers':['A: 1','B']}}",
		  "startup.http.headers: expected NAME: VALUE, got \"B\"" },
		{ "'startup':{'http':{'port':1,'headers':['A: 1\\r\\nB: 2']}}",
		  "startup.http.headers: expected NAME: VALUE, got \"A: 1\r\nB: 2\"" },
		{ "'liveness':{'tcp':{'port':1},'success_threshold':2}",
		  "liveness.success_threshold: expected 1, since only readiness comes back, got "
		  "\"2\"" },
		{ "'liveness':{'tcp':{'port':1},'period_s':0.01}",
		  "liveness.period_s: expected 0.1 to 86400 seconds, got \"0.01\"" },
		{ "'liveness':{'tcp':{'port':1},'timeout_s':-1}",
		  "liveness.timeout_s: expected 0.1 to 86400 seconds, got \"-1\"" },
		{ "'liveness':{'tcp':{'port':1},'start_period_s':1e9}",
		  "liveness.start_period_s: expected 0.1 to 86400 seconds, got \"1e+09\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *service = xasprintf("{" NAME CODE ",%s}", cases[i].probe);
		auto_free char *message = xasprintf("0].%s", cases[i].message);

		refuses(service, message);
	}
	accepts("{" NAME CODE ",'readiness':{'http':{'port':80,'path':'/a?b=c','scheme':'http',"
		"'host':'x.org','headers':['X-A: b c','Y:']},'period_s':0.5,'timeout_s':2,"
		"'success_threshold':2,'failure_threshold':9,'start_period_s':30}}");
	accepts("{" NAME CODE ",'liveness':{'exec':['cat','/ok'],'timeout_s':60}}");
	accepts(UNIKERNEL "'code':'file:/a','liveness':{'tcp':{'port':1}}}");
	refuses(UNIKERNEL "'code':'file:/a','liveness':{'exec':['ls']}}",
		"0].liveness.exec: expected http or tcp, since no command can be run in a "
		"unikernel, got \"ls\"");
}

static void refuses_wrong_ports(void **state)
{
	refuses("{" NAME CODE ",'port':'80:x'}",
		"0].port: expected HOST:CONTAINER[/tcp|udp] with ports 1..65535, joined by "
		"semicolons, got \"80:x\"");
	refuses("{" NAME CODE ",'port':'80:1;80:2'}",
		"0].port: expected each host port once, got 80/tcp twice");
	refuses("{" NAME CODE ",'port':'50103/udp'}",
		"0].port: expected a host port other than 50103/udp, the overlay's, got "
		"\"50103/udp\"");
}

static void refuses_wrong_addresses(void **state)
{
	static const char *const bad[] = { "10.31.0.1",   "10.30.0.0", "10.30.255.255",
					   "10.30.300.1", "x",         "10.30.1" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_free char *service = xasprintf("{" NAME CODE ",'addresses':{'rr_ip':'%s'}}",
						    bad[i]);
		auto_free char *message = xasprintf("0].addresses.rr_ip: expected an address "
						    "10.30.0.1 to 10.30.255.254, got \"%s\"",
						    bad[i]);

		refuses(service, message);
	}
	accepts("{" NAME CODE ",'addresses':{'rr_ip':'10.30.255.254'}}");
	refuses("{" NAME CODE ",'addresses':{'rr_ip':'10.30.0.1'}},{'microservice_name':'b',"
		"'microservice_namespace':'b'," CODE ",'addresses':{'rr_ip':'10.30.0.1'}}",
		"1].addresses.rr_ip: expected an address that no other microservice claims, got "
		"\"10.30.0.1\"");
	refuses("{" NAME CODE ",'addresses':{'rr_ip_v6':'fc00::1'}}",
		"0].addresses.rr_ip_v6: expected an address in fdff:2000::/21, got \"fc00::1\"");
}

static void refuses_wrong_code(void **state)
{
	refuses("{" NAME "'virtualization':'container','code':'nginx:latest'}",
		"0].code: expected a fully qualified image reference such as "
		"docker.io/library/nginx:latest, or oci:/PATH, got \"nginx:latest\"");
	refuses(UNIKERNEL "'code':'nginx:latest','arch':['amd64']}",
		"0].code: expected a URL http(s)://….tar.gz or file:/PATH, perhaps with "
		"#sha256=HEX, or an image reference such as unikraft.org/nginx:1.25, got "
		"\"nginx:latest\"");
	refuses(UNIKERNEL "'code':'','arch':['amd64']}",
		"0].code: expected a URL http(s)://….tar.gz or file:/PATH, perhaps with "
		"#sha256=HEX, or an image reference such as unikraft.org/nginx:1.25, got \"\"");
	refuses(UNIKERNEL "'code':'file:/a','arch':['amd64','arm64']}",
		"0].code: expected one URL for each of the 2 entries of arch, got \"file:/a\"");
	refuses(UNIKERNEL "'code':'file:/a,file:/b','arch':['amd64']}",
		"0].code: expected one URL for each of the 1 entries of arch, got "
		"\"file:/a,file:/b\"");
	refuses(UNIKERNEL "'code':'file:/a,file:/b'}",
		"0].code: expected one URL for each of the 0 entries of arch, got "
		"\"file:/a,file:/b\"");
	refuses(UNIKERNEL "'code':'file:/a','arch':['x86_64']}",
		"0].arch: expected amd64 or arm64, got \"x86_64\"");
	refuses(UNIKERNEL "'code':'file:/a,file:/b','arch':['arm64','arm64']}",
		"0].arch: expected each architecture once, got \"arm64\"");
	accepts(UNIKERNEL "'code':'file:/a'}");
}

/* One name serves every architecture, or each has its own. */
static void takes_unikernels_of_registries(void **state)
{
	accepts(UNIKERNEL "'code':'unikraft.org/nginx:1.25'}");
	accepts(UNIKERNEL "'code':'oci:/srv/images/web:v1','arch':['amd64','arm64']}");
	accepts(UNIKERNEL "'code':'a.b/c:x,file:/b','arch':['amd64','arm64']}");
	accepts(UNIKERNEL "'code':'a.b/c:x','platform':'qemu/arm64'}");
	refuses(UNIKERNEL "'code':'a.b/c:x','platform':'fc/arm64'}",
		"0].platform: expected qemu/ARCH such as qemu/arm64, got \"fc/arm64\"");
	refuses(UNIKERNEL "'code':'a.b/c:x,a.b/c:y','arch':['amd64']}",
		"0].code: expected one URL for each of the 1 entries of arch, got "
		"\"a.b/c:x,a.b/c:y\"");
}

static void is_bounded(void **state)
{
	struct sla sla = { 0 };
	struct err err = { 0 };
	auto_buf struct buf services;

	assert_int_equal(sla_parse("", SLA_TEXT_MAX + 1, &sla, NULL, &err), -E2BIG);
	buf_init(&services, SLA_TEXT_MAX);
	for (int i = 0; i <= SLA_SERVICES_MAX; i++)
		buf_addf(&services, "%s{'microservice_name':'s%d'}", i ? "," : "", i);
	auto_free char *text = descriptor(services.data);
	refuses_text(text,
		     "applications[0].microservices: expected at most 1000 elements, got 1001");
}

static void long_values_are_cut(void **state)
{
	auto_free char *name = xcalloc(1, 2001);
	auto_free char *message = NULL;

	memset(name, 'x', 2000);
	auto_free char *service =
		xasprintf("{'microservice_name':'%s','microservice_namespace':'x'," CODE "}", name);
	name[100] = '\0';
	message = xasprintf(
		"0].microservice_name: expected 1 to 30 letters and digits, got \"%s…\"", name);
	refuses(service, message);
}

static void warns_of_what_nobody_does(void **state)
{
	auto_free char *text = descriptor("{" NAME CODE ",'vtpus':10,'constraints':[{'type':"
					  "'geo','location':'1,2'}],'connectivity':[{}],"
					  "'memori':5}");
	auto_strv struct strv warnings = { 0 };
	struct sla sla = { 0 };
	struct err err = { 0 };

	assert_int_equal(sla_parse(text, strlen(text), &sla, &warnings, &err), 0);
	assert_int_equal(warnings.n, 4);
	assert_string_equal(warnings.items[0], "applications[0].microservices[0].memori: unknown "
					       "field, did you mean memory");
	assert_string_equal(warnings.items[1],
			    "applications[0].microservices[0].constraints[0].type: no effect: "
			    "latency and geo are not scheduled by");
	assert_string_equal(warnings.items[2], "applications[0].microservices[0].vtpus: no effect");
	assert_string_equal(sla.apps[0].services[0].unknown, "{\"memori\":5}");
	sla_fini(&sla);
}

static void unknown_fields_are_bounded(void **state)
{
	auto_free char *long_value = xcalloc(1, SLA_UNKNOWN_MAX + 1);
	struct sla sla = { 0 };
	struct err err = { 0 };

	memset(long_value, 'x', SLA_UNKNOWN_MAX);
	auto_free char *service = xasprintf("{" NAME CODE ",'more':'%s'}", long_value);
	auto_free char *text = descriptor(service);
	assert_int_equal(sla_parse(text, strlen(text), &sla, NULL, &err), -EINVAL);
	assert_string_equal(err.msg, "applications[0].microservices[0]: at most 16384 bytes of "
				     "unknown fields are kept, got more");
}

static void a_unikernel_takes_an_environment(void **state)
{
	auto_free char *text = descriptor("{" NAME "'virtualization':'unikernel','arch':['amd64'],"
					  "'code':'https://h/u.tar.gz','environment':['A=b']}");
	auto_strv struct strv warnings = { 0 };
	struct sla sla = { 0 };
	struct err err = { 0 };

	assert_int_equal(sla_parse(text, strlen(text), &sla, &warnings, &err), 0);
	assert_int_equal(warnings.n, 0);
	sla_fini(&sla);
}

static void reference_has_every_table(void **state)
{
	auto_free char *page = sla_reference();

	assert_non_null(strstr(page, "## descriptor\n"));
	assert_non_null(strstr(page, "## application\n"));
	assert_non_null(strstr(page, "## microservice\n"));
	assert_non_null(strstr(page, "## constraint\n"));
	assert_non_null(strstr(page, "| `memory` | number 0..16777216 |"));
	assert_non_null(strstr(page, "(also read as `vcpu`)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_client_and_server),
		cmocka_unit_test(reads_unikernel_with_trailing_commas),
		cmocka_unit_test(reads_synonyms_and_own_fields),
		cmocka_unit_test(warnings_are_optional),
		cmocka_unit_test(survives_damage),
		cmocka_unit_test(refuses_wrong_documents),
		cmocka_unit_test(refuses_wrong_names),
		cmocka_unit_test(refuses_wrong_values),
		cmocka_unit_test(refuses_wrong_restarts),
		cmocka_unit_test(refuses_wrong_starts),
		cmocka_unit_test(refuses_wrong_probes),
		cmocka_unit_test(refuses_wrong_ports),
		cmocka_unit_test(refuses_wrong_addresses),
		cmocka_unit_test(refuses_wrong_code),
		cmocka_unit_test(takes_unikernels_of_registries),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(warns_of_what_nobody_does),
		cmocka_unit_test(unknown_fields_are_bounded),
		cmocka_unit_test(a_unikernel_takes_an_environment),
		cmocka_unit_test(reference_has_every_table),
	};

	return cmocka_run_group_tests_name("model/sla", tests, NULL, NULL);
}
