/* The overlay network of a node: bridge, instances' links, service addresses, names.
 *
 * All functions block (netlink, nftables, children) and belong on the network executor, one
 * at a time. Everything made carries the node's id; what overlay_open finds of an earlier run is
 * adopted, so that traffic flows on while Holm is away. */
#ifndef HOLM_OVERLAY_OVERLAY_H
#define HOLM_OVERLAY_OVERLAY_H

#include "base/base.h"
#include "base/id.h"
#include "base/proc.h"
#include "model/sla.h"

struct overlay_config {
	const char *node_id;
	const char *state_dir;      /* records of changed host settings, hosts file, pid files */
	const char *namespace_pool; /* "10.18.0.0-10.29.255.255" */
	const char *service_pool;   /* "10.30.0.0/16" */
	const char *domain;         /* "holm" */
};

/* How an instance is plugged in. */
struct overlay_link_spec {
	char instance_id[ID_SIZE];
	bool is_tap;   /* unikernel; else a network namespace with eth0 */
	bool is_inner; /* the tap is in such a namespace, and the guest's address the same in all */
	uint32_t tap_uid; /* who may open the tap */
	uint32_t ip;      /* namespace address, host byte order, from one of the node's blocks */
	pid_t pid;        /* in the network namespace already, should its name be lost; 0: none */
};

struct overlay_link {
	char ifname[16];      /* the host's end: veth or tap */
	char tap[16];         /* "": none */
	char netns_path[128]; /* "": a tap of the host */
	char mac[18];         /* of the guest, from the address: stable over restarts */
	char ip[16];          /* as the instance itself has it */
	char gateway[16];
	char dns[16];
	unsigned prefix;
	unsigned mtu;
	bool is_new; /* a tap that was not there: a guest that runs has another one, which is gone */
};

/* One that is to have no link any more. */
struct overlay_leaver {
	char instance_id[ID_SIZE];
	uint32_t ip; /* 0: not known */
};

struct overlay_backend {
	char instance_id[ID_SIZE];
	uint32_t number;
	uint32_t namespace_ip; /* 0: not known yet */
	uint32_t instance_ip;
	bool is_local;
	bool is_ready;
};

struct overlay_service {
	const char *sname; /* app.appns.service.servicens */
	uint32_t rr_ip;
	struct port_mapping ports[PORTS_MAX]; /* lead to local backends only */
	size_t n_ports;
	struct overlay_backend *backends;
	size_t n_backends;
};

struct overlay_table {
	struct overlay_service *services;
	size_t n_services;
};

struct overlay;

/* One table per implementation: linux, and fake for simulations. */
struct overlay_driver {
	/* Checks the pools against the host's routes (-EEXIST names the route in conflict), finds
	 * what an earlier run left. Changes nothing. */
	int (*open)(const struct overlay_config *config, struct overlay **ret, struct err *err);
	void (*close)(struct overlay *ov); /* leaves the network as it is */

	/* Bridge with a gateway address per block, host settings, nft table, name server. Idempotent;
	 * called again when a block is granted. `blocks` are "10.18.0.0/26". */
	int (*setup)(struct overlay *ov, const struct strv *blocks, struct err *err);
	/* Makes the link, or finds it as it should be. */
	int (*attach)(struct overlay *ov, const struct overlay_link_spec *spec,
		      struct overlay_link *ret, struct err *err);
	/* Removes links, and their addresses' connection-tracking entries; many in about the time of
	 * one. Gone is success. After a failure any of them may be left. */
	int (*detach)(struct overlay *ov, const struct overlay_leaver *leavers, size_t n,
		      struct err *err);
	/* Makes service addresses, port mappings and names what the table says, changing only what
	 * differs, atomically; forgets connections of backends that went away. A backend that is
	 * listed without being ready keeps those it has. */
	int (*publish)(struct overlay *ov, const struct overlay_table *table, struct err *err);
	/* Ids of the instances that have a link. */
	int (*list)(struct overlay *ov, struct strv *ret, struct err *err);
	/* What on this host stands in the way: a sentence each (a firewall that drops, …). */
	int (*check)(struct overlay *ov, struct strv *ret, struct err *err);
	/* Optional. What is no more as setup and attach made it: 1 if setup is wanted again, 0 if not, and
	 * in any case the ids of those to be attached again. Changes nothing. */
	int (*look)(struct overlay *ov, const struct overlay_link_spec *specs, size_t n,
		    struct strv *ret_lost, struct err *err);
	/* Optional: the process that serves names, pid 0 if there is none. When it ends, setup starts it
	 * again. */
	void (*nameserver)(const struct overlay *ov, struct proc_id *ret);
	/* Removes everything of ours and restores the host's settings. */
	int (*down)(struct overlay *ov, struct err *err);
};

extern const struct overlay_driver overlay_linux;

/* In-process network for simulations: links and the last table live in a `struct fake_network`, which
 * outlives any handle opened on it, as the kernel's outlive a killed supervisor. */
struct fake_network;
struct fake_network *fake_network_new(void);
struct fake_network *fake_network_free(struct fake_network *net);
/* To be passed as state_dir of overlay_fake. */
const char *fake_network_dir(const struct fake_network *net);
/* The instance that a new connection from this node to a service or instance address reaches, round
 * robin; NULL if it is refused. Valid until the next call that publishes. */
const char *fake_network_connect(struct fake_network *net, uint32_t service_ip);
/* Namespace address of an instance's link, 0 if it has none. */
uint32_t fake_network_ip(const struct fake_network *net, const char *instance_id);
/* Somebody else removes its link. */
void fake_network_lose(struct fake_network *net, const char *instance_id);
extern const struct overlay_driver overlay_fake;

/* Pure address arithmetic. Blocks of /26: the first usable address is the gateway. */
#define OVERLAY_BLOCK_PREFIX 26
/* First free address of the blocks that is not in `used` (host byte order), 0 if all are taken. */
uint32_t overlay_pick_ip(const struct strv *blocks, const uint32_t *used, size_t n_used);

#endif
