/* lwIP for one thread without an operating system: IPv4, ICMP, UDP, TCP, DNS. */
#pragma once

#include <stdint.h>

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0 /* interrupt handlers never enter lwIP */
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0

#define LWIP_IPV4                1
#define LWIP_IPV6                0
#define LWIP_ARP                 1
#define ARP_QUEUEING             1
#define LWIP_ICMP                1
#define LWIP_RAW                 0
#define LWIP_UDP                 1
#define LWIP_DHCP                0
#define LWIP_AUTOIP              0
#define LWIP_IGMP                0
#define LWIP_STATS               1 /* of the heap only */
#define MEM_STATS                1
#define MEMP_STATS               0
#define LINK_STATS               0
#define ETHARP_STATS             0
#define IP_STATS                 0
#define IPFRAG_STATS             0
#define ICMP_STATS               0
#define UDP_STATS                0
#define TCP_STATS                0
#define SYS_STATS                0
#define LWIP_NETIF_LINK_CALLBACK 0

/* Set before lwip_init(): MEM_SIZE bytes and LWIP_HEAP_SPARE more. */
extern uint8_t *lwip_heap;
#define LWIP_RAM_HEAP_POINTER lwip_heap
#define LWIP_HEAP_SPARE       4096
#define MEM_ALIGNMENT         8
#define MEM_SIZE              (4 * 1024 * 1024)
#define MEMP_MEM_MALLOC       0

#define PBUF_POOL_SIZE          384
#define PBUF_POOL_BUFSIZE       1536
#define MEMP_NUM_PBUF           256
#define MEMP_NUM_TCP_PCB        512
#define MEMP_NUM_TCP_PCB_LISTEN 2
#define MEMP_NUM_TCP_SEG        2048
#define MEMP_NUM_UDP_PCB        40
#define MEMP_NUM_ARP_QUEUE      64
#define MEMP_NUM_SYS_TIMEOUT    300

#define LWIP_TCP                   1
#define TCP_MSS                    1460
#define TCP_WND                    (16 * TCP_MSS)
#define TCP_SND_BUF                (12 * TCP_MSS)
#define TCP_SND_QUEUELEN           64
#define TCP_LISTEN_BACKLOG         1
#define TCP_DEFAULT_LISTEN_BACKLOG 255
/* The server closes first, so that closed connections wait here: briefly. */
#define TCP_MSL 500

#define LWIP_DNS            1
#define DNS_TABLE_SIZE      16
#define DNS_MAX_REQUESTS    64
#define DNS_MAX_SERVERS     2
#define DNS_MAX_NAME_LENGTH 256
