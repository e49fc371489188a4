/* A server with nodes of its own, as one of Oakestra's clusters: the aggregate of the nodes that are
 * there. All keys are there even before the first node is. */
#include "server/oakestra/private.h"

struct aggregate {
	uint32_t nodes;
	uint64_t cpus;
	uint64_t memory_mib;
	uint64_t free_mib;
	double used_cores;
	uint64_t seen_ms; /* of the loop's clock, the last time one was heard of */
	const char *address;
	struct strv virtualization;
	struct strv csi_drivers;
};

static void add_missing(struct strv *to, const struct strv *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (!strv_has(to, from->items[i]))
			strv_add(to, from->items[i]);
}

static void add_node(struct aggregate *sum, const struct node *node, const struct node_live *live)
{
	if (live->seen_ms > sum->seen_ms)
		sum->seen_ms = live->seen_ms;
	if (!live->is_alive)
		return;
	sum->nodes++;
	sum->cpus += node->cpus;
	sum->memory_mib += node->memory_mib;
	if (live->used.memory_mib < node->memory_mib)
		sum->free_mib += node->memory_mib - live->used.memory_mib;
	sum->used_cores += (double)live->used.cpu_millis / 1000;
	if (!sum->address)
		sum->address = node->address;
	add_missing(&sum->virtualization, &node->virtualization);
	add_missing(&sum->csi_drivers, &node->csi_drivers);
}

static struct aggregate sum_up(const struct server *server)
{
	struct aggregate sum = { 0 };

	state_for_each(server, KIND_NODE, struct node, node)
	{
		const struct node_live *live = map_find(&server->lives, node->id);

		if (live)
			add_node(&sum, node, live);
	}
	return sum;
}

static void put_history(const struct server *server, const char *key, bool is_memory,
			struct json_out *out)
{
	const struct usage *at;

	json_out_array(out, key);
	for (uint32_t i = 0; (at = history_get(&server->history, i)); i++) {
		json_out_object(out, NULL);
		json_out_double(out, "timestamp", (double)at->at_ms / 1000);
		json_out_double(out, "value", is_memory ? at->memory : at->cpu_percent);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void put_no_gpus(struct json_out *out)
{
	json_out_int(out, "vgpus", 0);
	json_out_int(out, "total_gpu_cores", 0);
	json_out_int(out, "gpu_percent", 0);
	json_out_double(out, "gpu_temp", 0);
	json_out_int(out, "vram", 0);
	json_out_double(out, "vram_percent", 0);
	json_out_array(out, "gpu_drivers");
	json_out_array_end(out);
	json_out_array(out, "supported_addons");
	json_out_array_end(out);
}

static void put_amounts(const struct aggregate *sum, struct json_out *out)
{
	double cpu = stats_percent(sum->used_cores, (double)sum->cpus);

	json_out_int(out, "active_nodes", sum->nodes);
	json_out_int(out, "vcpus", (int64_t)sum->cpus);
	json_out_int(out, "total_cpu_cores", (int64_t)sum->cpus);
	json_out_int(out, "memory", (int64_t)sum->free_mib);
	json_out_int(out, "memory_in_mb", (int64_t)sum->free_mib);
	json_out_double(out, "cpu_percent", cpu);
	json_out_double(out, "aggregated_cpu_percent", cpu);
	json_out_double(out, "memory_percent",
			stats_percent((double)(sum->memory_mib - sum->free_mib),
				      (double)sum->memory_mib));
}

/* Two names each, from before and after a change of Oakestra's. */
static void put_names(const struct server *server, const struct aggregate *sum,
		      struct json_out *out)
{
	const char *name = server_cluster_name(server);
	const char *location = oakestra_cluster_location(server);
	char port[8];

	snprintf(port, sizeof(port), "%u", server->config.own_port);
	json_out_str(out, "_id", oakestra_cluster_id(server));
	json_out_str(out, "cluster_name", name);
	json_out_str(out, "candidate_name", name);
	json_out_str(out, "cluster_location", location);
	json_out_str(out, "candidate_location", location);
	json_out_str(out, "ip", sum->address ? sum->address : "");
	json_out_str(out, "port", port);
	json_out_bool(out, "active", sum->nodes > 0);
}

static double seen_at(const struct server *server, const struct aggregate *sum)
{
	struct loop *loop = server->config.loop;

	if (!sum->seen_ms)
		return 0;
	return (double)(loop_wall_ms(loop) - (loop_now_ms(loop) - sum->seen_ms)) / 1000;
}

static void put_cluster(const struct server *server, const struct aggregate *sum,
			struct json_out *out)
{
	json_out_object(out, NULL);
	put_names(server, sum, out);
	json_out_double(out, "last_modified_timestamp", seen_at(server, sum));
	put_amounts(sum, out);
	json_out_strv(out, "virtualization", &sum->virtualization);
	json_out_strv(out, "csi_drivers", &sum->csi_drivers);
	put_no_gpus(out);
	put_history(server, "cpu_history", false, out);
	put_history(server, "memory_history", true, out);
	json_out_object_end(out);
}

char *oakestra_list_clusters(struct server *server, bool is_active_only)
{
	struct aggregate sum = sum_up(server);
	auto_json_out struct json_out out;
	char *text = NULL;
	struct err err;

	json_out_init(&out, JSON_TEXT_MAX);
	json_out_array(&out, NULL);
	if (sum.nodes || !is_active_only)
		put_cluster(server, &sum, &out);
	json_out_array_end(&out);
	strv_fini(&sum.virtualization);
	strv_fini(&sum.csi_drivers);
	int r = json_out_finish(&out, &text, &err);
	assert(r == 0);
	return text;
}
