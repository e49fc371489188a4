/* Exchanges with the kernel: request and acknowledgement, dumps, attributes. */
#include <arpa/inet.h>

#include "wire/netlink/internal.h"

#define DUMP_TRIES 10 /* a namespace that never holds still is given up */

int netlink_socket_open(int bus, struct netlink **ret, struct err *err)
{
	auto_(netlink_close) struct netlink *nl = NEW(struct netlink);

	nl->sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->sock)
		return err_errno(err, "open netlink socket");
	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return err_errno(err, "bind netlink socket");
	*ret = TAKE(nl);
	return 0;
}

int netlink_open(const char *netns_path, struct netlink **ret, struct err *err)
{
	int home = -1;
	int r = netns_path ? netns_enter(netns_path, &home, err) : 0;

	if (r < 0)
		return r;
	r = netlink_socket_open(NETLINK_ROUTE, ret, err);
	if (netns_path)
		netns_leave(home);
	return r;
}

struct netlink *netlink_close(struct netlink *nl)
{
	if (nl && nl->sock)
		mnl_socket_close(nl->sock);
	free(nl);
	return NULL;
}

struct nlmsghdr *netlink_begin(struct netlink *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->request);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	return nlh;
}

void *netlink_begin_header(struct nlmsghdr *nlh, size_t size)
{
	return mnl_nlmsg_put_extra_header(nlh, size);
}

/* Runs callbacks over answers until the exchange ends. -EINTR: the dump is not consistent. */
static int receive(struct netlink *nl, unsigned seq, mnl_cb_t each, void *arg)
{
	unsigned port = mnl_socket_get_portid(nl->sock);

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(nl->sock, nl->answer, sizeof(nl->answer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		int r = mnl_cb_run(nl->answer, (size_t)n, seq, port, each, arg);
		if (r < 0 && (errno == ESRCH || errno == EPROTO) &&
		    ((struct nlmsghdr *)(void *)nl->answer)->nlmsg_seq != seq)
			continue; /* left over from an exchange that was broken off */
		if (r < 0)
			return -errno;
		if (r == MNL_CB_STOP)
			return 0;
	}
}

int netlink_ask(struct netlink *nl, struct nlmsghdr *nlh, mnl_cb_t each, void *arg)
{
	nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	return receive(nl, nlh->nlmsg_seq, each, arg);
}

int netlink_send(struct netlink *nl, struct nlmsghdr *nlh)
{
	return netlink_ask(nl, nlh, NULL, NULL);
}

int netlink_dump(struct netlink *nl, struct nlmsghdr *nlh, const struct netlink_dump *dump)
{
	int r = -EINTR;

	nlh->nlmsg_flags |= NLM_F_DUMP;
	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
		dump->reset(dump->arg);
		nlh->nlmsg_seq = ++nl->seq;
		if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
			return -errno;
		r = receive(nl, nlh->nlmsg_seq, dump->each, dump->arg);
	}
	return r;
}

void netlink_attrs(const struct nlmsghdr *nlh, size_t header, const struct nlattr **ret,
		   uint16_t max)
{
	const struct nlattr *attr;

	memset(ret, 0, ((size_t)max + 1) * sizeof(*ret));
	mnl_attr_for_each(attr, nlh, header) if (mnl_attr_get_type(attr) <= max)
		ret[mnl_attr_get_type(attr)] = attr;
}

void netlink_nested(const struct nlattr *nest, const struct nlattr **ret, uint16_t max)
{
	const struct nlattr *attr;

	memset(ret, 0, ((size_t)max + 1) * sizeof(*ret));
	if (!nest)
		return;
	mnl_attr_for_each_nested(attr, nest) if (mnl_attr_get_type(attr) <= max)
		ret[mnl_attr_get_type(attr)] = attr;
}

uint32_t netlink_u32(const struct nlattr *attr)
{
	uint32_t v = 0;

	if (attr && mnl_attr_get_payload_len(attr) >= sizeof(v))
		memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return v;
}

uint8_t netlink_u8(const struct nlattr *attr)
{
	return attr && mnl_attr_get_payload_len(attr) >= 1 ? mnl_attr_get_u8(attr) : 0;
}

uint32_t netlink_ip(const struct nlattr *attr)
{
	return ntohl(netlink_u32(attr));
}

void netlink_text(const struct nlattr *attr, char *out, size_t size)
{
	auto_free char *s = NULL;

	if (attr)
		s = xstrndup(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
	str_copy(out, size, s ? s : "");
}

void netlink_put_ip(struct nlmsghdr *nlh, uint16_t type, uint32_t ip)
{
	mnl_attr_put_u32(nlh, type, htonl(ip));
}
