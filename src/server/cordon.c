/* Nodes that get no more instances: kept with the node, whatever it tells of itself. */
#include "server/private.h"

struct cordon {
	char *name;
	bool is_cordoned;
	struct plan_answer answer;
};

static int run_cordon(struct server *server, void *arg, struct err *err)
{
	struct cordon *cordon = arg;
	char id[ID_SIZE];
	int r = server_find_node(server, cordon->name, id, err);

	if (r < 0)
		return r;
	const struct node *node = next_get(server, KIND_NODE, id);
	if (!node)
		return err_set(err, -ENOENT, "node %s is gone", cordon->name);
	if (node->is_cordoned == cordon->is_cordoned) {
		plan_add(&cordon->answer.plan, "unchanged", "node", node->hostname);
		return 0;
	}
	struct node *copy = object_copy(KIND_NODE, node);
	copy->is_cordoned = cordon->is_cordoned;
	plan_add(&cordon->answer.plan, cordon->is_cordoned ? "cordon" : "uncordon", "node",
		 node->hostname);
	next_put(server, KIND_NODE, copy->id, copy);
	return 0;
}

static void cordon_done(struct server *server, void *arg, const struct err *err)
{
	struct cordon *cordon = arg;

	plan_tell(server, &cordon->answer, err);
	if (!err->code && !cordon->is_cordoned)
		settle_begin(server); /* some may have waited for it */
	free(cordon->name);
	free(cordon);
}

void server_cordon_begin(struct server *server, const struct server_cordon *request,
			 server_done_fn done, void *arg)
{
	struct cordon *cordon = NEW(struct cordon);

	cordon->name = xstrdup(request->node);
	cordon->is_cordoned = request->is_cordoned;
	cordon->answer.done = done;
	cordon->answer.arg = arg;
	request_begin(server, run_cordon, cordon_done, cordon);
}
