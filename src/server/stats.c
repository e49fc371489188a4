/* What instances use: the last measurements of their nodes. */
#include "model/stats_view.h"
#include "server/private.h"

#define MIB 1048576.0

/* Cores in use between two measurements; false before there are two of the same run. */
static bool cpu_between(const struct instance_stats *before, const struct instance_stats *now,
			double *ret)
{
	if (!before->measured_ms || now->measured_ms <= before->measured_ms ||
	    now->cpu_ns < before->cpu_ns)
		return false;
	*ret = (double)(now->cpu_ns - before->cpu_ns) /
	       ((double)(now->measured_ms - before->measured_ms) * 1e6);
	return true;
}

bool stats_cpu_cores(const struct fact *fact, double *ret)
{
	return cpu_between(&fact->stats_before, &fact->stats, ret);
}

static void fill(const struct server *server, const struct instance *inst, const struct fact *fact,
		 struct stats_view *view)
{
	const struct instance_stats *s = &fact->stats;
	const struct node *node = state_get(server, KIND_NODE, inst->node_id);

	*view = (struct stats_view){
		.number = inst->number,
		.node = xstrdup(node ? node->hostname : ""),
		.memory_mib = (double)s->memory_bytes / MIB,
		.memory_limit_mib = (double)s->memory_limit_bytes / MIB,
		.has_limit = s->memory_limit_bytes > 0,
		.read_mib = (double)s->read_bytes / MIB,
		.written_mib = (double)s->written_bytes / MIB,
		.has_io = s->has_io,
		.net_in_mib = (double)s->net_in_bytes / MIB,
		.net_out_mib = (double)s->net_out_bytes / MIB,
		.has_net = s->has_net,
		.pids = s->pids,
		.has_pids = s->pids > 0,
	};
	STR_COPY(view->id, inst->id);
	view_split_name(inst->sname, &view->app, &view->service);
	view->has_cpu = stats_cpu_cores(fact, &view->cpu_cores);
	format_rfc3339(fact->stats_ms, view->measured_at);
}

char *server_list_stats(struct server *server, const char *name)
{
	auto_json_out struct json_out out;
	char *text = NULL;
	struct err err;

	json_out_init(&out, JSON_TEXT_MAX);
	json_out_array(&out, NULL);
	state_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		const struct fact *fact = fact_or_none(server, inst->id);
		struct stats_view view;

		if (!fact->status.pid || !fact->stats_ms || inst->is_removed ||
		    !live_is_alive(server, inst->node_id))
			continue;
		fill(server, inst, fact, &view);
		if (!name || stats_view_fits(&view, name))
			fields_emit(&stats_view_table, &view, &out, NULL);
		fields_fini(&stats_view_table, &view);
	}
	json_out_array_end(&out);
	int r = json_out_finish(&out, &text, &err);
	assert(r == 0);
	return text;
}

double stats_percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static void note(struct server *server, struct fact *fact)
{
	const struct instance *inst = state_get(server, KIND_INSTANCE, fact->stats.instance_id);
	const struct node *node = inst ? state_get(server, KIND_NODE, inst->node_id) : NULL;
	double cores;

	if (!node || !stats_cpu_cores(fact, &cores))
		return;
	history_add(&fact->history, &(struct usage){
					    .at_ms = fact->stats_ms,
					    .cpu_percent = stats_percent(cores, node->cpus),
					    .memory = (double)fact->stats.memory_bytes,
				    });
}

void stats_take(struct server *server, const struct instance_stats *stats)
{
	struct fact *fact = fact_get(server, stats->instance_id);
	/* In another run its counters began anew. */
	bool is_same = stats->incarnation == fact->stats.incarnation;

	fact->stats_before = is_same ? fact->stats : (struct instance_stats){ 0 };
	fact->stats = *stats;
	fact->stats_ms = loop_wall_ms(server->config.loop);
	note(server, fact);
}

void stats_note_nodes(struct server *server)
{
	struct resources whole = { 0 };
	struct resources used = { 0 };
	bool is_any_alive = false;

	state_for_each(server, KIND_NODE, struct node, node)
	{
		if (!live_is_alive(server, node->id))
			continue;
		is_any_alive = true;
		resources_add(&used, &live_get(server, node->id)->used);
		resources_add(&whole, &(struct resources){ .memory_mib = node->memory_mib,
							   .cpu_millis = 1000ull * node->cpus });
	}
	if (!is_any_alive)
		return;
	history_add(
		&server->history,
		&(struct usage){
			.at_ms = loop_wall_ms(server->config.loop),
			.cpu_percent = stats_percent((double)used.cpu_millis,
						     (double)whole.cpu_millis),
			.memory = stats_percent((double)used.memory_mib, (double)whole.memory_mib),
		});
}
