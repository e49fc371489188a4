/* The overlay on Linux: bridge, links, nftables, name server. */
#include "overlay/linux/linux.h"

static void linux_close(struct overlay *ov)
{
	if (!ov)
		return;
	netlink_close(ov->nl);
	nft_close(ov->nft);
	strv_fini(&ov->blocks);
	nft_state_fini(&ov->state);
	free(ov->state_dir);
	free(ov->names);
	free(ov);
}

static int linux_open(const struct overlay_config *config, struct overlay **ret, struct err *err)
{
	struct overlay *ov = NEW(struct overlay);
	int r = overlay_plan_init(&ov->plan, config, err);

	ov->state_dir = xstrdup(config->state_dir);
	if (r == 0)
		r = netlink_open(NULL, &ov->nl, err);
	if (r == 0)
		r = nft_open(&ov->nft, err);
	if (r == 0)
		r = bridge_check_pools(ov, err);
	if (r < 0) {
		linux_close(ov);
		return err_wrap(err, "open overlay");
	}
	*ret = ov;
	return 0;
}

static int linux_setup(struct overlay *ov, const struct strv *blocks, struct err *err)
{
	if (blocks->n == 0)
		return err_set(err, -EINVAL, "set up overlay: the node has no block of addresses");
	strv_fini(&ov->blocks);
	strv_copy(&ov->blocks, blocks);
	int r = dir_make(ov->state_dir, 0700, err);
	if (r == 0)
		r = bridge_make(ov, err);
	if (r == 0)
		r = rules_load_if_absent(ov, err);
	if (r == 0)
		r = nameserver_start(ov, err);
	return r < 0 ? err_wrap(err, "set up overlay") : 0;
}

static int linux_publish(struct overlay *ov, const struct overlay_table *table, struct err *err)
{
	if (ov->blocks.n == 0)
		return err_set(err, -EINVAL,
			       "publish service addresses: the overlay is not set up");
	int r = rules_publish(ov, table, err);
	if (r == 0)
		r = nameserver_publish(ov, table, err);
	return r < 0 ? err_wrap(err, "publish service addresses") : 0;
}

const struct overlay_driver overlay_linux = {
	.open = linux_open,
	.close = linux_close,
	.setup = linux_setup,
	.attach = link_attach,
	.detach = link_detach,
	.publish = linux_publish,
	.list = link_list,
	.check = overlay_check,
	.look = overlay_look,
	.nameserver = nameserver_process,
	.down = overlay_down,
};
