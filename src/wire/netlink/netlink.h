/* The kernel's side of a network namespace: links, addresses, routes (rtnetlink), tracked
 * connections (ctnetlink), and named namespaces themselves.
 *
 * Every call blocks for one exchange with the kernel. IPv4 addresses are in host byte order. */
#ifndef HOLM_WIRE_NETLINK_NETLINK_H
#define HOLM_WIRE_NETLINK_NETLINK_H

#include "base/base.h"

#define NETLINK_NAME_SIZE 16 /* IFNAMSIZ */
#define NETLINK_MAC_SIZE  6

/* A socket of one network namespace: the one at `netns_path`, or the calling thread's if NULL. It
 * stays there wherever the thread goes. */
struct netlink;
int netlink_open(const char *netns_path, struct netlink **ret, struct err *err);
struct netlink *netlink_close(struct netlink *nl);
DEFINE_AUTO(netlink_close, struct netlink *)

struct netlink_link {
	uint32_t index;
	char name[NETLINK_NAME_SIZE];
	char kind[16]; /* bridge, veth, tun, …; "" for hardware */
	char alias[64];
	uint32_t master; /* index of the bridge it is a port of, 0: none */
	uint32_t peer;   /* index of a veth's other end, wherever that is */
	uint32_t mtu;
	uint8_t mac[NETLINK_MAC_SIZE];
	bool is_up;
	bool is_carrying;   /* packets pass: carrier, queue and, of a bridge's port, its state */
	bool is_hairpin;    /* a bridge's port that may send back what came from it */
	bool is_tap;        /* persistent, one queue */
	uint32_t tap_owner; /* user id */
};

int netlink_link_list(struct netlink *nl, struct netlink_link **ret, size_t *ret_n,
		      struct err *err);
/* -ENODEV if there is none of that name. */
int netlink_link_find(struct netlink *nl, const char *name, struct netlink_link *ret,
		      struct err *err);

/* Members that are zero leave things as they are. */
struct netlink_change {
	const char *alias;
	const uint8_t *mac;
	uint32_t master;
	uint32_t mtu;
	bool is_hairpin; /* true: make it so; the link has to be a bridge's port already */
	bool is_up;      /* the same */
};
int netlink_link_change(struct netlink *nl, uint32_t index, const struct netlink_change *change,
			struct err *err);
/* Waits until packets pass, which the kernel sees to after a link was set up. */
int netlink_link_await(const char *netns_path, const char *name, unsigned timeout_ms,
		       struct err *err);
/* Gone is success. */
int netlink_link_delete(struct netlink *nl, uint32_t index, struct err *err);
/* Several as one: the kernel waits for all of its processors once, not once a link. `group` is a
 * number (not 0) that no other link of the host has as its group. Gone is success. */
int netlink_links_delete(struct netlink *nl, const uint32_t *indexes, size_t n, uint32_t group,
			 struct err *err);

/* Without spanning tree, forwarding delay and multicast snooping; or sets an existing one so. */
int netlink_bridge_make(struct netlink *nl, const char *name, const uint8_t *mac, struct err *err);

/* A veth pair, the far end made in another namespace. */
struct netlink_veth {
	const char *name;
	const char *peer_name;
	const uint8_t *peer_mac;
	const char *peer_netns; /* path */
	uint32_t mtu;
};
int netlink_veth_add(struct netlink *nl, const struct netlink_veth *veth, struct err *err);
/* A persistent tap of one queue, in the calling thread's namespace, which `owner` may open. */
int netlink_tap_add(const char *name, uint32_t owner, struct err *err);

struct netlink_addr {
	uint32_t index; /* of the link */
	uint32_t ip;
	unsigned prefix;
	bool is_global; /* not of the link or host only */
};
int netlink_addr_list(struct netlink *nl, struct netlink_addr **ret, size_t *ret_n,
		      struct err *err);
/* There already is success, and so is gone already. */
int netlink_addr_add(struct netlink *nl, const struct netlink_addr *addr, struct err *err);
int netlink_addr_delete(struct netlink *nl, const struct netlink_addr *addr, struct err *err);

struct netlink_route {
	uint32_t dst;
	unsigned prefix;
	uint32_t index;   /* of the link, 0: none */
	uint32_t gateway; /* 0: on the link */
	uint32_t source;  /* address to prefer, 0: none */
};
/* Routes of every table that decide about unicast packets, addresses of this host among them. */
int netlink_route_list(struct netlink *nl, struct netlink_route **ret, size_t *ret_n,
		       struct err *err);
/* Adds it to the main table, or replaces the one to that destination. */
int netlink_route_set(struct netlink *nl, const struct netlink_route *route, struct err *err);

/* A tracked IPv4 connection as its first packet was, and as replies come. */
struct conntrack_flow {
	uint8_t protocol;
	uint32_t src;
	uint32_t dst;
	uint16_t dport;
	uint32_t reply_src;
	uint32_t reply_dst;
	bool is_dnat;
};
typedef bool (*conntrack_fn)(const struct conntrack_flow *flow, void *arg);
/* Forgets the connections of the calling thread's namespace that `match` is true for. Returns how
 * many those were. */
int conntrack_sweep(conntrack_fn match, void *arg, struct err *err);

/* Named namespaces as ip-netns(8) makes them: a file with the namespace mounted on it. There
 * already is success for make, gone is success for remove. */
int netns_make(const char *path, struct err *err);
/* A new one without a name: a descriptor of it, or an error. It exists as long as that is open or a
 * process is in it. */
int netns_new(struct err *err);
/* Names the one that a process is in. */
int netns_name(const char *path, pid_t pid, struct err *err);
int netns_remove(const char *path, struct err *err);
bool netns_exists(const char *path);
/* Moves the calling thread there, and back. The program ends if there is no way back. */
int netns_enter(const char *path, int *ret_home, struct err *err);
void netns_leave(int home);

#endif
