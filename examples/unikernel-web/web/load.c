/* Datagrams leave in bursts between which the main loop runs, or nothing would ever
 * answer the ARP request of the first one. */
#include <string.h>

#include "cmdline.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "lwip/mem.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "web/load.h"
#include "web/pages.h"

enum {
	MIB = 1024 * 1024,
	TOUCH_STEP = 4096,
	BURN_MAX_MS = 600000,
	ALLOC_MAX_MIB = 4096,
	FLOOD_MAX_LINES = 10000000,
	FLOOD_MAX_PACKETS = 10000000,
	FLOOD_BURST = 500,
	FLOOD_MAX_BYTES = 1400,
};

struct net_flood {
	struct http_conn *conn; /* NULL once the client has left */
	struct udp_pcb *pcb;
	ip_addr_t to;
	uint16_t port;
	uint16_t bytes;
	uint32_t left;
	uint32_t sent;
	uint32_t lost; /* no room for them in the guest */
};

void load_burn(void *arg, struct http_conn *conn, const struct http_request *request)
{
	uint32_t start = clock_ms();
	uint64_t ms;

	(void)arg;
	if (!query_find_number(request->query, "ms", BURN_MAX_MS, &ms)) {
		http_reply_text(conn, 400, "expected /burn?ms=N, at most %u\n", BURN_MAX_MS);
		return;
	}
	while (clock_ms() - start < ms)
		cpu_relax();
	http_reply_text(conn, 200, "burned: %u ms\n", clock_ms() - start);
}

void load_alloc(void *arg, struct http_conn *conn, const struct http_request *request)
{
	struct pages *pages = arg;
	struct memory *memory = pages->memory;
	uint64_t mib;
	volatile uint8_t *taken;

	if (!query_find_number(request->query, "mib", ALLOC_MAX_MIB, &mib)) {
		http_reply_text(conn, 400, "expected /alloc?mib=N, at most %u\n", ALLOC_MAX_MIB);
		return;
	}
	taken = memory_take(memory, mib * MIB);
	if (!taken) {
		http_reply_text(conn, 507, "out of memory: %lu MiB wanted, %zu MiB left\n",
				(unsigned long)mib, memory_left(memory) / MIB);
		return;
	}
	for (uint64_t i = 0; i < mib * MIB; i += TOUCH_STEP)
		taken[i] = (uint8_t)(i / TOUCH_STEP | 1);
	pages->allocated_mib += (uint32_t)mib;
	http_reply_text(conn, 200, "allocated: %lu MiB, %u in all, %zu left\n", (unsigned long)mib,
			pages->allocated_mib, memory_left(memory) / MIB);
}

void load_flood(void *arg, struct http_conn *conn, const struct http_request *request)
{
	uint64_t lines;

	(void)arg;
	if (!query_find_number(request->query, "lines", FLOOD_MAX_LINES, &lines)) {
		http_reply_text(conn, 400, "expected /flood?lines=N, at most %u\n",
				FLOOD_MAX_LINES);
		return;
	}
	for (uint32_t i = 1; i <= lines; i++)
		console_printf("flood %08u of %08u: the quick brown fox jumps over the dog\n", i,
			       (unsigned)lines);
	http_reply_text(conn, 200, "flooded: %lu lines\n", (unsigned long)lines);
}

static bool send_datagram(struct net_flood *f)
{
	struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, f->bytes, PBUF_RAM);
	err_t error;

	if (!p)
		return false;
	memset(p->payload, 'f', f->bytes);
	error = udp_sendto(f->pcb, p, &f->to, f->port);
	pbuf_free(p);
	return error == ERR_OK;
}

static void flood_on(void *arg)
{
	struct net_flood *f = arg;
	/* The first one alone: it fetches the neighbour's address. */
	uint32_t burst = f->sent ? FLOOD_BURST : 1;

	for (; f->conn && f->left && burst; burst--, f->left--) {
		if (send_datagram(f))
			f->sent++;
		else
			f->lost++;
	}
	if (f->conn && f->left) {
		sys_timeout(1, flood_on, f);
		return;
	}
	if (f->conn)
		http_reply_text(f->conn, 200, "sent: %u datagrams, %u lost\n", f->sent, f->lost);
	udp_remove(f->pcb);
	mem_free(f);
}

static void on_client_left(void *arg)
{
	struct net_flood *f = arg;

	f->conn = NULL;
}

static bool parse_flood(const char *query, struct net_flood *f)
{
	char to[24];
	const char *p = to;
	uint64_t port, packets, bytes = FLOOD_MAX_BYTES;
	uint32_t address;

	if (!query_find(query, "to", to, sizeof(to)) || !cmdline_parse_ipv4(&p, &address) ||
	    *p++ != ':' || !cmdline_parse_number(&p, &port) || *p || !port || port > UINT16_MAX ||
	    !query_find_number(query, "packets", FLOOD_MAX_PACKETS, &packets))
		return false;
	/* Datagrams are of full size unless it is given. */
	(void)query_find_number(query, "bytes", FLOOD_MAX_BYTES, &bytes);
	f->to.addr = lwip_htonl(address);
	f->port = (uint16_t)port;
	f->bytes = (uint16_t)bytes;
	f->left = (uint32_t)packets;
	return true;
}

void load_flood_net(void *arg, struct http_conn *conn, const struct http_request *request)
{
	struct net_flood flood = { .conn = conn }, *f;

	(void)arg;
	if (!parse_flood(request->query, &flood)) {
		http_reply_text(conn, 400,
				"expected /flood-net?to=A.B.C.D:PORT&packets=N[&bytes=N], at most "
				"%u packets of %u bytes\n",
				FLOOD_MAX_PACKETS, FLOOD_MAX_BYTES);
		return;
	}
	f = mem_malloc(sizeof(*f));
	flood.pcb = f ? udp_new() : NULL;
	if (!flood.pcb) {
		if (f)
			mem_free(f);
		http_reply_text(conn, 503, "out of memory\n");
		return;
	}
	*f = flood;
	http_on_leave(conn, on_client_left, f);
	flood_on(f);
}
