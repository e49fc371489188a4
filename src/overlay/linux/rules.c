/* The nftables table and the connections that it gave rise to. */
#include <netinet/in.h>

#include "overlay/linux/linux.h"

int rules_exist(struct overlay *ov, bool *ret, struct err *err)
{
	auto_free char *wanted = xasprintf("table ip %s", ov->plan.bridge);
	auto_free char *list = xasprintf("list chain ip %s prerouting", ov->plan.bridge);
	auto_strv struct strv lines = { 0 };
	auto_free char *tables = NULL;
	auto_free char *rules = NULL;
	int r = nft_list(ov->nft, "list tables ip", &tables, err);

	if (r < 0)
		return r;
	strv_split(&lines, tables, "\n");
	struct err absent; /* no such chain, most likely */
	*ret = strv_has(&lines, wanted) && nft_list(ov->nft, list, &rules, &absent) == 0 &&
	       strstr(rules, "goto service");
	return 0;
}

static int load(struct overlay *ov, const struct nft_state *state, struct err *err)
{
	auto_buf struct buf text;

	buf_init(&text, OVERLAY_TEXT_MAX);
	if (nft_text_load(&text, &ov->plan, state) < 0)
		return err_set(err, -E2BIG, "write nftables table: more than %u MiB",
			       OVERLAY_TEXT_MAX >> 20);
	return nft_run(ov->nft, text.data, err);
}

int rules_load_if_absent(struct overlay *ov, struct err *err)
{
	bool exists;
	int r = rules_exist(ov, &exists, err);

	return r < 0 || exists ? r : load(ov, &ov->state, err);
}

/* Changes what differs; if the kernel's table is not as we left it, the whole of it. (That it is
 * gone without a change of ours is overlay_look's to find.) */
static int apply(struct overlay *ov, const struct nft_state *state, struct err *err)
{
	auto_buf struct buf text;

	buf_init(&text, OVERLAY_TEXT_MAX);
	if (!ov->is_loaded || nft_text_diff(&text, &ov->plan, &ov->state, state) < 0)
		return load(ov, state, err);
	if (text.len == 0 || nft_run(ov->nft, text.data, err) == 0)
		return 0;
	log_debug("overlay: make table %s anew: %s", ov->plan.bridge, err->msg);
	return load(ov, state, err);
}

/* Which connections end with a change of tables. */
struct stale {
	const struct overlay_plan *plan;
	const struct nft_state *old; /* NULL: not known */
	const struct nft_state *new;
	const struct netlink_link *links;
	size_t n_links;
};

static bool has_link(const struct stale *s, uint32_t ip)
{
	char ifname[OVERLAY_IFNAME_MAX];

	overlay_ifname(s->plan, ip, ifname);
	for (size_t i = 0; i < s->n_links; i++)
		if (str_eq(s->links[i].name, ifname))
			return true;
	return false;
}

static bool is_in_pool(const struct overlay_plan *plan, uint32_t ip)
{
	return ip >= plan->ns_first && ip <= plan->ns_last;
}

/* Gone since the last table. After a start there is none: then what no table and no link knows. */
static bool is_gone(const struct stale *s, uint32_t ip)
{
	if (!is_in_pool(s->plan, ip) || nft_state_lists(s->new, ip))
		return false;
	return s->old ? nft_state_lists(s->old, ip) : !has_link(s, ip);
}

static bool is_new_udp_port(const struct stale *s, uint16_t port)
{
	uint32_t key = (uint32_t)IPPROTO_UDP << 16 | port;

	return nft_state_find(s->new, NFT_PORT, key) &&
	       !(s->old && nft_state_find(s->old, NFT_PORT, key));
}

static bool is_stale(const struct conntrack_flow *flow, void *arg)
{
	const struct stale *s = arg;

	if (flow->is_dnat)
		return is_gone(s, flow->reply_src);
	if (s->old && (is_gone(s, flow->src) || is_gone(s, flow->dst)))
		return true;
	/* A sender that tried before the port was mapped keeps its connection to nobody alive. */
	return flow->protocol == IPPROTO_UDP && flow->reply_dst == flow->src &&
	       is_new_udp_port(s, flow->dport);
}

static bool may_have_stale(const struct stale *s)
{
	if (!s->old)
		return true;
	for (size_t i = 0; i < s->old->n_listed; i++)
		if (!nft_state_lists(s->new, s->old->listed[i]))
			return true;
	for (size_t i = 0; i < s->new->n; i++)
		if (s->new->items[i].kind == NFT_PORT &&
		    s->new->items[i].key >> 16 ==
			    IPPROTO_UDP &&is_new_udp_port(s, (uint16_t)s->new->items[i].key))
			return true;
	return false;
}

static int forget_stale(struct overlay *ov, const struct nft_state *state, struct err *err)
{
	auto_free struct netlink_link *links = NULL;
	struct stale s = {
		.plan = &ov->plan,
		.old = ov->is_loaded ? &ov->state : NULL,
		.new = state,
	};

	if (!may_have_stale(&s))
		return 0;
	int r = netlink_link_list(ov->nl, &links, &s.n_links, err);
	if (r < 0)
		return r;
	s.links = links;
	r = conntrack_sweep(is_stale, &s, err);
	return r < 0 ? r : 0;
}

int rules_publish(struct overlay *ov, const struct overlay_table *table, struct err *err)
{
	struct nft_state state;

	nft_state_build(&state, table);
	int r = apply(ov, &state, err);
	if (r == 0)
		r = forget_stale(ov, &state, err);
	if (r < 0) {
		nft_state_fini(&state);
		ov->is_loaded = false;
		return r;
	}
	nft_state_fini(&ov->state);
	ov->state = state;
	ov->is_loaded = true;
	return 0;
}

int rules_remove(struct overlay *ov, struct err *err)
{
	/* Naming it first makes the removal of an absent one a success. */
	auto_free char *text = xasprintf("table ip %s\ndelete table ip %s\n", ov->plan.bridge,
					 ov->plan.bridge);

	ov->is_loaded = false;
	nft_state_fini(&ov->state);
	return nft_run(ov->nft, text, err);
}

/* Addresses in ascending order. */
struct addresses {
	uint32_t *items;
	size_t n;
};

static bool has(const struct addresses *a, uint32_t ip)
{
	return bsearch(&ip, a->items, a->n, sizeof(ip), overlay_ip_compare);
}

static bool has_address(const struct conntrack_flow *flow, void *arg)
{
	return has(arg, flow->src) || has(arg, flow->dst) || has(arg, flow->reply_src) ||
	       has(arg, flow->reply_dst);
}

int flows_forget(const struct overlay_leaver *leavers, size_t n, struct err *err)
{
	auto_free uint32_t *ips = xcalloc(n, sizeof(*ips));
	struct addresses addresses = { .items = ips };

	for (size_t i = 0; i < n; i++)
		if (leavers[i].ip)
			ips[addresses.n++] = leavers[i].ip;
	if (!addresses.n)
		return 0;
	qsort(ips, addresses.n, sizeof(*ips), overlay_ip_compare);
	int r = conntrack_sweep(has_address, &addresses, err);

	return r < 0 ? r : 0;
}

static bool is_ours(const struct overlay_plan *plan, uint32_t ip)
{
	return is_in_pool(plan, ip) || (ip >= plan->svc_first && ip <= overlay_svc_last(plan));
}

static bool has_our_address(const struct conntrack_flow *flow, void *arg)
{
	return is_ours(arg, flow->src) || is_ours(arg, flow->dst) ||
	       is_ours(arg, flow->reply_src) || is_ours(arg, flow->reply_dst);
}

int flows_forget_pools(const struct overlay_plan *plan, struct err *err)
{
	struct overlay_plan copy = *plan;
	int r = conntrack_sweep(has_our_address, &copy, err);

	return r < 0 ? r : 0;
}
