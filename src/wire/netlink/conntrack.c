/* Tracked connections: one pass that reads them, then one request per connection to forget. */
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "wire/netlink/internal.h"

/* What names a connection to the kernel: its first tuple as received, zone and id. */
struct doomed {
	struct nlattr *tuple;
	struct nlattr *zone; /* NULL: the default one */
	struct nlattr *id;
};

struct sweep {
	conntrack_fn match;
	void *arg;
	struct doomed *doomed;
	size_t n;
};

static void sweep_reset(void *arg)
{
	struct sweep *s = arg;

	for (size_t i = 0; i < s->n; i++) {
		free(s->doomed[i].tuple);
		free(s->doomed[i].zone);
		free(s->doomed[i].id);
	}
	free(TAKE(s->doomed));
	s->n = 0;
}

static struct nlattr *attr_copy(const struct nlattr *attr)
{
	return attr ? xmemdup(attr, attr->nla_len) : NULL;
}

struct tuple {
	uint32_t src;
	uint32_t dst;
	uint16_t dport;
	uint8_t protocol;
};

static void parse_tuple(const struct nlattr *nest, struct tuple *ret)
{
	const struct nlattr *t[CTA_TUPLE_MAX + 1];
	const struct nlattr *ip[CTA_IP_MAX + 1];
	const struct nlattr *proto[CTA_PROTO_MAX + 1];

	netlink_nested(nest, t, CTA_TUPLE_MAX);
	netlink_nested(t[CTA_TUPLE_IP], ip, CTA_IP_MAX);
	netlink_nested(t[CTA_TUPLE_PROTO], proto, CTA_PROTO_MAX);
	ret->src = netlink_ip(ip[CTA_IP_V4_SRC]);
	ret->dst = netlink_ip(ip[CTA_IP_V4_DST]);
	ret->protocol = netlink_u8(proto[CTA_PROTO_NUM]);
	ret->dport = 0;
	if (proto[CTA_PROTO_DST_PORT] && mnl_attr_get_payload_len(proto[CTA_PROTO_DST_PORT]) >= 2)
		ret->dport = ntohs(mnl_attr_get_u16(proto[CTA_PROTO_DST_PORT]));
}

static int sweep_each(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *a[CTA_MAX + 1];
	struct sweep *s = arg;
	struct tuple first;
	struct tuple reply;

	netlink_attrs(nlh, sizeof(struct nfgenmsg), a, CTA_MAX);
	if (!a[CTA_TUPLE_ORIG])
		return MNL_CB_OK;
	parse_tuple(a[CTA_TUPLE_ORIG], &first);
	parse_tuple(a[CTA_TUPLE_REPLY], &reply);
	struct conntrack_flow flow = {
		.protocol = first.protocol,
		.src = first.src,
		.dst = first.dst,
		.dport = first.dport,
		.reply_src = reply.src,
		.reply_dst = reply.dst,
		.is_dnat = ntohl(netlink_u32(a[CTA_STATUS])) & IPS_DST_NAT,
	};
	if (s->match(&flow, s->arg))
		*ARRAY_ADD(s->doomed, s->n) = (struct doomed){
			.tuple = attr_copy(a[CTA_TUPLE_ORIG]),
			.zone = attr_copy(a[CTA_ZONE]),
			.id = attr_copy(a[CTA_ID]),
		};
	return MNL_CB_OK;
}

static struct nlmsghdr *ct_begin(struct netlink *nl, uint16_t type)
{
	struct nlmsghdr *nlh = netlink_begin(nl, (uint16_t)((NFNL_SUBSYS_CTNETLINK << 8) | type),
					     0);
	struct nfgenmsg *nfg = netlink_begin_header(nlh, sizeof(*nfg));

	nfg->nfgen_family = AF_INET;
	nfg->version = NFNETLINK_V0;
	return nlh;
}

static void put_copy(struct nlmsghdr *nlh, const struct nlattr *attr)
{
	if (attr)
		mnl_attr_put(nlh, attr->nla_type, mnl_attr_get_payload_len(attr),
			     mnl_attr_get_payload(attr));
}

/* Ended by itself meanwhile is success; the id keeps a successor with the same addresses. */
static int forget(struct netlink *nl, const struct doomed *d)
{
	struct nlmsghdr *nlh = ct_begin(nl, IPCTNL_MSG_CT_DELETE);

	put_copy(nlh, d->tuple);
	put_copy(nlh, d->zone);
	put_copy(nlh, d->id);
	int r = netlink_send(nl, nlh);
	return r == -ENOENT ? 0 : r;
}

int conntrack_sweep(conntrack_fn match, void *arg, struct err *err)
{
	auto_(netlink_close) struct netlink *nl = NULL;
	struct sweep s = { .match = match, .arg = arg };
	int r = netlink_socket_open(NETLINK_NETFILTER, &nl, err);

	if (r < 0)
		return r;
	r = netlink_dump(nl, ct_begin(nl, IPCTNL_MSG_CT_GET),
			 &(struct netlink_dump){ sweep_each, sweep_reset, &s });
	for (size_t i = 0; r >= 0 && i < s.n; i++)
		r = forget(nl, &s.doomed[i]);
	if (r < 0)
		err_set(err, r, "forget tracked connections: %s", strerror(-r));
	else
		r = (int)s.n;
	sweep_reset(&s);
	return r;
}
