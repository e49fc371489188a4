/* Descriptors: one that is taken is written as text that is taken without a warning about its fields, and
 * is the same; and what is worked out from a service holds for any that was taken. */
#include "fuzz.h"
#include "model/sla.h"
#include "model/volume.h"

static void check_code(const struct service_spec *spec)
{
	static const char *const archs[] = { "amd64", "arm64" };

	for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
		auto_free char *mine = spec_code_for_arch(spec, archs[i]);
		auto_free char *any = spec_code_on(spec, archs[i]);

		assert(spec_arch_on(spec, archs[i]));
		assert(!mine || any);
	}
}

static void check_spec(const struct service_spec *spec)
{
	struct port_mapping ports[PORTS_MAX];
	size_t n_ports;
	struct err err;

	assert(name_part_is_valid(spec->name) && name_part_is_valid(spec->ns));
	assert(ports_parse(spec->port, ports, &n_ports, &err) == 0 && n_ports <= PORTS_MAX);
	check_code(spec);
	for (int kind = 0; kind < SLA_PROBE_N; kind++)
		spec_probe(spec, kind);
	spec_find_privilege(spec);
	spec_ready_port(spec);
	spec_cpu_millis(spec);
	spec_restart(spec);
	assert(!spec_needs_replacement(spec, spec));
}

/* What no field names is an object within bounds; its place in a descriptor is not where it is stored. */
static void check_unknown(char **unknown)
{
	auto_free char *text = TAKE(*unknown);
	auto_(json_free) struct json *rest = NULL;
	struct err err;

	if (!text)
		return;
	assert(strlen(text) <= SLA_UNKNOWN_MAX);
	assert(json_parse(text, strlen(text), &rest, &err) == 0);
	assert(json_is_object(rest) && json_count(rest) > 0);
}

static void take(const char *text, size_t len, struct sla *ret)
{
	auto_strv struct strv warnings = { 0 };
	struct err err;

	if (sla_parse(text, len, ret, &warnings, &err) < 0) {
		fprintf(stderr, "%s: %s\n", text, err.msg);
		abort();
	}
	for (size_t i = 0; i < warnings.n; i++) {
		if (!strstr(warnings.items[i], "unknown") && !strstr(warnings.items[i], "comma"))
			continue;
		fprintf(stderr, "%s: %s\n", text, warnings.items[i]);
		abort();
	}
}

/* Emitted text may be longer than what was read, which is bounded. */
static void check_again(const struct sla *sla)
{
	auto_free char *text = fields_format(&sla_table, sla);
	size_t len = strlen(text);
	struct sla again = { 0 };

	if (len > SLA_TEXT_MAX)
		return;
	take(text, len, &again);
	auto_free char *same = fields_format(&sla_table, &again);
	if (strcmp(text, same) != 0)
		fprintf(stderr, "%s\n%s\n", text, same);
	assert(strcmp(text, same) == 0);
	assert(fields_equal(&sla_table, sla, &again));
	sla_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	auto_strv struct strv warnings = { 0 };
	struct err err = { 0 };
	struct sla sla = { 0 };
	int r = sla_parse((const char *)data, len, &sla, &warnings, &err);

	if (r < 0) {
		assert(err.code == r && err.msg[0] && !sla.apps);
		return 0;
	}
	for (size_t i = 0; i < sla.n_apps; i++) {
		struct sla_app *app = &sla.apps[i];

		check_unknown(&app->unknown);
		for (size_t j = 0; j < app->n_services; j++) {
			check_spec(&app->services[j]);
			check_unknown(&app->services[j].unknown);
		}
	}
	check_again(&sla);
	sla_fini(&sla);
	return 0;
}
