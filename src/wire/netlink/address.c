/* Addresses and routes. */
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "wire/netlink/internal.h"

/* Results of a dump; `size` is that of one. */
struct rows {
	void *items;
	size_t n;
};

static void rows_reset(void *arg)
{
	struct rows *rows = arg;

	free(TAKE(rows->items));
	rows->n = 0;
}

static int addr_each(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a[IFA_MAX + 1];
	struct rows *rows = arg;
	struct netlink_addr *addrs = rows->items;

	if (nlh->nlmsg_type != RTM_NEWADDR || ifa->ifa_family != AF_INET)
		return MNL_CB_OK;
	netlink_attrs(nlh, sizeof(*ifa), a, IFA_MAX);
	*ARRAY_ADD(addrs, rows->n) = (struct netlink_addr){
		.index = ifa->ifa_index,
		.ip = netlink_ip(a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS]),
		.prefix = ifa->ifa_prefixlen,
		.is_global = ifa->ifa_scope == RT_SCOPE_UNIVERSE,
	};
	rows->items = addrs;
	return MNL_CB_OK;
}

int netlink_addr_list(struct netlink *nl, struct netlink_addr **ret, size_t *ret_n, struct err *err)
{
	struct rows rows = { 0 };
	struct nlmsghdr *nlh = netlink_begin(nl, RTM_GETADDR, 0);
	struct ifaddrmsg *ifa = netlink_begin_header(nlh, sizeof(*ifa));

	ifa->ifa_family = AF_INET;
	int r = netlink_dump(nl, nlh, &(struct netlink_dump){ addr_each, rows_reset, &rows });
	if (r < 0) {
		free(rows.items);
		return err_set(err, r, "list addresses: %s", strerror(-r));
	}
	*ret = rows.items;
	*ret_n = rows.n;
	return 0;
}

static int addr_request(struct netlink *nl, const struct netlink_addr *addr, bool is_new)
{
	struct nlmsghdr *nlh = netlink_begin(nl, is_new ? RTM_NEWADDR : RTM_DELADDR,
					     is_new ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct ifaddrmsg *ifa = netlink_begin_header(nlh, sizeof(*ifa));
	uint32_t host_bits = addr->prefix < 32 ? UINT32_MAX >> addr->prefix : 0;

	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = (uint8_t)addr->prefix;
	ifa->ifa_index = addr->index;
	netlink_put_ip(nlh, IFA_LOCAL, addr->ip);
	netlink_put_ip(nlh, IFA_ADDRESS, addr->ip);
	if (is_new && addr->prefix < 31)
		netlink_put_ip(nlh, IFA_BROADCAST, addr->ip | host_bits);
	return netlink_send(nl, nlh);
}

int netlink_addr_add(struct netlink *nl, const struct netlink_addr *addr, struct err *err)
{
	char text[IPV4_STR_MAX];
	int r = addr_request(nl, addr, true);

	return r < 0 && r != -EEXIST
		       ? err_set(err, r, "add address %s/%u: %s", format_ipv4(addr->ip, text),
				 addr->prefix, strerror(-r))
		       : 0;
}

int netlink_addr_delete(struct netlink *nl, const struct netlink_addr *addr, struct err *err)
{
	char text[IPV4_STR_MAX];
	int r = addr_request(nl, addr, false);

	return r < 0 && r != -EADDRNOTAVAIL && r != -ENODEV
		       ? err_set(err, r, "remove address %s/%u: %s", format_ipv4(addr->ip, text),
				 addr->prefix, strerror(-r))
		       : 0;
}

static int route_each(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a[RTA_MAX + 1];
	struct rows *rows = arg;
	struct netlink_route *routes = rows->items;

	if (nlh->nlmsg_type != RTM_NEWROUTE || rtm->rtm_family != AF_INET ||
	    rtm->rtm_type == RTN_BROADCAST || rtm->rtm_type == RTN_MULTICAST ||
	    rtm->rtm_type == RTN_ANYCAST || (rtm->rtm_flags & RTM_F_CLONED))
		return MNL_CB_OK;
	netlink_attrs(nlh, sizeof(*rtm), a, RTA_MAX);
	*ARRAY_ADD(routes, rows->n) = (struct netlink_route){
		.dst = netlink_ip(a[RTA_DST]),
		.prefix = rtm->rtm_dst_len,
		.index = netlink_u32(a[RTA_OIF]),
		.gateway = netlink_ip(a[RTA_GATEWAY]),
		.source = netlink_ip(a[RTA_PREFSRC]),
	};
	rows->items = routes;
	return MNL_CB_OK;
}

int netlink_route_list(struct netlink *nl, struct netlink_route **ret, size_t *ret_n,
		       struct err *err)
{
	struct rows rows = { 0 };
	struct nlmsghdr *nlh = netlink_begin(nl, RTM_GETROUTE, 0);
	struct rtmsg *rtm = netlink_begin_header(nlh, sizeof(*rtm));

	rtm->rtm_family = AF_INET;
	int r = netlink_dump(nl, nlh, &(struct netlink_dump){ route_each, rows_reset, &rows });
	if (r < 0) {
		free(rows.items);
		return err_set(err, r, "list routes: %s", strerror(-r));
	}
	*ret = rows.items;
	*ret_n = rows.n;
	return 0;
}

int netlink_route_set(struct netlink *nl, const struct netlink_route *route, struct err *err)
{
	struct nlmsghdr *nlh = netlink_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *rtm = netlink_begin_header(nlh, sizeof(*rtm));
	char text[IPV4_STR_MAX];

	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = (uint8_t)route->prefix;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = route->gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	rtm->rtm_type = RTN_UNICAST;
	if (route->prefix)
		netlink_put_ip(nlh, RTA_DST, route->dst);
	if (route->gateway)
		netlink_put_ip(nlh, RTA_GATEWAY, route->gateway);
	if (route->source)
		netlink_put_ip(nlh, RTA_PREFSRC, route->source);
	mnl_attr_put_u32(nlh, RTA_OIF, route->index);
	int r = netlink_send(nl, nlh);
	return r < 0 ? err_set(err, r, "set route to %s/%u: %s", format_ipv4(route->dst, text),
			       route->prefix, strerror(-r))
		     : 0;
}
