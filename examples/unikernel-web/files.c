#include "files.h"
#include "kernel/console.h"

static long call_channel(void *arg, size_t length)
{
	return virtio_9p_call(arg, length);
}

/* Shares beyond the last channel are as if they were not there. */
static int open_shares(struct files *files, const struct cmdline *cmdline)
{
	struct fstab_devices *devices = &files->devices;
	struct virtio_device dev;

	for (unsigned i = 0; i < FSTAB_SHARES && virtio_find(cmdline, VIRTIO_ID_9P, i, &dev); i++) {
		struct virtio_9p *channel = &files->channels[i];

		if (virtio_9p_init(channel, &dev)) {
			console_printf("ERR: start 9p device %u: it refused\n", i);
			return -1;
		}
		devices->shares[devices->share_count++] = (struct p9){
			.tag = channel->tag,
			.call = call_channel,
			.arg = channel,
			.out = channel->out,
			.in = channel->in,
			.size = sizeof(channel->out),
		};
		console_printf("9p: virtio-%s %s tag %s\n", dev.transport->name,
			       dev.is_modern ? "modern" : "legacy", channel->tag);
	}
	return 0;
}

int files_init(struct files *files, const struct boot_info *info, const struct cmdline *cmdline)
{
	files->devices.initrd = (struct cpio){ info->initrd, info->initrd_bytes };
	if (open_shares(files, cmdline))
		return -1;
	return fstab_mount(&files->fs, &files->devices, cmdline);
}
