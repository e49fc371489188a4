/* Checking a descriptor: one function per rule, each naming the path of what it refuses. */
#include <arpa/inet.h>

#include "base/base.h"
#include "model/code.h"
#include "model/sla/sla_check.h"
#include "model/value.h"
#include "model/volume.h"

#define RUNTIME_NAME_MAX 64
#define OVERLAY_PORT     50103 /* VXLAN between nodes */
#define SERVICE_POOL     0x0a1e0000u
#define SERVICE_MASK     0xffff0000u
#define VALUE_MAX        100 /* bytes of a value in a message */

struct check {
	const struct sla *sla;
	const struct sla_app *app; /* the one being checked */
	const struct service_spec *spec;
	struct map names;     /* what has been seen, with a scope in front */
	struct map addresses; /* rr_ip → spec */
	struct strv *warnings;
	struct err *err;
};

typedef int (*rule_fn)(struct check *c);

/* "applications[0].microservices[1].FIELD"; the caller's. */
static char *path_of(const struct check *c, const char *field)
{
	size_t app = (size_t)(c->app - c->sla->apps);

	if (!c->spec)
		return xasprintf("applications[%zu].%s", app, field);
	return xasprintf("applications[%zu].microservices[%zu].%s", app,
			 (size_t)(c->spec - c->app->services), field);
}

static int refuse(const struct check *c, const char *field, const char *expected, const char *value)
{
	auto_free char *path = path_of(c, field);

	return err_set(c->err, -EINVAL, "%s: expected %s, got \"%.*s%s\"", path, expected,
		       VALUE_MAX, value, strlen(value) > VALUE_MAX ? "…" : "");
}

static void warn(const struct check *c, const char *field, const char *text)
{
	auto_free char *path = path_of(c, field);

	strv_addf(c->warnings, "%s: %s", path, text);
}

/* Name parts and that nothing else in the scope has the name. */
static int check_name(struct check *c, const char *field, const char *part)
{
	if (name_part_is_valid(part))
		return 0;
	return refuse(c, field, "1 to 30 letters and digits", part);
}

static int check_unique(struct check *c, const char *field, const char *name, const char *ns)
{
	auto_free char *full = xasprintf("%s.%s", name, ns);
	auto_free char *key = c->spec ? xasprintf("%s.%s.%s", c->app->name, c->app->ns, full)
				      : xstrdup(full);

	if (!map_set(&c->names, key, c))
		return 0;
	return refuse(c, field,
		      c->spec ? "a name that no other microservice of the application has"
			      : "a name that no other application of the descriptor has",
		      full);
}

static int check_service_name(struct check *c)
{
	int r = check_name(c, "microservice_name", c->spec->name);

	if (r == 0)
		r = check_name(c, "microservice_namespace", c->spec->ns);
	if (r == 0)
		r = check_unique(c, "microservice_name", c->spec->name, c->spec->ns);
	if (r == 0 && c->spec->microservice_id)
		r = refuse(c, "microserviceID", "nothing, since the server gives it",
			   c->spec->microservice_id);
	return r;
}

static int check_runtime(struct check *c)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	const char *s = c->spec->virtualization;

	if (*s && strlen(s) <= RUNTIME_NAME_MAX && strspn(s, allowed) == strlen(s))
		return 0;
	return refuse(c, "virtualization", "container, unikernel or the name of an OCI runtime", s);
}

static int check_arch(const struct check *c)
{
	const struct strv *arch = &c->spec->arch;

	for (size_t i = 0; i < arch->n; i++) {
		const char *s = arch->items[i];

		if (!str_eq(s, "amd64") && !str_eq(s, "arm64"))
			return refuse(c, "arch", "amd64 or arm64", s);
		for (size_t j = 0; j < i; j++)
			if (str_eq(s, arch->items[j]))
				return refuse(c, "arch", "each architecture once", s);
	}
	return 0;
}

static int check_unikernel_code(const struct check *c)
{
	auto_strv struct strv urls = { 0 };
	size_t n_arch = c->spec->arch.n ? c->spec->arch.n : 1;
	char expected[96];

	code_split(c->spec->code, &urls);
	for (size_t i = 0; i < urls.n; i++)
		if (!code_is_archive(urls.items[i]) && !code_is_image(urls.items[i]))
			return refuse(c, "code", CODE_UNIKERNEL_EXPECTED, urls.items[i]);
	if (urls.n == n_arch || (urls.n == 1 && code_is_image(urls.items[0])))
		return check_arch(c);
	snprintf(expected, sizeof(expected), "one URL for each of the %zu entries of arch",
		 c->spec->arch.n);
	return refuse(c, "code", expected, c->spec->code);
}

static int check_code(struct check *c)
{
	if (spec_is_unikernel(c->spec))
		return check_unikernel_code(c);
	if (code_is_image(c->spec->code))
		return 0;
	return refuse(c, "code", CODE_IMAGE_EXPECTED, c->spec->code);
}

static int check_environment(struct check *c)
{
	const struct strv *env = &c->spec->environment;

	for (size_t i = 0; i < env->n; i++) {
		char field[48];

		snprintf(field, sizeof(field), "environment[%zu]", i);
		if (env->items[i][0] == '=' || !strchr(env->items[i], '='))
			return refuse(c, field, "NAME=VALUE", env->items[i]);
	}
	return 0;
}

static int check_platform(struct check *c)
{
	const char *s = c->spec->platform;

	if (!s || (str_starts(s, "linux/") && s[strlen("linux/")]))
		return 0;
	if (spec_is_unikernel(c->spec))
		return str_starts(s, "qemu/") && s[strlen("qemu/")]
			       ? 0
			       : refuse(c, "platform", "qemu/ARCH such as qemu/arm64", s);
	return refuse(c, "platform", "linux/ARCH such as linux/arm64", s);
}

static int check_ports(struct check *c)
{
	struct port_mapping ports[PORTS_MAX];
	size_t n;

	if (ports_parse(c->spec->port, ports, &n, c->err) < 0) {
		auto_free char *path = path_of(c, "port");

		return err_wrap(c->err, "%s", path);
	}
	for (size_t i = 0; i < n; i++)
		if (ports[i].is_udp && ports[i].host == OVERLAY_PORT)
			return refuse(c, "port", "a host port other than 50103/udp, the overlay's",
				      c->spec->port);
	return 0;
}

static int check_rr_ip(struct check *c)
{
	const char *text = c->spec->addresses.rr_ip;
	char canonical[IPV4_STR_MAX];
	uint32_t addr;

	if (!text)
		return 0;
	if (parse_ipv4(text, &addr) < 0 || (addr & SERVICE_MASK) != SERVICE_POOL ||
	    addr == SERVICE_POOL || addr == (SERVICE_POOL | ~SERVICE_MASK))
		return refuse(c, "addresses.rr_ip", "an address 10.30.0.1 to 10.30.255.254", text);
	format_ipv4(addr, canonical);
	if (!map_set(&c->addresses, canonical, c))
		return 0;
	return refuse(c, "addresses.rr_ip", "an address that no other microservice claims", text);
}

static int check_rr_ip_v6(struct check *c)
{
	const char *text = c->spec->addresses.rr_ip_v6;
	struct in6_addr a;

	if (!text)
		return 0;
	if (inet_pton(AF_INET6, text, &a) != 1 || a.s6_addr[0] != 0xfd || a.s6_addr[1] != 0xff ||
	    (a.s6_addr[2] & 0xf8) != 0x20)
		return refuse(c, "addresses.rr_ip_v6", "an address in fdff:2000::/21", text);
	warn(c, "addresses.rr_ip_v6", "no effect: services have IPv4 addresses only");
	return 0;
}

static int refuse_volume(const struct check *c, size_t i, const struct volume_flaw *flaw)
{
	char field[48];

	snprintf(field, sizeof(field), "volumes[%zu].%s", i, flaw->field);
	return refuse(c, field, flaw->expected, flaw->value);
}

static int check_volumes(struct check *c)
{
	const struct service_spec *spec = c->spec;
	struct map targets = { 0 };
	struct volume_flaw flaw;
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->n_volumes; i++) {
		const struct sla_volume *v = &spec->volumes[i];

		if (volume_find_flaw(v, &flaw)) {
			r = refuse_volume(c, i, &flaw);
			break;
		}
		auto_free char *target = volume_target(v);
		if (spec_is_unikernel(spec) && !volume_unikernel_takes(target)) {
			flaw = (struct volume_flaw){
				"mount_path",
				"no blanks, colons, quotes and brackets, for a unikernel", target
			};
			r = refuse_volume(c, i, &flaw);
			break;
		}
		flaw = (struct volume_flaw){ "mount_path", "a path of its own", target };
		if (map_set(&targets, target, c))
			r = refuse_volume(c, i, &flaw);
	}
	map_fini(&targets);
	return r;
}

static void warn_of_owners(const struct check *c, enum value_kind kind)
{
	size_t n;
	const struct sla_value *refs = value_refs(c->spec, kind, &n);

	for (size_t i = 0; i < n; i++) {
		char field[48];

		snprintf(field, sizeof(field), "%ss[%zu]", value_kind_names[kind], i);
		if (refs[i].mode || refs[i].uid || refs[i].gid)
			warn(c, field,
			     "no effect of mode, uid and gid: a unikernel has one user, who can read "
			     "it");
	}
}

static int check_values(struct check *c)
{
	struct value_fault fault;

	if (!value_refs_are_good(c->spec, &fault))
		return refuse(c, fault.field, fault.expected, fault.value);
	for (enum value_kind kind = 0; spec_is_unikernel(c->spec) && kind < VALUE_KIND_N; kind++)
		warn_of_owners(c, kind);
	return 0;
}

static int check_constraints(struct check *c)
{
	static const char *const types[] = { "direct", "clusters", "addons", "latency", "geo" };

	for (size_t i = 0; i < c->spec->n_constraints; i++) {
		const char *type = c->spec->constraints[i].type;
		char field[48];

		snprintf(field, sizeof(field), "constraints[%zu].type", i);
		if (str_eq(type, "latency") || str_eq(type, "geo"))
			warn(c, field, "no effect: latency and geo are not scheduled by");
		for (size_t j = 0; !str_eq(type, types[j]); j++)
			if (j + 1 == ARRAY_LEN(types))
				return refuse(c, field,
					      "one of direct, clusters, addons, latency, geo",
					      type);
	}
	return 0;
}

static int check_restart(struct check *c)
{
	if (!c->spec->one_shot || spec_restart(c->spec) != RESTART_ALWAYS)
		return 0;
	return refuse(c, "restart", "on-failure or never, since one_shot ends at exit code 0",
		      sla_restart_names[RESTART_ALWAYS]);
}

static int check_start(struct check *c)
{
	const struct service_spec *spec = c->spec;
	const char *got = sla_start_names[spec->start];

	if (spec->start == SLA_START_COLD)
		return 0;
	if (!spec_is_unikernel(spec))
		return refuse(c, "start", "cold, since only unikernels start from a saved state",
			      got);
	if (spec->n_volumes)
		return refuse(c, "start",
			      "cold, since a guest that has mounted volumes cannot be saved", got);
	if (value_has_files(spec))
		return refuse(c, "start",
			      "cold, since a guest that has mounted files of secrets or "
			      "configuration cannot be saved",
			      got);
	if (!spec_ready_port(spec))
		return refuse(
			c, "start",
			"cold, or a readiness probe or port of TCP beside it, which tells when "
			"it has started",
			got);
	return 0;
}

static int check_probes(struct check *c)
{
	for (int kind = 0; kind < SLA_PROBE_N; kind++) {
		const struct sla_probe *probe = spec_probe(c->spec, (enum sla_probe_kind)kind);
		struct sla_probe_problem problem;

		if (!probe || !sla_probe_is_wrong(probe, (enum sla_probe_kind)kind,
						  spec_is_unikernel(c->spec), &problem))
			continue;
		auto_free char *field = xasprintf("%s%s%s", sla_probe_names[kind],
						  *problem.field ? "." : "", problem.field);
		return refuse(c, field, problem.expected, problem.value);
	}
	return 0;
}

static bool is_nothing(const char *json)
{
	return !json || str_eq(json, "[]") || str_eq(json, "{}") || str_eq(json, "\"\"");
}

static bool is_volume(const struct service_spec *spec, const char *path)
{
	for (size_t i = 0; i < spec->n_volumes; i++) {
		auto_free char *target = volume_target(&spec->volumes[i]);

		if (str_eq(target, path))
			return true;
	}
	return false;
}

static int check_tmpfs(struct check *c)
{
	const struct sla_container *container = &c->spec->container;

	for (size_t i = 0; i < container->n_tmpfs; i++) {
		char field[48];

		snprintf(field, sizeof(field), "tmpfs[%zu].path", i);
		if (is_volume(c->spec, container->tmpfs[i].path))
			return refuse(c, field, "a path that no volume has",
				      container->tmpfs[i].path);
	}
	return 0;
}

static int check_container(struct check *c)
{
	const struct sla_container *container = &c->spec->container;
	struct sla_flaw flaw;

	if (sla_container_find_flaw(container, spec_is_unikernel(c->spec), &flaw))
		return refuse(c, flaw.field, flaw.expected, flaw.value);
	if (!sla_io_is_empty(&container->io))
		warn(c, "io", "on nodes with control groups v1 only direct I/O is limited");
	return 0;
}

/* Not refused, since the published descriptors carry most of them; said, since nobody acts. */
static int warn_of_unused(struct check *c)
{
	const struct service_spec *spec = c->spec;
	const struct {
		const char *field;
		bool is_given;
	} unused[] = {
		{ "vtpus", spec->vtpus > 0 },
		{ "bandwidth_in", spec->bandwidth_in > 0 },
		{ "bandwidth_out", spec->bandwidth_out > 0 },
		{ "connectivity", !is_nothing(spec->connectivity) },
		{ "addresses.closest_ip", !is_nothing(spec->addresses.closest_ip) },
		{ "addresses.closest_ip_v6", !is_nothing(spec->addresses.closest_ip_v6) },
		{ "addresses.instances", !is_nothing(spec->addresses.instances) },
		{ "pids", spec->pids > 0 && spec_is_unikernel(spec) },
		{ "boot_timeout", spec->boot_timeout_s > 0 && !spec_is_unikernel(spec) },
	};

	for (size_t i = 0; i < ARRAY_LEN(unused); i++)
		if (unused[i].is_given)
			warn(c, unused[i].field, "no effect");
	return 0;
}

static int check_service(struct check *c)
{
	static const rule_fn rules[] = {
		check_service_name, check_runtime,     check_code,    check_environment,
		check_platform,     check_ports,       check_rr_ip,   check_rr_ip_v6,
		check_volumes,      check_constraints, check_restart, check_container,
		check_tmpfs,        check_values,      check_probes,  check_start,
		warn_of_unused,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(rules); i++)
		r = rules[i](c);
	return r;
}

static int check_app(struct check *c)
{
	int r = check_name(c, "application_name", c->app->name);

	if (r == 0)
		r = check_name(c, "application_namespace", c->app->ns);
	if (r == 0)
		r = check_unique(c, "application_name", c->app->name, c->app->ns);
	for (size_t i = 0; r == 0 && i < c->app->n_services; i++) {
		c->spec = &c->app->services[i];
		r = check_service(c);
	}
	c->spec = NULL;
	return r;
}

int sla_check(const struct sla *sla, struct strv *warnings, struct err *err)
{
	struct check c = { .sla = sla, .warnings = warnings, .err = err };
	int r = 0;

	if (!str_eq(sla->version, "v2.0"))
		return err_set(err, -EINVAL, "sla_version: expected \"v2.0\", got \"%.*s\"",
			       VALUE_MAX, sla->version);
	for (size_t i = 0; r == 0 && i < sla->n_apps; i++) {
		c.app = &sla->apps[i];
		r = check_app(&c);
	}
	map_fini(&c.names);
	map_fini(&c.addresses);
	return r;
}
