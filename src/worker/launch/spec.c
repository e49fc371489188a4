/* What a runtime is told to start: copies of all that it needs of an instance. */
#include "worker/private.h"

/* "web.test" of app "shop.prod" is found as web and web.test. */
static char *search_domains(const char *sname, const char *domain)
{
	auto_strv struct strv part = { 0 };

	strv_split(&part, sname, ".");
	if (part.n != 4)
		return NULL;
	return xasprintf("%s.%s.%s.%s %s.%s.%s", part.items[3], part.items[0], part.items[1],
			 domain, part.items[0], part.items[1], domain);
}

static void fill_spec(struct start_spec *r, const struct winst *inst)
{
	const struct service_spec *spec = &r->deploy.spec;
	auto_strv struct strv part = { 0 };

	strv_split(&part, r->deploy.sname, ".");
	r->spec = (struct runtime_spec){
		.instance_id = r->id,
		.name = r->name,
		.runtime = spec->virtualization,
		.image = r->image,
		.digest = r->digest,
		.cmd = &spec->cmd,
		.env = &r->given.env,
		.memory_mib = spec->memory_mib,
		.cpu_millis = spec_cpu_millis(spec),
		.vcpus = spec->vcpus ? spec->vcpus : (spec->cpu_millis + 999) / 1000,
		.pids = spec->pids,
		.is_privileged = spec->privileged,
		.container = &spec->container,
		.incarnation = inst->record.incarnation,
		.generation = r->deploy.generation,
		.log_path = r->log_path,
		.is_from_snapshot = spec_is_from_snapshot(spec),
		.warm_label = spec_is_warm(spec) ? r->deploy.sname : NULL,
		.ready_port = spec_ready_port(spec),
		.net = { .ip = r->link.ip,
			 .prefix = r->link.prefix,
			 .gateway = r->link.gateway,
			 .dns = r->link.dns,
			 .search = r->search,
			 .mac = r->link.mac,
			 .mtu = r->link.mtu,
			 .hostname = r->name },
	};
	if (r->link.netns_path[0])
		r->spec.net.netns_path = r->link.netns_path;
	if (r->link.tap[0])
		r->spec.net.tap = r->link.tap;
}

/* Copies, since the instance may get others meanwhile. */
static void fill_mounts(struct start_spec *r, const struct volume_mounts *mounts)
{
	for (size_t i = 0; i < mounts->n; i++) {
		struct volume_mount *copy = ARRAY_ADD(r->volumes.items, r->volumes.n);

		copy->source = xstrdup(mounts->items[i].source);
		copy->target = xstrdup(mounts->items[i].target);
		*ARRAY_ADD(r->mounts, r->spec.n_mounts) = (struct runtime_mount){
			.source = copy->source,
			.target = copy->target,
			.is_read_only = mounts->items[i].is_read_only,
		};
	}
	r->spec.mounts = r->mounts;
}

static char *hostname_of(const struct msg_deploy *deploy)
{
	auto_strv struct strv part = { 0 };

	strv_split(&part, deploy->sname, ".");
	return xasprintf("%s-%u", part.n > 2 ? part.items[2] : "instance", deploy->instance_number);
}

void start_spec_init(struct start_spec *r, struct winst *inst)
{
	STR_COPY(r->id, inst->id);
	r->log_path = logs_path(inst->worker, inst->id);
	fields_copy(&msg_deploy_table, &inst->current, &r->deploy);
	r->image = inst->image ? xstrdup(inst->image) : NULL;
	r->name = hostname_of(&r->deploy);
	r->search = search_domains(r->deploy.sname, inst->worker->config.overlay_config.domain);
	r->link = inst->link;
	STR_COPY(r->digest, inst->digest);
	values_give(inst->worker, &r->deploy.spec, false, &r->given);
	fill_spec(r, inst);
	fill_mounts(r, &inst->mounts);
	values_add_mounts(&r->given, r->id, &r->mounts, &r->spec.n_mounts);
	r->spec.mounts = r->mounts;
}

void start_spec_fini(struct start_spec *r)
{
	fields_fini(&msg_deploy_table, &r->deploy);
	free(r->image);
	free(r->log_path);
	free(r->name);
	free(r->search);
	free(r->mounts);
	volume_mounts_fini(&r->volumes);
	values_given_fini(&r->given);
}
