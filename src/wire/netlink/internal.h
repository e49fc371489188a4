/* One request to the kernel at a time, in the socket's own buffer. */
#ifndef HOLM_WIRE_NETLINK_INTERNAL_H
#define HOLM_WIRE_NETLINK_INTERNAL_H

#include <libmnl/libmnl.h>

#include "wire/netlink/netlink.h"

struct netlink {
	struct mnl_socket *sock;
	unsigned seq;
	char request[8192];
	char answer[32768];
};

/* A socket of the calling thread's namespace; `bus` is NETLINK_ROUTE or NETLINK_NETFILTER. */
int netlink_socket_open(int bus, struct netlink **ret, struct err *err);

/* Starts a request with its family header zeroed; the attributes follow. */
struct nlmsghdr *netlink_begin(struct netlink *nl, uint16_t type, uint16_t flags);
void *netlink_begin_header(struct nlmsghdr *nlh, size_t size);
/* Sends it and waits for the acknowledgement: 0 or the kernel's negative errno. */
int netlink_send(struct netlink *nl, struct nlmsghdr *nlh);
/* The same, and calls `each` for the answer that comes before. */
int netlink_ask(struct netlink *nl, struct nlmsghdr *nlh, mnl_cb_t each, void *arg);
/* Sends it as a dump and calls `each` per message; begins anew (reset called first) if what was
 * dumped changed meanwhile. */
struct netlink_dump {
	mnl_cb_t each;
	void (*reset)(void *arg);
	void *arg;
};
int netlink_dump(struct netlink *nl, struct nlmsghdr *nlh, const struct netlink_dump *dump);

/* Attributes of a message or a nest by type; those beyond `max` are left out. */
void netlink_attrs(const struct nlmsghdr *nlh, size_t header, const struct nlattr **ret,
		   uint16_t max);
void netlink_nested(const struct nlattr *nest, const struct nlattr **ret, uint16_t max);
/* Values of an attribute of at least that size, or 0. */
uint32_t netlink_u32(const struct nlattr *attr);
uint8_t netlink_u8(const struct nlattr *attr);
uint32_t netlink_ip(const struct nlattr *attr);
void netlink_text(const struct nlattr *attr, char *out, size_t size);
void netlink_put_ip(struct nlmsghdr *nlh, uint16_t type, uint32_t ip);

#endif
