/* Filters with reasons, then scores. */
#include "base/base.h"
#include "sched/sched.h"
#include "sched/volume.h"

#define REASON_MAX  250 /* bytes per node */
#define SUMMARY_MAX 400 /* bytes of reasons, so that a status detail holds them */

#define SAME_PENALTY      200  /* per mille of a node, for each instance of the same service */
#define EMULATION_PENALTY 1000 /* an emulated processor is many times slower */
#define INSTANCE_PENALTY  10   /* the same for any instance: some declare no resources */

struct ask {
	const struct sched_snapshot *snapshot;
	const struct service_spec *spec;
	struct port_mapping ports[PORTS_MAX];
	size_t n_ports;
};

/* True if the node passes; else the reason is written. */
typedef bool (*filter_fn)(const struct ask *ask, const struct sched_node *node, struct buf *why);

static bool is_about(const char *problem, const char *subject)
{
	return str_starts(problem, subject) && problem[strlen(subject)] == ':';
}

/* Why the node cannot run this kind, if it told: "runsc: …", or of the driver that would. */
static void add_problem(const struct strv *problems, const struct service_spec *spec,
			struct buf *why)
{
	const char *driver = spec_is_unikernel(spec) ? "qemu" : "containerd";
	const char *name = str_eq(spec->virtualization, "docker") ? "runc" : spec->virtualization;

	for (size_t i = 0; i < problems->n; i++) {
		int room = (int)REASON_MAX - (int)why->len - (int)sizeof("; ");

		if (is_about(problems->items[i], name) || is_about(problems->items[i], driver))
			buf_addf(why, "; %.*s", room > 0 ? room : 0, problems->items[i]);
	}
}

static bool has_runtime(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	const struct strv *has = &node->facts->virtualization;

	if (strv_has(has, ask->spec->virtualization) ||
	    strv_has(&node->facts->pending, ask->spec->virtualization))
		return true;
	auto_free char *list = strv_join(has, ", ");
	buf_addf(why, "no runtime %.64s (has %.80s)", ask->spec->virtualization,
		 has->n ? list : "none");
	add_problem(&node->facts->problems, ask->spec, why);
	return false;
}

/* "linux/arm64/v8": the second part. */
static bool is_platform_arch(const char *platform, const char *arch)
{
	const char *slash = strchr(platform, '/');
	size_t len = strlen(arch);

	return slash && strncmp(slash + 1, arch, len) == 0 &&
	       (!slash[1 + len] || slash[1 + len] == '/');
}

/* A unikernel's architecture, by itself or by emulation. */
static bool runs_arch(const struct node *facts, const char *arch)
{
	return str_eq(facts->arch ? facts->arch : "", arch) || strv_has(&facts->emulated, arch);
}

static bool runs_platform(const struct node *facts, const char *platform)
{
	for (size_t i = 0; i < facts->emulated.n; i++)
		if (is_platform_arch(platform, facts->emulated.items[i]))
			return true;
	return is_platform_arch(platform, facts->arch ? facts->arch : "");
}

static bool has_unikernel_arch(const struct service_spec *spec, const struct node *facts,
			       struct buf *why)
{
	const char *own = facts->arch ? facts->arch : "";
	const char *arch = spec_arch_on(spec, own);
	auto_free char *code = spec_code_for_arch(spec, arch);

	if (!code || (spec->arch.n && !runs_arch(facts, arch))) {
		auto_free char *list = strv_join(&spec->arch, ", ");

		buf_addf(why, "is %.16s, the image is for %.64s", own, list);
		return false;
	}
	if (!spec->platform || runs_platform(facts, spec->platform))
		return true;
	buf_addf(why, "is %.16s, the platform is %.64s", own, spec->platform);
	return false;
}

static bool has_arch(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	const struct service_spec *spec = ask->spec;
	const char *arch = node->facts->arch ? node->facts->arch : "";

	if (spec_is_unikernel(spec))
		return has_unikernel_arch(spec, node->facts, why);
	if (!spec->platform || is_platform_arch(spec->platform, arch))
		return true;
	buf_addf(why, "is %.16s, the platform is %.64s", arch, spec->platform);
	return false;
}

static uint64_t memory_offer(const struct sched_node *node)
{
	return node->offer.memory_mib ? node->offer.memory_mib : node->facts->memory_mib;
}

static bool has_memory(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	if (ask->spec->memory_mib <= memory_offer(node))
		return true;
	buf_addf(why, "needs %u MiB, has %llu", ask->spec->memory_mib,
		 (unsigned long long)memory_offer(node));
	return false;
}

static bool has_cores(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	uint32_t limited = (ask->spec->cpu_millis + 999) / 1000;
	uint32_t cores = ask->spec->vcpus > limited ? ask->spec->vcpus : limited;

	if (cores <= node->facts->cpus)
		return true;
	buf_addf(why, "needs %u cores, has %u", cores, node->facts->cpus);
	return false;
}

/* No node tells of GPUs yet. */
static bool has_devices(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	if (ask->spec->vgpus > 0) {
		buf_addf(why, "needs %u GPUs, has none", ask->spec->vgpus);
		return false;
	}
	return true;
}

static bool has_volumes(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	return volumes_fit(ask->snapshot, ask->spec, node, why);
}

/* Names joined by semicolons; none means any. */
static bool is_listed(const char *list, const char *name)
{
	auto_strv struct strv names = { 0 };

	strv_split(&names, list ? list : "", "; ");
	return names.n == 0 || (name && strv_has(&names, name));
}

static bool meets_direct(const struct ask *ask, const struct sched_node *node,
			 const struct sla_constraint *c, struct buf *why)
{
	if (!is_listed(c->cluster, ask->snapshot->cluster)) {
		buf_addf(why, "not in cluster %.100s", c->cluster);
		return false;
	}
	if (is_listed(c->node, node->facts->hostname) || is_listed(c->node, node->facts->id))
		return true;
	buf_addf(why, "not the wanted node %.100s", c->node);
	return false;
}

static bool meets_constraint(const struct ask *ask, const struct sched_node *node,
			     const struct sla_constraint *c, struct buf *why)
{
	const char *cluster = ask->snapshot->cluster;

	if (str_eq(c->type, "direct"))
		return meets_direct(ask, node, c, why);
	if (str_eq(c->type, "clusters") && c->allowed.n &&
	    !(cluster && strv_has(&c->allowed, cluster))) {
		auto_free char *list = strv_join(&c->allowed, ", ");

		buf_addf(why, "not in an allowed cluster (%.100s)", list);
		return false;
	}
	if (str_eq(c->type, "addons") && c->needs.n) {
		buf_addf(why, "has no addon %.100s", c->needs.items[0]);
		return false;
	}
	return true;
}

static bool meets_constraints(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	for (size_t i = 0; i < ask->spec->n_constraints; i++)
		if (!meets_constraint(ask, node, &ask->spec->constraints[i], why))
			return false;
	return true;
}

/* A node that has just started may still be trying it. */
static bool has_proved_runtime(const struct ask *ask, const struct sched_node *node,
			       struct buf *why)
{
	if (!strv_has(&node->facts->pending, ask->spec->virtualization))
		return true;
	buf_addf(why, "is still trying its runtime %.64s", ask->spec->virtualization);
	return false;
}

static bool is_present(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	if (!node->is_alive)
		buf_add_str(why, "not connected");
	else if (node->is_cordoned)
		buf_add_str(why, "cordoned");
	return node->is_alive && !node->is_cordoned;
}

static uint64_t memory_free(const struct sched_node *node)
{
	uint64_t has = memory_offer(node);

	return node->memory_mib < has ? has - node->memory_mib : 0;
}

static bool has_memory_free(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	if (ask->spec->memory_mib <= memory_free(node))
		return true;
	buf_addf(why, "needs %u MiB, %llu free", ask->spec->memory_mib,
		 (unsigned long long)memory_free(node));
	return false;
}

/* Cores, processes and disk, where they have a bound. */
static bool has_rest_free(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	const struct resources promised = { 0, node->cpu_millis, node->pids, node->disk_mib };
	struct resources wanted = resources_of_spec(ask->spec);

	wanted.memory_mib = 0;
	return resources_fit(&node->offer, &promised, &wanted, why);
}

static bool has_rest(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	const struct resources none = { 0 };
	struct resources wanted = resources_of_spec(ask->spec);

	wanted.memory_mib = 0;
	return resources_fit(&node->offer, &none, &wanted, why);
}

static bool has_ports_free(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	for (size_t i = 0; i < node->n_ports; i++)
		for (size_t j = 0; j < ask->n_ports; j++) {
			const struct port_mapping *port = &ask->ports[j];

			if (port->host != node->ports[i].host ||
			    port->is_udp != node->ports[i].is_udp)
				continue;
			buf_addf(why, "host port %u/%s is taken", port->host,
				 port->is_udp ? "udp" : "tcp");
			return false;
		}
	return true;
}

/* What a node is, whatever else it runs. The runtime comes first: sched_ever_fits() asks for it. */
static const filter_fn lasting_filters[] = {
	has_runtime, has_arch,    has_memory,  has_cores,
	has_rest,    has_devices, has_volumes, meets_constraints,
};

/* What may change by the next minute. */
static const filter_fn passing_filters[] = { is_present, has_memory_free, has_rest_free,
					     has_ports_free };

static bool passes(const struct ask *ask, const struct sched_node *node, const filter_fn *filters,
		   size_t n_filters, struct buf *why)
{
	for (size_t i = 0; i < n_filters; i++)
		if (!filters[i](ask, node, why))
			return false;
	return true;
}

static bool fits_ever(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	return passes(ask, node, lasting_filters, ARRAY_LEN(lasting_filters), why);
}

/* But for its proving the runtime. */
static bool fits_soon(const struct ask *ask, const struct sched_node *node, struct buf *why)
{
	return fits_ever(ask, node, why) &&
	       passes(ask, node, passing_filters, ARRAY_LEN(passing_filters), why);
}

/* Share of `has` that is left, in per mille; below zero when more was promised. */
static int64_t share_left(uint64_t has, uint64_t promised)
{
	return has ? 1000 - (int64_t)(promised * 1000 / has) : 0;
}

static bool is_emulated(const struct service_spec *spec, const struct node *facts)
{
	const char *own = facts->arch ? facts->arch : "";

	return spec_is_unikernel(spec) &&
	       (!str_eq(spec_arch_on(spec, own), own) ||
		(spec->platform && !is_platform_arch(spec->platform, own)));
}

static int64_t score(const struct ask *ask, const struct sched_node *node)
{
	uint64_t cpu_millis = node->cpu_millis + spec_cpu_millis(ask->spec);
	uint64_t memory_mib = node->memory_mib + ask->spec->memory_mib;
	int64_t left = share_left(node->facts->memory_mib, memory_mib) +
		       share_left(1000 * (uint64_t)node->facts->cpus, cpu_millis);

	return left / 2 - SAME_PENALTY * (int64_t)node->n_same -
	       INSTANCE_PENALTY * (int64_t)node->n_instances -
	       (is_emulated(ask->spec, node->facts) ? EMULATION_PENALTY : 0);
}

static bool is_better(const struct ask *ask, const struct sched_node *a, const struct sched_node *b)
{
	int64_t score_a = score(ask, a);
	int64_t score_b = score(ask, b);

	if (score_a != score_b)
		return score_a > score_b;
	return strcmp(a->facts->id, b->facts->id) < 0;
}

static void ask_init(struct ask *ask, const struct sched_snapshot *snapshot,
		     const struct service_spec *spec)
{
	struct err ignored;

	*ask = (struct ask){ .snapshot = snapshot, .spec = spec };
	ports_parse(spec->port, ask->ports, &ask->n_ports, &ignored);
}

/* Adds "edge-1: why" unless there is no room left; returns whether it did. */
static bool add_reason(struct buf *out, const struct sched_node *node, const struct buf *why)
{
	const char *host = node->facts->hostname ? node->facts->hostname : node->facts->id;

	return buf_addf(out, "%s%.64s: %s", out->len ? "; " : "", host, why->data) == 0;
}

static char *summary(struct buf *reasons, size_t n_left_out)
{
	if (n_left_out)
		return xasprintf("no node fits: %s; and %zu more", reasons->data, n_left_out);
	return xasprintf("no node fits: %s", reasons->data);
}

int sched_pick(const struct sched_snapshot *snapshot, const struct service_spec *spec,
	       char **ret_reason)
{
	auto_buf struct buf reasons;
	auto_buf struct buf why;
	struct ask ask;
	size_t n_left_out = 0;
	bool may_soon = false;
	int best = -1;

	ask_init(&ask, snapshot, spec);
	buf_init(&reasons, SUMMARY_MAX);
	buf_init(&why, REASON_MAX);
	for (size_t i = 0; i < snapshot->n_nodes; i++) {
		const struct sched_node *node = &snapshot->nodes[i];

		buf_reset(&why);
		bool is_soon = fits_soon(&ask, node, &why);
		if (!is_soon || !has_proved_runtime(&ask, node, &why)) {
			n_left_out += !add_reason(&reasons, node, &why);
			may_soon |= is_soon;
		} else if (best < 0 || is_better(&ask, node, &snapshot->nodes[best])) {
			best = (int)i;
		}
	}
	if (best >= 0)
		return best;
	*ret_reason = snapshot->n_nodes ? summary(&reasons, n_left_out)
					: xstrdup("no node has joined");
	return may_soon ? -EAGAIN : -ENOSPC;
}

int sched_ever_fits(const struct sched_snapshot *snapshot, const struct service_spec *spec,
		    struct err *err)
{
	auto_buf struct buf reasons;
	auto_buf struct buf why;
	struct ask ask;
	size_t n_left_out = 0;
	bool is_known = false;

	ask_init(&ask, snapshot, spec);
	buf_init(&reasons, SUMMARY_MAX);
	buf_init(&why, REASON_MAX);
	for (size_t i = 0; i < snapshot->n_nodes; i++) {
		const struct sched_node *node = &snapshot->nodes[i];

		buf_reset(&why);
		if (fits_ever(&ask, node, &why))
			return 0;
		n_left_out += !add_reason(&reasons, node, &why);
		is_known |= strv_has(&node->facts->virtualization, spec->virtualization);
	}
	if (snapshot->n_nodes == 0)
		return 0;
	auto_free char *text = summary(&reasons, n_left_out);
	return err_set(err, is_known ? -ENOSPC : -ENOTSUP, "%s", text);
}
