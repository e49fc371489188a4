/* Whether all is still as we made it. Others of the host may flush the ruleset (the restart of a
 * firewall does), delete links, or tidy up what they do not know. */
#include "overlay/linux/linux.h"

static const struct netlink_link *find_name(const struct netlink_link *links, size_t n,
					    const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(links[i].name, name))
			return &links[i];
	return NULL;
}

static bool has_address(const struct netlink_addr *addrs, size_t n, uint32_t index, uint32_t ip)
{
	for (size_t i = 0; i < n; i++)
		if (addrs[i].index == index && addrs[i].ip == ip)
			return true;
	return false;
}

static int has_gateways(struct overlay *ov, uint32_t bridge, bool *ret, struct err *err)
{
	auto_free struct netlink_addr *addrs = NULL;
	size_t n = 0;
	bool has_all = true;
	int r = netlink_addr_list(ov->nl, &addrs, &n, err);

	for (size_t i = 0; r == 0 && i < ov->blocks.n; i++) {
		uint32_t first;
		unsigned prefix;

		if (parse_cidr(ov->blocks.items[i], &first, &prefix) == 0 &&
		    !has_address(addrs, n, bridge, overlay_gateway(first)))
			has_all = false;
	}
	if (r == 0)
		*ret = has_all;
	return r;
}

static bool is_plugged(const struct overlay *ov, const struct netlink_link *link,
		       const struct netlink_link *bridge)
{
	return link && bridge && link->is_up && link->master == bridge->index;
}

static bool has_link(struct overlay *ov, const struct overlay_link_spec *spec,
		     const struct netlink_link *link, const struct netlink_link *bridge)
{
	auto_free char *netns = xasprintf("%s%s", ov->plan.netns_prefix, spec->instance_id);

	if (!is_plugged(ov, link, bridge))
		return false;
	if (spec->is_inner)
		return netns_exists(netns) && inner_is_whole(netns);
	return spec->is_tap || netns_exists(netns);
}

static int is_base_whole(struct overlay *ov, const struct netlink_link *bridge,
			 const struct netlink_link *carrier, bool *ret, struct err *err)
{
	bool is_whole = bridge && bridge->is_up && is_plugged(ov, carrier, bridge);
	int r = is_whole ? has_gateways(ov, bridge->index, &is_whole, err) : 0;

	if (r == 0 && is_whole)
		r = rules_exist(ov, &is_whole, err);
	if (r == 0)
		*ret = is_whole;
	return r;
}

int overlay_look(struct overlay *ov, const struct overlay_link_spec *specs, size_t n,
		 struct strv *ret_lost, struct err *err)
{
	auto_free struct netlink_link *links = NULL;
	struct strv lost = { 0 };
	bool is_whole = true;
	size_t n_links = 0;
	int r = netlink_link_list(ov->nl, &links, &n_links, err);

	if (r < 0 || !ov->blocks.n) /* not set up yet: nothing to be missed */
		return r;
	const struct netlink_link *bridge = find_name(links, n_links, ov->plan.bridge);
	r = is_base_whole(ov, bridge, find_name(links, n_links, ov->plan.carrier[0]), &is_whole,
			  err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		char ifname[OVERLAY_IFNAME_MAX];

		overlay_ifname(&ov->plan, specs[i].ip, ifname);
		if (!has_link(ov, &specs[i], find_name(links, n_links, ifname), bridge))
			strv_add(&lost, specs[i].instance_id);
	}
	*ret_lost = lost;
	return !is_whole;
}
