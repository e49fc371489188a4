/* Removing everything of ours from this host. */
#include "overlay/linux/linux.h"

static int remove_instances(struct overlay *ov, struct err *err)
{
	auto_strv struct strv ids = { 0 };
	int r = link_list(ov, &ids, err);

	if (r < 0)
		return r;
	auto_free struct overlay_leaver *all = xcalloc(ids.n, sizeof(*all));
	for (size_t i = 0; i < ids.n; i++)
		STR_COPY(all[i].instance_id, ids.items[i]);
	return link_detach(ov, all, ids.n, err);
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

static int remove_flows(struct overlay *ov, struct err *err)
{
	return flows_forget_pools(&ov->plan, err);
}

/* Goes on after a failure, as what can go should, and tells the first. */
int overlay_down(struct overlay *ov, struct err *err)
{
	static int (*const steps[])(struct overlay *, struct err *) = {
		nameserver_stop, remove_instances, remove_links,
		rules_remove,    remove_flows,     sysctl_restore,
	};
	struct err first = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct err one = { 0 };

		if (steps[i](ov, &one) < 0 && !first.code)
			first = one;
	}
	strv_fini(&ov->blocks);
	if (!first.code)
		return 0;
	err_copy(err, &first);
	return err_wrap(err, "take overlay down");
}
