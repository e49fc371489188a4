/* Links and tables that are entries in memory. The network is found through config->state_dir, which
 * carries its address: the one thing that a driver is given and a simulation may choose. */
#include <inttypes.h>

#include "overlay/plan.h"

struct fake_link {
	uint32_t ip;
	bool is_tap;
};

struct fake_network {
	char dir[32];
	struct map links; /* instance id → struct fake_link */
	struct overlay_backend *backends;
	struct fake_service *services;
	size_t n_backends;
	size_t n_services;
};

struct fake_service {
	uint32_t ip;
	size_t first; /* index into backends */
	size_t n;
	size_t next; /* for round robin */
};

struct overlay {
	struct overlay_plan plan;
	struct fake_network *net;
	struct strv blocks;
};

struct fake_network *fake_network_new(void)
{
	struct fake_network *net = NEW(struct fake_network);

	snprintf(net->dir, sizeof(net->dir), "%" PRIuPTR, (uintptr_t)net);
	return net;
}

static void forget_table(struct fake_network *net)
{
	free(TAKE(net->backends));
	free(TAKE(net->services));
	net->n_backends = net->n_services = 0;
}

static void forget_links(struct fake_network *net)
{
	map_for_each(&net->links, i, e)
		free(e->value);
	map_fini(&net->links);
	net->links = (struct map){ 0 };
}

struct fake_network *fake_network_free(struct fake_network *net)
{
	if (!net)
		return NULL;
	forget_table(net);
	forget_links(net);
	free(net);
	return NULL;
}

const char *fake_network_dir(const struct fake_network *net)
{
	return net->dir;
}

uint32_t fake_network_ip(const struct fake_network *net, const char *instance_id)
{
	const struct fake_link *link = map_find(&net->links, instance_id);

	return link ? link->ip : 0;
}

void fake_network_lose(struct fake_network *net, const char *instance_id)
{
	free(map_remove(&net->links, instance_id));
}

/* A local backend without its link is a black hole, as in a real network. */
static bool is_reached(const struct fake_network *net, const struct overlay_backend *b)
{
	return b->is_ready && b->namespace_ip &&
	       (!b->is_local || fake_network_ip(net, b->instance_id) == b->namespace_ip);
}

const char *fake_network_connect(struct fake_network *net, uint32_t service_ip)
{
	for (size_t i = 0; i < net->n_backends; i++)
		if (net->backends[i].instance_ip == service_ip)
			return is_reached(net, &net->backends[i]) ? net->backends[i].instance_id
								  : NULL;
	for (size_t i = 0; i < net->n_services; i++) {
		struct fake_service *s = &net->services[i];

		for (size_t k = 0; s->ip == service_ip && k < s->n; k++) {
			const struct overlay_backend *b =
				&net->backends[s->first + s->next++ % s->n];

			if (is_reached(net, b))
				return b->instance_id;
		}
	}
	return NULL;
}

static int fake_open(const struct overlay_config *config, struct overlay **ret, struct err *err)
{
	struct overlay *ov = NEW(struct overlay);
	uint64_t address = 0;
	int r = overlay_plan_init(&ov->plan, config, err);

	if (r == 0 && parse_u64(config->state_dir, 1, UINTPTR_MAX, &address) < 0)
		r = err_set(err, -EINVAL, "open fake overlay: %s is no network's address",
			    config->state_dir);
	if (r < 0) {
		free(ov);
		return r;
	}
	ov->net = (struct fake_network *)(uintptr_t)address;
	*ret = ov;
	return 0;
}

static void fake_close(struct overlay *ov)
{
	if (!ov)
		return;
	strv_fini(&ov->blocks);
	free(ov);
}

static int fake_setup(struct overlay *ov, const struct strv *blocks, struct err *err)
{
	if (blocks->n == 0)
		return err_set(err, -EINVAL, "set up overlay: the node has no block of addresses");
	strv_fini(&ov->blocks);
	strv_copy(&ov->blocks, blocks);
	return 0;
}

static int fake_attach(struct overlay *ov, const struct overlay_link_spec *spec,
		       struct overlay_link *ret, struct err *err)
{
	struct fake_network *net = ov->net;
	char ip[IPV4_STR_MAX];

	if (!overlay_blocks_have(&ov->blocks, spec->ip))
		return err_set(err, -EADDRNOTAVAIL, "attach %s: %s is in no block of this node",
			       spec->instance_id, format_ipv4(spec->ip, ip));
	map_for_each(&net->links, i, e) {
		const struct fake_link *other = e->value;

		if (other->ip == spec->ip && !str_eq(e->key, spec->instance_id))
			return err_set(err, -EADDRINUSE, "attach %s: %s belongs to %s",
				       spec->instance_id, format_ipv4(spec->ip, ip), e->key);
	}
	struct fake_link *link = NEW(struct fake_link);
	*link = (struct fake_link){ .ip = spec->ip, .is_tap = spec->is_tap };
	struct fake_link *before = map_set(&net->links, spec->instance_id, link);
	overlay_link_describe(&ov->plan, spec, ret);
	ret->is_new = spec->is_tap && !before;
	free(before);
	return 0;
}

static int fake_detach(struct overlay *ov, const struct overlay_leaver *leavers, size_t n,
		       struct err *err)
{
	for (size_t i = 0; i < n; i++)
		free(map_remove(&ov->net->links, leavers[i].instance_id));
	return 0;
}

static int fake_publish(struct overlay *ov, const struct overlay_table *table, struct err *err)
{
	struct fake_network *net = ov->net;

	if (ov->blocks.n == 0)
		return err_set(err, -EINVAL,
			       "publish service addresses: the overlay is not set up");
	forget_table(net);
	for (size_t i = 0; i < table->n_services; i++) {
		const struct overlay_service *s = &table->services[i];

		*ARRAY_ADD(net->services, net->n_services) = (struct fake_service){
			.ip = s->rr_ip,
			.first = net->n_backends,
			.n = s->n_backends,
		};
		for (size_t k = 0; k < s->n_backends; k++)
			*ARRAY_ADD(net->backends, net->n_backends) = s->backends[k];
	}
	return 0;
}

static int fake_list(struct overlay *ov, struct strv *ret, struct err *err)
{
	struct strv ids = { 0 };

	map_for_each(&ov->net->links, i, e)
		strv_add(&ids, e->key);
	*ret = ids;
	return 0;
}

static int fake_check(struct overlay *ov, struct strv *ret, struct err *err)
{
	*ret = (struct strv){ 0 };
	return 0;
}

static int fake_look(struct overlay *ov, const struct overlay_link_spec *specs, size_t n,
		     struct strv *ret_lost, struct err *err)
{
	struct strv lost = { 0 };

	for (size_t i = 0; i < n; i++)
		if (!map_find(&ov->net->links, specs[i].instance_id))
			strv_add(&lost, specs[i].instance_id);
	*ret_lost = lost;
	return 0;
}

static int fake_down(struct overlay *ov, struct err *err)
{
	forget_table(ov->net);
	forget_links(ov->net);
	strv_fini(&ov->blocks);
	return 0;
}

const struct overlay_driver overlay_fake = {
	.open = fake_open,
	.close = fake_close,
	.setup = fake_setup,
	.attach = fake_attach,
	.detach = fake_detach,
	.publish = fake_publish,
	.list = fake_list,
	.check = fake_check,
	.look = fake_look,
	.down = fake_down,
};
