/* The bridge: the gateway of every block, the host's way to service addresses. */
#include "overlay/linux/linux.h"

static bool overlaps(const struct netlink_route *route, uint32_t first, uint32_t last)
{
	uint32_t end = route->dst + (uint32_t)((UINT64_C(1) << (32 - route->prefix)) - 1);

	return route->dst <= last && end >= first;
}

static const struct netlink_link *find_index(const struct netlink_link *links, size_t n,
					     uint32_t index)
{
	for (size_t i = 0; i < n; i++)
		if (links[i].index == index)
			return &links[i];
	return NULL;
}

static int tell_overlap(const struct netlink_route *route, const char *link, const char *pool,
			struct err *err)
{
	char dst[IPV4_STR_MAX];

	format_ipv4(route->dst, dst);
	if (str_starts(link, "holm-"))
		return err_set(
			err, -EEXIST,
			"use pool %s: another Holm on this host (bridge %s) has %s/%u of it; "
			"give one of them another pool",
			pool, link, dst, route->prefix);
	return err_set(err, -EEXIST,
		       "use pool %s: this host has a route to %s/%u (%s); configure another pool",
		       pool, dst, route->prefix, link);
}

static int check_route(const struct overlay_plan *plan, const struct netlink_route *route,
		       const char *link, struct err *err)
{
	char pool[OVERLAY_RANGE_MAX];

	if (route->prefix == 0 || str_eq(link, plan->bridge))
		return 0;
	if (overlaps(route, plan->ns_first, plan->ns_last))
		return tell_overlap(route, link, overlay_ns_format(plan, pool), err);
	if (overlaps(route, plan->svc_first, overlay_svc_last(plan)))
		return tell_overlap(route, link, overlay_svc_format(plan, pool), err);
	return 0;
}

int bridge_check_pools(struct overlay *ov, struct err *err)
{
	auto_free struct netlink_route *routes = NULL;
	auto_free struct netlink_link *links = NULL;
	size_t n_routes = 0;
	size_t n_links = 0;
	int r = netlink_route_list(ov->nl, &routes, &n_routes, err);

	if (r == 0)
		r = netlink_link_list(ov->nl, &links, &n_links, err);
	for (size_t i = 0; r == 0 && i < n_routes; i++) {
		const struct netlink_link *link = find_index(links, n_links, routes[i].index);

		r = check_route(&ov->plan, &routes[i], link ? link->name : "no link", err);
	}
	return r;
}

static bool is_among(const struct netlink_addr *addr, const struct netlink_addr *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (wanted[i].ip == addr->ip && wanted[i].prefix == addr->prefix)
			return true;
	return false;
}

int addresses_set(struct netlink *nl, const struct netlink_addr *wanted, size_t n, struct err *err)
{
	auto_free struct netlink_addr *addrs = NULL;
	size_t n_addrs = 0;
	int r = netlink_addr_list(nl, &addrs, &n_addrs, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = netlink_addr_add(nl, &wanted[i], err);
	for (size_t i = 0; r == 0 && i < n_addrs; i++)
		if (addrs[i].index == wanted[0].index && !is_among(&addrs[i], wanted, n))
			r = netlink_addr_delete(nl, &addrs[i], err);
	return r;
}

/* Not of a port, as a bridge without an address of its own has: that would change as ports come and
 * go, and with it what instances know of their gateway. */
static void bridge_mac(const struct overlay_plan *plan, uint8_t out[NETLINK_MAC_SIZE])
{
	uint32_t node = 0;

	for (int i = 0; i < 8; i++) {
		const char c = plan->node[i];

		node = node << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	overlay_mac(node, out);
	out[1] = 1;
}

static int disable_ipv6(const char *link, struct err *err)
{
	auto_free char *path = xasprintf("/proc/sys/net/ipv6/conf/%s/disable_ipv6", link);

	return sysctl_set(path, "1", err);
}

static int set_bridge_sysctls(const struct overlay_plan *plan, struct err *err)
{
	static const struct {
		const char *name;
		const char *value;
	} settings[] = {
		{ "forwarding", "1" },
		{ "route_localnet", "1" },
		{ "send_redirects", "0" },
	};
	int r = disable_ipv6(plan->bridge, err);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(settings); i++) {
		auto_free char *path = xasprintf("/proc/sys/net/ipv4/conf/%s/%s", plan->bridge,
						 settings[i].name);

		r = sysctl_set(path, settings[i].value, err);
	}
	return r;
}

static int set_addresses(struct overlay *ov, uint32_t index, struct err *err)
{
	auto_free struct netlink_addr *wanted = xcalloc(ov->blocks.n, sizeof(*wanted));

	for (size_t i = 0; i < ov->blocks.n; i++) {
		uint32_t first;
		unsigned prefix;

		if (parse_cidr(ov->blocks.items[i], &first, &prefix) < 0 ||
		    prefix != OVERLAY_BLOCK_PREFIX || first < ov->plan.ns_first ||
		    first > ov->plan.ns_last)
			return err_set(err, -EINVAL, "use block %s: no /%d of the namespace pool",
				       ov->blocks.items[i], OVERLAY_BLOCK_PREFIX);
		wanted[i] = (struct netlink_addr){
			.index = index,
			.ip = overlay_gateway(first),
			.prefix = prefix,
		};
	}
	int r = addresses_set(ov->nl, wanted, ov->blocks.n, err);
	if (r < 0)
		return r;
	return netlink_route_set(ov->nl,
				 &(struct netlink_route){
					 .dst = ov->plan.svc_first,
					 .prefix = ov->plan.svc_prefix,
					 .index = index,
					 .source = wanted[0].ip,
				 },
				 err);
}

/* Links of the host with an address that others know: packets for instances come in there. */
static int set_uplinks(struct overlay *ov, uint32_t bridge, struct err *err)
{
	auto_free struct netlink_addr *addrs = NULL;
	auto_free struct netlink_link *links = NULL;
	size_t n_addrs = 0;
	size_t n_links = 0;
	int r = netlink_addr_list(ov->nl, &addrs, &n_addrs, err);

	if (r == 0)
		r = netlink_link_list(ov->nl, &links, &n_links, err);
	for (size_t i = 0; r == 0 && i < n_addrs; i++) {
		const struct netlink_link *link = find_index(links, n_links, addrs[i].index);

		if (!addrs[i].is_global || addrs[i].index == bridge || !link)
			continue;
		auto_free char *path = xasprintf("/proc/sys/net/ipv4/conf/%s/forwarding",
						 link->name);
		r = sysctl_record_and_set(ov, path, "1", err);
	}
	return r;
}

static int carrier_add(struct overlay *ov, struct err *err)
{
	static const uint8_t mac[NETLINK_MAC_SIZE] = { 0x02, 0x02, 0, 0, 0, 1 };
	const struct netlink_veth veth = {
		.name = ov->plan.carrier[0],
		.peer_name = ov->plan.carrier[1],
		.peer_mac = mac,
		.peer_netns = "/proc/thread-self/ns/net",
		.mtu = OVERLAY_MTU,
	};

	return netlink_veth_add(ov->nl, &veth, err);
}

/* The far end is a link of this host like any other: it would answer for the gateway's address with a
 * MAC of its own, and what instances then send to it is not forwarded. */
static int silence(const char *link, struct err *err)
{
	auto_free char *path = xasprintf("/proc/sys/net/ipv4/conf/%s/arp_ignore", link);
	int r = disable_ipv6(link, err);

	return r < 0 ? r : sysctl_set(path, "8", err);
}

/* A bridge without a carrying port drops what the host sends, and goes on doing so for up to a second
 * after the first instance came. So it has a port from the start, whose far end nobody uses. */
static int carrier_make(struct overlay *ov, uint32_t bridge, struct err *err)
{
	struct netlink_link links[2];
	struct err absent;
	int r = 0;

	if (netlink_link_find(ov->nl, ov->plan.carrier[0], &links[0], &absent) < 0)
		r = carrier_add(ov, err);
	for (int i = 0; r == 0 && i < 2; i++) {
		const struct netlink_change change = { .master = i == 0 ? bridge : 0,
						       .is_up = true };

		r = silence(ov->plan.carrier[i], err);
		if (r == 0)
			r = netlink_link_find(ov->nl, ov->plan.carrier[i], &links[i], err);
		if (r == 0)
			r = netlink_link_change(ov->nl, links[i].index, &change, err);
	}
	return r < 0 ? r : netlink_link_await(NULL, ov->plan.bridge, CARRY_TIMEOUT_MS, err);
}

int bridge_make(struct overlay *ov, struct err *err)
{
	uint8_t mac[NETLINK_MAC_SIZE];
	struct netlink_link link;
	const char *name = ov->plan.bridge;

	bridge_mac(&ov->plan, mac);
	int r = netlink_bridge_make(ov->nl, name, mac, err);
	if (r == 0)
		r = set_bridge_sysctls(&ov->plan, err);
	if (r == 0)
		r = netlink_link_find(ov->nl, name, &link, err);
	if (r == 0)
		r = netlink_link_change(
			ov->nl, link.index,
			&(struct netlink_change){ .mtu = OVERLAY_MTU, .is_up = true }, err);
	if (r == 0)
		r = carrier_make(ov, link.index, err);
	if (r == 0)
		r = set_addresses(ov, link.index, err);
	if (r == 0)
		r = set_uplinks(ov, link.index, err);
	/* What is forwarded back out of the bridge is no detour, yet each redirect for it uses up the
	 * sender's share of ICMP errors. Links keep what they have by themselves. */
	if (r == 0)
		r = sysctl_record_and_set(ov, "/proc/sys/net/ipv4/conf/all/send_redirects", "0",
					  err);
	return r < 0 ? err_wrap(err, "make bridge %s", name) : 0;
}
