/* Making, changing and removing links. */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "wire/netlink/internal.h"

static struct nlmsghdr *link_begin(struct netlink *nl, uint16_t flags, uint32_t index,
				   unsigned set_flags)
{
	struct nlmsghdr *nlh = netlink_begin(nl, RTM_NEWLINK, flags);
	struct ifinfomsg *ifi = netlink_begin_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	ifi->ifi_flags = set_flags;
	ifi->ifi_change = set_flags;
	return nlh;
}

static void put_hairpin(struct nlmsghdr *nlh)
{
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);

	mnl_attr_put_strz(nlh, IFLA_INFO_SLAVE_KIND, "bridge");
	struct nlattr *data = mnl_attr_nest_start(nlh, IFLA_INFO_SLAVE_DATA);
	mnl_attr_put_u8(nlh, IFLA_BRPORT_MODE, 1);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

int netlink_link_change(struct netlink *nl, uint32_t index, const struct netlink_change *change,
			struct err *err)
{
	struct nlmsghdr *nlh = link_begin(nl, 0, index, change->is_up ? IFF_UP : 0);

	if (change->alias)
		mnl_attr_put_str(nlh, IFLA_IFALIAS, change->alias);
	if (change->mac)
		mnl_attr_put(nlh, IFLA_ADDRESS, NETLINK_MAC_SIZE, change->mac);
	if (change->master)
		mnl_attr_put_u32(nlh, IFLA_MASTER, change->master);
	if (change->mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, change->mtu);
	if (change->is_hairpin)
		put_hairpin(nlh);
	int r = netlink_send(nl, nlh);
	return r < 0 ? err_set(err, r, "change link %u: %s", index, strerror(-r)) : 0;
}

int netlink_link_delete(struct netlink *nl, uint32_t index, struct err *err)
{
	struct nlmsghdr *nlh = netlink_begin(nl, RTM_DELLINK, 0);
	struct ifinfomsg *ifi = netlink_begin_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	int r = netlink_send(nl, nlh);
	return r < 0 && r != -ENODEV ? err_set(err, r, "remove link %u: %s", index, strerror(-r))
				     : 0;
}

/* Whoever else puts links into this group has them deleted, too. */
static int set_group(struct netlink *nl, uint32_t index, uint32_t group, struct err *err)
{
	struct nlmsghdr *nlh = link_begin(nl, 0, index, 0);

	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
	int r = netlink_send(nl, nlh);
	return r < 0 && r != -ENODEV
		       ? err_set(err, r, "set group of link %u: %s", index, strerror(-r))
		       : 0;
}

int netlink_links_delete(struct netlink *nl, const uint32_t *indexes, size_t n, uint32_t group,
			 struct err *err)
{
	if (n == 0)
		return 0;
	if (n == 1)
		return netlink_link_delete(nl, indexes[0], err);
	for (size_t i = 0; i < n; i++) {
		int r = set_group(nl, indexes[i], group, err);

		if (r < 0)
			return r;
	}
	struct nlmsghdr *nlh = netlink_begin(nl, RTM_DELLINK, 0);
	netlink_begin_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
	int r = netlink_send(nl, nlh);
	return r < 0 && r != -ENODEV ? err_set(err, r, "remove %zu links: %s", n, strerror(-r)) : 0;
}

int netlink_bridge_make(struct netlink *nl, const char *name, const uint8_t *mac, struct err *err)
{
	struct nlmsghdr *nlh = link_begin(nl, NLM_F_CREATE, 0, 0);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put(nlh, IFLA_ADDRESS, NETLINK_MAC_SIZE, mac);
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "bridge");
	struct nlattr *data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u32(nlh, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u32(nlh, IFLA_BR_FORWARD_DELAY, 0);
	mnl_attr_put_u8(nlh, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	int r = netlink_send(nl, nlh);
	return r < 0 ? err_set(err, r, "create bridge %s: %s", name, strerror(-r)) : 0;
}

static void put_peer(struct nlmsghdr *nlh, const struct netlink_veth *veth, int netns)
{
	struct nlattr *peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);

	netlink_begin_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, veth->peer_name);
	mnl_attr_put(nlh, IFLA_ADDRESS, NETLINK_MAC_SIZE, veth->peer_mac);
	mnl_attr_put_u32(nlh, IFLA_MTU, veth->mtu);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)netns);
	mnl_attr_nest_end(nlh, peer);
}

int netlink_veth_add(struct netlink *nl, const struct netlink_veth *veth, struct err *err)
{
	auto_close int netns = open(veth->peer_netns, O_RDONLY | O_CLOEXEC);
	struct nlmsghdr *nlh = link_begin(nl, NLM_F_CREATE | NLM_F_EXCL, 0, 0);

	if (netns < 0)
		return err_errno(err, "open network namespace %s", veth->peer_netns);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, veth->name);
	mnl_attr_put_u32(nlh, IFLA_MTU, veth->mtu);
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	put_peer(nlh, veth, netns);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	int r = netlink_send(nl, nlh);
	return r < 0 ? err_set(err, r, "create link %s: %s", veth->name, strerror(-r)) : 0;
}
