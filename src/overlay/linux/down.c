/* Removing everything of ours from this host. */
#include "overlay/linux/linux.h"

static int remove_instances(struct overlay *ov, struct err *err)
{
	auto_strv struct strv ids = { 0 };
	int r = link_list(ov, &ids, err);

	for (size_t i = 0; r == 0 && i < ids.n; i++)
		r = link_detach(ov, ids.items[i], 0, err);
	return r;
}

/* Links that never got an alias, and those of the bridge. */
static int remove_links(struct overlay *ov, struct err *err)
{
	auto_free struct netlink_link *links = NULL;
	size_t n = 0;
	int r = netlink_link_list(ov->nl, &links, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (overlay_ifname_is_ours(&ov->plan, links[i].name) ||
		    str_eq(links[i].name, ov->plan.carrier[0]) ||
		    str_eq(links[i].name, ov->plan.bridge))
			r = netlink_link_delete(ov->nl, links[i].index, err);
	return r;
}

int overlay_down(struct overlay *ov, struct err *err)
{
	int r = nameserver_stop(ov, err);

	if (r == 0)
		r = remove_instances(ov, err);
	if (r == 0)
		r = remove_links(ov, err);
	if (r == 0)
		r = rules_remove(ov, err);
	if (r == 0)
		r = flows_forget_pools(&ov->plan, err);
	if (r == 0)
		r = sysctl_restore(ov, err);
	strv_fini(&ov->blocks);
	return r < 0 ? err_wrap(err, "take overlay down") : 0;
}
