/* Questions about one service's spec. */
#include "base/base.h"
#include "model/code.h"
#include "model/sla.h"

#define USER_PORT_MIN 1024

bool name_part_is_valid(const char *s)
{
	size_t len = s ? strlen(s) : 0;

	if (len < 1 || len > NAME_PART_MAX)
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == len;
}

bool spec_is_unikernel(const struct service_spec *spec)
{
	return str_eq(spec->virtualization, "unikernel");
}

bool spec_is_from_snapshot(const struct service_spec *spec)
{
	return spec_is_unikernel(spec) &&
	       (spec->start == SLA_START_SNAPSHOT || spec->start == SLA_START_WARM);
}

/* An archive that lies on the node. */
static bool has_local_code(const struct service_spec *spec)
{
	auto_strv struct strv urls = { 0 };
	bool is_local = false;

	if (!spec->code)
		return false;
	code_split(spec->code, &urls);
	for (size_t i = 0; i < urls.n; i++)
		is_local |= str_starts(urls.items[i], "file:") ||
			    str_starts(urls.items[i], "oci:") ||
			    str_starts(urls.items[i], "oci-archive:");
	return is_local;
}

/* Where a node's own services listen. */
static bool has_system_port(const struct service_spec *spec)
{
	struct port_mapping ports[PORTS_MAX];
	size_t n = 0;
	struct err ignored;

	if (ports_parse(spec->port, ports, &n, &ignored) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (ports[i].host < USER_PORT_MIN)
			return true;
	return false;
}

const char *spec_find_privilege(const struct service_spec *spec)
{
	const struct sla_container *c = &spec->container;
	const struct {
		const char *field;
		bool is_asked;
	} privileges[] = {
		{ "privileged", spec->privileged },
		{ "devices", c->n_devices },
		{ "cap_add", c->cap_add.n },
		{ "seccomp", c->seccomp == SECCOMP_UNCONFINED },
		{ "oom_score_adj", c->oom_score_adj < 0 },
		{ "volumes", spec->n_volumes },
		{ "port below 1024", has_system_port(spec) },
		{ "code on the node", has_local_code(spec) },
		{ "secrets", spec->n_secrets },
		{ "configs", spec->n_configs },
	};

	for (size_t i = 0; i < ARRAY_LEN(privileges); i++)
		if (privileges[i].is_asked)
			return privileges[i].field;
	return NULL;
}

bool spec_is_warm(const struct service_spec *spec)
{
	return spec_is_unikernel(spec) && spec->start == SLA_START_WARM;
}

static uint16_t probe_port(const struct sla_probe *probe)
{
	return (uint16_t)(probe->http.port ? probe->http.port : probe->tcp.port);
}

uint16_t spec_ready_port(const struct service_spec *spec)
{
	struct port_mapping ports[PORTS_MAX];
	struct err ignored;
	size_t n = 0;

	if (probe_port(&spec->readiness))
		return probe_port(&spec->readiness);
	if (probe_port(&spec->startup))
		return probe_port(&spec->startup);
	if (ports_parse(spec->port, ports, &n, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!ports[i].is_udp)
			return ports[i].guest;
	return 0;
}

enum sla_restart spec_restart(const struct service_spec *spec)
{
	if (spec->has_restart)
		return spec->restart;
	return spec->one_shot ? RESTART_ON_FAILURE : RESTART_ALWAYS;
}

uint32_t spec_cpu_millis(const struct service_spec *spec)
{
	return spec->cpu_millis ? spec->cpu_millis : spec->vcpus * 1000;
}

const struct sla_probe *spec_probe(const struct service_spec *spec, enum sla_probe_kind kind)
{
	const struct sla_probe *const probes[] = {
		[SLA_PROBE_STARTUP] = &spec->startup,
		[SLA_PROBE_READINESS] = &spec->readiness,
		[SLA_PROBE_LIVENESS] = &spec->liveness,
	};
	static_assert(ARRAY_LEN(probes) == SLA_PROBE_N, "every kind");

	return probes[kind]->is_given ? probes[kind] : NULL;
}

/* Only these may differ between what runs and what is asked for: they tell how many, where, under
 * which address and how to stop, or nobody acts on them. */
static bool is_kept_over_change(const char *name)
{
	static const char *const names[] = {
		"microserviceID", "replicas",       "grace_s",
		"constraints",    "connectivity",   "addresses",
		"args",           "state",          "sla_violation_strategy",
		"target_node",    "added_files",    "vm_images",
		"bandwidth_in",   "bandwidth_out",  "port",
		"pull",           "restart",        "startup",
		"readiness",      "liveness",       "storage",
		"boot_timeout",   "unknown_fields",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

bool spec_needs_replacement(const struct service_spec *a, const struct service_spec *b)
{
	for (size_t i = 0; i < service_spec_table.n; i++) {
		const struct field *field = &service_spec_table.fields[i];

		if (!is_kept_over_change(field->name) && !field_equal(field, a, b))
			return true;
	}
	return false;
}

char *spec_code_for_arch(const struct service_spec *spec, const char *arch)
{
	auto_strv struct strv urls = { 0 };

	code_split(spec->code, &urls);
	if (spec->arch.n == 0)
		return xstrdup(spec->code);
	/* An image has one manifest per architecture behind one name. */
	bool is_one = urls.n == 1 && code_is_image(urls.items[0]);
	for (size_t i = 0; i < spec->arch.n && (is_one || i < urls.n); i++)
		if (str_eq(spec->arch.items[i], arch))
			return TAKE(urls.items[is_one ? 0 : i]);
	return NULL;
}

const char *spec_arch_on(const struct service_spec *spec, const char *arch)
{
	bool is_own = !spec_is_unikernel(spec) || spec->arch.n == 0 || strv_has(&spec->arch, arch);

	return is_own ? arch : spec->arch.items[0];
}

char *spec_code_on(const struct service_spec *spec, const char *arch)
{
	return spec_code_for_arch(spec, spec_arch_on(spec, arch));
}
