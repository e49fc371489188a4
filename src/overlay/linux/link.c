/* Links of instances: a network namespace with eth0 for a container, a tap for a unikernel, or
 * both, the tap inside. The instance's id is the alias of the host's end. */
#include <dirent.h>

#include "overlay/linux/linux.h"

#define LOOPBACK_INDEX 1 /* of lo, in every namespace */

static bool has_netns(const struct overlay_link_spec *spec)
{
	return !spec->is_tap || spec->is_inner;
}

static char *netns_path_of(const struct overlay *ov, const char *instance_id)
{
	return xasprintf("%s%s", ov->plan.netns_prefix, instance_id);
}

/* Of an earlier address, or of an earlier owner of this one. */
static int remove_stale(struct overlay *ov, const struct overlay_link_spec *spec,
			const char *ifname, struct err *err)
{
	auto_free struct netlink_link *links = NULL;
	size_t n = 0;
	int r = netlink_link_list(ov->nl, &links, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		bool has_name = str_eq(links[i].name, ifname);
		bool has_alias = str_eq(links[i].alias, spec->instance_id);

		if (has_name != has_alias && overlay_ifname_is_ours(&ov->plan, links[i].name))
			r = netlink_link_delete(ov->nl, links[i].index, err);
	}
	return r;
}

/* The port of the bridge. Its mode is refused together with becoming one. */
static int plug(struct overlay *ov, const char *ifname, const char *alias, struct err *err)
{
	struct netlink_link bridge;
	struct netlink_link link;
	int r = netlink_link_find(ov->nl, ov->plan.bridge, &bridge, err);

	if (r == 0)
		r = netlink_link_find(ov->nl, ifname, &link, err);
	if (r == 0)
		r = netlink_link_change(ov->nl, link.index,
					&(struct netlink_change){
						.alias = alias,
						.master = bridge.index,
						.mtu = OVERLAY_MTU,
						.is_up = true,
					},
					err);
	if (r == 0)
		r = netlink_link_change(ov->nl, link.index,
					&(struct netlink_change){ .is_hairpin = true }, err);
	return r;
}

/* 1 if it was not there. */
static int make_tap(struct overlay *ov, const struct overlay_link_spec *spec, const char *ifname,
		    struct err *err)
{
	struct netlink_link link;
	struct err absent;

	if (netlink_link_find(ov->nl, ifname, &link, &absent) == 0) {
		if (link.is_tap && link.tap_owner == spec->tap_uid)
			return 0;
		int r = netlink_link_delete(ov->nl, link.index, err);
		if (r < 0)
			return r;
	}
	int r = netlink_tap_add(ifname, spec->tap_uid, err);
	return r < 0 ? r : 1;
}

/* Whether the host's end and eth0 inside are one pair. */
static bool is_pair(struct overlay *ov, const char *ifname, struct netlink *inside)
{
	struct netlink_link host;
	struct netlink_link eth0;
	struct err absent;

	return netlink_link_find(ov->nl, ifname, &host, &absent) == 0 &&
	       netlink_link_find(inside, "eth0", &eth0, &absent) == 0 &&
	       str_eq(host.kind, "veth") && host.peer == eth0.index && eth0.peer == host.index;
}

static int delete_if_there(struct netlink *nl, const char *name, struct err *err)
{
	struct netlink_link link;
	struct err absent;

	if (netlink_link_find(nl, name, &link, &absent) < 0)
		return 0;
	return netlink_link_delete(nl, link.index, err);
}

static int make_veth(struct overlay *ov, const struct netlink_veth *veth, struct netlink *inside,
		     struct err *err)
{
	if (is_pair(ov, veth->name, inside))
		return 0;
	int r = delete_if_there(ov->nl, veth->name, err);
	if (r == 0)
		r = delete_if_there(inside, veth->peer_name, err);
	return r < 0 ? r : netlink_veth_add(ov->nl, veth, err);
}

static int disable_ipv6(const char *netns, struct err *err)
{
	int home;
	int r = netns_enter(netns, &home, err);

	if (r < 0)
		return r;
	r = sysctl_set("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1", err);
	if (r == 0)
		r = sysctl_set("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1", err);
	netns_leave(home);
	return r;
}

static int configure_inside(struct netlink *inside, uint32_t ip, const uint8_t *mac,
			    struct err *err)
{
	struct netlink_link eth0;
	int r = netlink_link_change(inside, LOOPBACK_INDEX,
				    &(struct netlink_change){ .is_up = true }, err);

	if (r == 0)
		r = netlink_link_find(inside, "eth0", &eth0, err);
	if (r == 0)
		r = netlink_link_change(
			inside, eth0.index,
			&(struct netlink_change){ .mac = mac, .mtu = OVERLAY_MTU, .is_up = true },
			err);
	if (r == 0)
		r = addresses_set(inside,
				  &(struct netlink_addr){
					  .index = eth0.index,
					  .ip = ip,
					  .prefix = OVERLAY_BLOCK_PREFIX,
				  },
				  1, err);
	if (r == 0)
		r = netlink_route_set(inside,
				      &(struct netlink_route){
					      .index = eth0.index,
					      .gateway = overlay_gateway(ip),
				      },
				      err);
	return r;
}

/* 1 if a tap in it was not there. */
static int make_netns(struct overlay *ov, const struct overlay_link_spec *spec, const char *ifname,
		      struct err *err)
{
	auto_free char *path = netns_path_of(ov, spec->instance_id);
	auto_(netlink_close) struct netlink *inside = NULL;
	uint8_t mac[NETLINK_MAC_SIZE];
	const struct netlink_veth veth = {
		.name = ifname,
		.peer_name = "eth0",
		.peer_mac = mac,
		.peer_netns = path,
		.mtu = OVERLAY_MTU,
	};

	overlay_mac(spec->ip, mac);
	int r = spec->is_inner ? 0 : inner_leave(path, err);
	if (r == 0)
		r = spec->pid && !netns_exists(path) ? netns_name(path, spec->pid, err)
						     : netns_make(path, err);
	if (r == 0)
		r = disable_ipv6(path, err);
	if (r == 0)
		r = netlink_open(path, &inside, err);
	if (r == 0)
		r = make_veth(ov, &veth, inside, err);
	if (r == 0)
		r = configure_inside(inside, spec->ip, mac, err);
	return r == 0 && spec->is_inner ? inner_make(spec, path, err) : r;
}

/* Otherwise the first packet of an instance gets lost, and with it five seconds if it asked for a
 * name. A tap has no carrier before its guest runs. */
static int await_carrier(const struct overlay *ov, const struct overlay_link_spec *spec,
			 const char *ifname, struct err *err)
{
	auto_free char *netns = netns_path_of(ov, spec->instance_id);

	if (!has_netns(spec))
		return 0;
	int r = netlink_link_await(NULL, ifname, CARRY_TIMEOUT_MS, err);
	return r < 0 ? r : netlink_link_await(netns, "eth0", CARRY_TIMEOUT_MS, err);
}

int link_attach(struct overlay *ov, const struct overlay_link_spec *spec, struct overlay_link *ret,
		struct err *err)
{
	char ifname[OVERLAY_IFNAME_MAX];
	char ip[IPV4_STR_MAX];

	if (!overlay_blocks_have(&ov->blocks, spec->ip))
		return err_set(err, -EADDRNOTAVAIL, "attach %s: %s is in no block of this node",
			       spec->instance_id, format_ipv4(spec->ip, ip));
	overlay_ifname(&ov->plan, spec->ip, ifname);
	int r = remove_stale(ov, spec, ifname, err);
	if (r == 0)
		r = has_netns(spec) ? make_netns(ov, spec, ifname, err)
				    : make_tap(ov, spec, ifname, err);
	bool is_new = r > 0;
	if (r >= 0)
		r = plug(ov, ifname, spec->instance_id, err);
	if (r == 0)
		r = await_carrier(ov, spec, ifname, err);
	if (r < 0)
		return err_wrap(err, "attach %s", spec->instance_id);
	overlay_link_describe(&ov->plan, spec, ret);
	ret->is_new = is_new;
	return 0;
}

/* A link without alias is one that a crash left behind. */
static bool is_link_of(const struct overlay *ov, const struct netlink_link *link,
		       const struct overlay_leaver *leaver)
{
	char ifname[OVERLAY_IFNAME_MAX];

	if (link->alias[0])
		return str_eq(link->alias, leaver->instance_id);
	return leaver->ip && str_eq(link->name, overlay_ifname(&ov->plan, leaver->ip, ifname));
}

static bool is_leaving(const struct overlay *ov, const struct netlink_link *link,
		       const struct overlay_leaver *leavers, size_t n)
{
	if (!overlay_ifname_is_ours(&ov->plan, link->name))
		return false;
	for (size_t i = 0; i < n; i++)
		if (is_link_of(ov, link, &leavers[i]))
			return true;
	return false;
}

static int delete_links(struct overlay *ov, const struct overlay_leaver *leavers, size_t n,
			struct err *err)
{
	auto_free struct netlink_link *links = NULL;
	auto_free uint32_t *indexes = NULL;
	size_t n_links = 0;
	size_t n_indexes = 0;
	int r = netlink_link_list(ov->nl, &links, &n_links, err);

	for (size_t i = 0; r == 0 && i < n_links; i++)
		if (is_leaving(ov, &links[i], leavers, n))
			*ARRAY_ADD(indexes, n_indexes) = links[i].index;
	return r < 0 ? r
		     : netlink_links_delete(ov->nl, indexes, n_indexes, ov->plan.leaving_group,
					    err);
}

int link_detach(struct overlay *ov, const struct overlay_leaver *leavers, size_t n, struct err *err)
{
	int r = delete_links(ov, leavers, n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		auto_free char *netns = netns_path_of(ov, leavers[i].instance_id);

		r = netns_remove(netns, err);
	}
	if (r == 0)
		r = flows_forget(leavers, n, err);
	return r < 0 ? err_wrap(err, "detach %s%s", leavers[0].instance_id,
				n > 1 ? " and others" : "")
		     : 0;
}

static void add_id(struct strv *ids, const char *id)
{
	if (id_is_valid(id) && !strv_has(ids, id))
		strv_add(ids, id);
}

static int list_netns(const struct overlay *ov, struct strv *ids, struct err *err)
{
	const char *name = strrchr(ov->plan.netns_prefix, '/') + 1;
	auto_free char *dir = xstrndup(ov->plan.netns_prefix,
				       (size_t)(name - 1 - ov->plan.netns_prefix));
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT ? 0 : err_errno(err, "list %s", dir);
	for (struct dirent *e; (e = readdir(d));)
		if (str_starts(e->d_name, name))
			add_id(ids, e->d_name + strlen(name));
	closedir(d);
	return 0;
}

int link_list(struct overlay *ov, struct strv *ret, struct err *err)
{
	auto_free struct netlink_link *links = NULL;
	auto_strv struct strv ids = { 0 };
	size_t n = 0;
	int r = netlink_link_list(ov->nl, &links, &n, err);

	if (r == 0)
		r = list_netns(ov, &ids, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (overlay_ifname_is_ours(&ov->plan, links[i].name))
			add_id(&ids, links[i].alias);
	*ret = ids;
	ids = (struct strv){ 0 };
	return 0;
}
