/* Reading links. */
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "wire/netlink/internal.h"

struct links {
	struct netlink_link *items;
	size_t n;
};

static void links_reset(void *arg)
{
	struct links *links = arg;

	free(TAKE(links->items));
	links->n = 0;
}

static void parse_tun(const struct nlattr *data, struct netlink_link *ret)
{
	const struct nlattr *a[IFLA_TUN_MULTI_QUEUE + 1];

	netlink_nested(data, a, IFLA_TUN_MULTI_QUEUE);
	ret->is_tap = netlink_u8(a[IFLA_TUN_TYPE]) == IFF_TAP && netlink_u8(a[IFLA_TUN_PERSIST]) &&
		      !netlink_u8(a[IFLA_TUN_MULTI_QUEUE]);
	ret->tap_owner = a[IFLA_TUN_OWNER] ? netlink_u32(a[IFLA_TUN_OWNER]) : UINT32_MAX;
}

static void parse_info(const struct nlattr *info, struct netlink_link *ret)
{
	const struct nlattr *a[IFLA_INFO_MAX + 1];
	const struct nlattr *port[IFLA_BRPORT_MODE + 1];
	char port_kind[16];

	netlink_nested(info, a, IFLA_INFO_MAX);
	netlink_text(a[IFLA_INFO_KIND], ret->kind, sizeof(ret->kind));
	netlink_text(a[IFLA_INFO_SLAVE_KIND], port_kind, sizeof(port_kind));
	if (str_eq(ret->kind, "tun"))
		parse_tun(a[IFLA_INFO_DATA], ret);
	if (str_eq(port_kind, "bridge")) {
		netlink_nested(a[IFLA_INFO_SLAVE_DATA], port, IFLA_BRPORT_MODE);
		ret->is_hairpin = netlink_u8(port[IFLA_BRPORT_MODE]);
		ret->is_carrying &= netlink_u8(port[IFLA_BRPORT_STATE]) == BR_STATE_FORWARDING;
	}
}

static void parse_link(const struct nlmsghdr *nlh, struct netlink_link *ret)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a[IFLA_MAX + 1];

	netlink_attrs(nlh, sizeof(*ifi), a, IFLA_MAX);
	*ret = (struct netlink_link){
		.index = (uint32_t)ifi->ifi_index,
		.master = netlink_u32(a[IFLA_MASTER]),
		.peer = netlink_u32(a[IFLA_LINK]),
		.mtu = netlink_u32(a[IFLA_MTU]),
		.is_up = ifi->ifi_flags & IFF_UP,
		.is_carrying = netlink_u8(a[IFLA_OPERSTATE]) == IF_OPER_UP,
	};
	netlink_text(a[IFLA_IFNAME], ret->name, sizeof(ret->name));
	netlink_text(a[IFLA_IFALIAS], ret->alias, sizeof(ret->alias));
	if (a[IFLA_ADDRESS] && mnl_attr_get_payload_len(a[IFLA_ADDRESS]) == NETLINK_MAC_SIZE)
		memcpy(ret->mac, mnl_attr_get_payload(a[IFLA_ADDRESS]), NETLINK_MAC_SIZE);
	parse_info(a[IFLA_LINKINFO], ret);
}

static int link_each(const struct nlmsghdr *nlh, void *arg)
{
	struct links *links = arg;

	if (nlh->nlmsg_type == RTM_NEWLINK)
		parse_link(nlh, ARRAY_ADD(links->items, links->n));
	return MNL_CB_OK;
}

int netlink_link_list(struct netlink *nl, struct netlink_link **ret, size_t *ret_n, struct err *err)
{
	struct links links = { 0 };
	struct nlmsghdr *nlh = netlink_begin(nl, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = netlink_begin_header(nlh, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	int r = netlink_dump(nl, nlh, &(struct netlink_dump){ link_each, links_reset, &links });
	if (r < 0) {
		free(links.items);
		return err_set(err, r, "list links: %s", strerror(-r));
	}
	*ret = links.items;
	*ret_n = links.n;
	return 0;
}

int netlink_link_find(struct netlink *nl, const char *name, struct netlink_link *ret,
		      struct err *err)
{
	struct links links = { 0 };
	struct nlmsghdr *nlh = netlink_begin(nl, RTM_GETLINK, 0);

	netlink_begin_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	int r = netlink_ask(nl, nlh, link_each, &links);
	if (r == 0 && links.n == 0)
		r = -ENODEV;
	if (r == 0)
		*ret = links.items[0];
	free(links.items);
	return r < 0 ? err_set(err, r, "find link %s: %s", name, strerror(-r)) : 0;
}

static bool is_carrying(struct netlink *nl, const char *name)
{
	struct netlink_link link;
	struct err absent;

	return netlink_link_find(nl, name, &link, &absent) == 0 && link.is_carrying;
}

/* News only wake us up; what they say is read anew. */
static int await_news(struct netlink *news, uint64_t end_ms)
{
	struct pollfd p = { .fd = mnl_socket_get_fd(news->sock), .events = POLLIN };
	int r = clock_poll(&p, 1, end_ms);

	if (r > 0)
		recv(p.fd, news->answer, sizeof(news->answer), MSG_DONTWAIT);
	return r;
}

int netlink_link_await(const char *netns_path, const char *name, unsigned timeout_ms,
		       struct err *err)
{
	auto_(netlink_close) struct netlink *nl = NULL;
	auto_(netlink_close) struct netlink *news = NULL;
	uint64_t end_ms = clock_monotonic_ms() + timeout_ms;
	int group = RTNLGRP_LINK;
	int r = netlink_open(netns_path, &nl, err);

	if (r == 0)
		r = netlink_open(netns_path, &news, err);
	if (r < 0)
		return r;
	if (mnl_socket_setsockopt(news->sock, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return err_errno(err, "follow links");
	while (!is_carrying(nl, name)) {
		r = await_news(news, end_ms);
		if (r < 0)
			return err_set(err, r, "follow links: %s", strerror(-r));
		if (r == 0)
			return err_set(err, -ETIMEDOUT, "wait for link %s: no carrier after %u ms",
				       name, timeout_ms);
	}
	return 0;
}
