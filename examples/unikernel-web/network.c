/* The port of lwIP: a netif over virtio_net, time, and random numbers that are
 * good enough for ports and DNS ids, not for secrets. */
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/power.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "network.h"

enum {
	ETHERNET_MTU = 1500,
};

uint8_t *lwip_heap;

uint32_t sys_now(void)
{
	return clock_ms();
}

uint32_t port_random(void)
{
	static uint64_t state;

	/* xorshift64*, stirred by the cycle counter at each call. */
	state ^= cpu_cycles() | 1;
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)(state * 0x2545F4914F6CDD1DUL >> 32);
}

void port_assert_failed(const char *message, const char *file, int line)
{
	console_printf("CRIT: assertion failure: %s <%s @ %d>\n", message, file, line);
	power_crash();
}

static err_t link_output(struct netif *netif, struct pbuf *p)
{
	struct network *network = netif->state;
	uint8_t *frame;

	if (p->tot_len > VIRTIO_NET_FRAME_MAX)
		return ERR_ARG;
	frame = virtio_net_tx_begin(&network->net);
	if (!frame)
		return ERR_IF;
	virtio_net_tx_end(&network->net, pbuf_copy_partial(p, frame, p->tot_len, 0));
	return ERR_OK;
}

static void receive(void *arg, const uint8_t *frame, size_t length)
{
	struct network *network = arg;
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_POOL);

	/* Out of memory: the frame is lost, as on a wire. */
	if (!p)
		return;
	if (pbuf_take(p, frame, (u16_t)length) != ERR_OK ||
	    network->netif.input(p, &network->netif) != ERR_OK)
		pbuf_free(p);
}

static err_t init_netif(struct netif *netif)
{
	struct network *network = netif->state;

	netif->name[0] = 'e';
	netif->name[1] = 'n';
	netif->mtu = ETHERNET_MTU;
	netif->hwaddr_len = sizeof(network->net.mac);
	SMEMCPY(netif->hwaddr, network->net.mac, sizeof(network->net.mac));
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
	netif->output = etharp_output;
	netif->linkoutput = link_output;
	return ERR_OK;
}

static ip4_addr_t address_of(uint32_t host_order)
{
	return (ip4_addr_t){ .addr = lwip_htonl(host_order) };
}

static void print_up(const struct network *network, const struct virtio_device *dev)
{
	const struct netif *n = &network->netif;
	const uint8_t *mac = n->hwaddr;
	char address[16], gateway[16];

	ip4addr_ntoa_r(netif_ip4_addr(n), address, sizeof(address));
	ip4addr_ntoa_r(netif_ip4_gw(n), gateway, sizeof(gateway));
	console_printf("en1: virtio-%s %s irq %u mac %02x:%02x:%02x:%02x:%02x:%02x\n",
		       dev->transport->name, dev->is_modern ? "modern" : "legacy", dev->irq, mac[0],
		       mac[1], mac[2], mac[3], mac[4], mac[5]);
	console_printf("en1: Set IPv4 address %s gw %s\n", address, gateway);
	console_printf("en1: Interface is up\n");
}

int network_init(struct network *network, const struct cmdline *cmdline)
{
	const struct cmdline_net *net = &cmdline->net;
	ip4_addr_t address = address_of(net->address), mask = address_of(net->mask);
	ip4_addr_t gateway = address_of(net->gateway);
	struct virtio_device dev;

	lwip_init();
	if (!virtio_find(cmdline, VIRTIO_ID_NET, 0, &dev)) {
		console_printf("ERR: find network card: no virtio device on PCI or MMIO\n");
		return -1;
	}
	if (virtio_net_init(&network->net, &dev)) {
		console_printf("ERR: start network card: device or irq %u refused\n", dev.irq);
		return -1;
	}
	if (!netif_add(&network->netif, &address, &mask, &gateway, network, init_netif,
		       ethernet_input))
		return -1;
	netif_set_default(&network->netif);
	netif_set_link_up(&network->netif);
	netif_set_up(&network->netif);
	for (u8_t i = 0; i < CMDLINE_DNS; i++) {
		ip_addr_t server = address_of(net->dns[i]);

		if (net->dns[i])
			dns_setserver(i, &server);
	}
	print_up(network, &dev);
	return 0;
}

void network_poll(struct network *network)
{
	virtio_net_poll(&network->net, receive, network);
	sys_check_timeouts();
}
