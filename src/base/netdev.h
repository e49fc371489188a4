/* Counters of the network interfaces of the calling thread's network namespace. */
#ifndef HOLM_BASE_NETDEV_H
#define HOLM_BASE_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

#define NETDEV_TEXT_MAX (4u << 20)

/* /proc/thread-self/net/dev as text, one read for all interfaces; the caller's. NULL if it cannot be
 * read. */
char *netdev_read(void);
/* What an interface has received and sent, from such a text; false if it is not in it. */
bool netdev_find(const char *text, const char *ifname, uint64_t *ret_received, uint64_t *ret_sent);

#endif
