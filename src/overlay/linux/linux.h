/* The overlay on this kernel: what the parts of the driver share. */
#ifndef HOLM_OVERLAY_LINUX_LINUX_H
#define HOLM_OVERLAY_LINUX_LINUX_H

#include "overlay/plan.h"
#include "wire/netlink/netlink.h"
#include "wire/nft/nft.h"

#define CARRY_TIMEOUT_MS 3000 /* until a link carries packets: at most one second in fact */

struct overlay {
	struct overlay_plan plan;
	char *state_dir;
	struct netlink *nl; /* of the host's namespace */
	struct nft *nft;
	struct strv blocks;     /* as setup was told last */
	struct nft_state state; /* what nftables was given last */
	bool is_loaded;         /* by this process, so that changes suffice */
	char *names;            /* the hosts file as the name server was told last, or NULL */
};

/* bridge.c: the bridge with its addresses, routes and settings. */
int bridge_make(struct overlay *ov, struct err *err);
int bridge_check_pools(struct overlay *ov, struct err *err);
/* Leaves exactly these addresses on a link. */
int addresses_set(struct netlink *nl, const struct netlink_addr *wanted, size_t n, struct err *err);

/* sysctl.c: settings below /proc/sys; what was there before is recorded first, and sysctl_restore
 * puts it back where the value is still ours. */
int sysctl_record_and_set(struct overlay *ov, const char *path, const char *value, struct err *err);
int sysctl_restore(struct overlay *ov, struct err *err);
/* Of something that goes away with us. Absent (a kernel without IPv6) is success. */
int sysctl_set(const char *path, const char *value, struct err *err);

/* link.c */
int link_attach(struct overlay *ov, const struct overlay_link_spec *spec, struct overlay_link *ret,
		struct err *err);
int link_detach(struct overlay *ov, const struct overlay_leaver *leavers, size_t n,
		struct err *err);
int link_list(struct overlay *ov, struct strv *ret, struct err *err);

/* inner.c: what a namespace with eth0 has beside for a guest. inner_leave removes a namespace that has
 * it, for one whose instance is a container now. */
/* 1 if its tap was not there. */
int inner_make(const struct overlay_link_spec *spec, const char *netns, struct err *err);
/* False also if nothing can be seen of it. */
bool inner_is_whole(const char *netns);
int inner_leave(const char *netns, struct err *err);

/* rules.c: the nftables table. */
int rules_load_if_absent(struct overlay *ov, struct err *err);
int rules_publish(struct overlay *ov, const struct overlay_table *table, struct err *err);
int rules_remove(struct overlay *ov, struct err *err);
/* With the rules that lead to services, not just a table of that name. */
int rules_exist(struct overlay *ov, bool *ret, struct err *err);
/* Forgets the connections of these, or of all of ours. */
int flows_forget(const struct overlay_leaver *leavers, size_t n, struct err *err);
int flows_forget_pools(const struct overlay_plan *plan, struct err *err);

/* nameserver.c: a dnsmasq that outlives us. */
int nameserver_start(struct overlay *ov, struct err *err); /* runs already: success */
int nameserver_stop(struct overlay *ov, struct err *err);
void nameserver_process(const struct overlay *ov, struct proc_id *ret);
int nameserver_publish(struct overlay *ov, const struct overlay_table *table, struct err *err);

/* check.c, look.c, down.c */
int overlay_look(struct overlay *ov, const struct overlay_link_spec *specs, size_t n,
		 struct strv *ret_lost, struct err *err);
int overlay_check(struct overlay *ov, struct strv *ret, struct err *err);
int overlay_down(struct overlay *ov, struct err *err);

#endif
