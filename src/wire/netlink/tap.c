/* Persistent taps: made through /dev/net/tun, which rtnetlink cannot. */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "wire/netlink/netlink.h"

int netlink_tap_add(const char *name, uint32_t owner, struct err *err)
{
	auto_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL };

	if (fd < 0)
		return err_errno(err, "create tap %s: open /dev/net/tun", name);
	STR_COPY(ifr.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return err_errno(err, "create tap %s", name);
	if (ioctl(fd, TUNSETOWNER, (unsigned long)owner) < 0)
		return err_errno(err, "give tap %s to user %u", name, owner);
	if (ioctl(fd, TUNSETPERSIST, 1UL) < 0)
		return err_errno(err, "keep tap %s", name);
	return 0;
}
